"""A backup: one file that holds everything a collector is, made while it runs; and the way back.

    create(settings, file, now_ms, progress) -> Made           database, credentials, certificates, configuration
    verify(file, work, progress) -> Manifest                   every byte, and every page of the database
    restore(file, folder, now_ms, force, progress) -> Restored

The file is a tar (compressed when its name ends in .gz) that any `tar` can read:

    manifest.json                what is in it: version, schema, epoch, when, and the SHA-256 of each member
    roundsman.sqlite3            the database as it was at one moment
    agents.json api-token broker/broker.json tls/...      from the data folder
    configuration/1-roundsman.toml ...                    the configuration and the files that it names

It holds every credential of the installation, so it has mode 0600, and belongs where only its keepers can read it. It
is written beside its place and renamed when it is whole and on the disk: a file of that name is a backup or is not
there.

What the database needs to live on after a restore is told in store/backup.py.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from roundsman_collector import logins
from roundsman_collector.config import DATABASE, TLS, TOKEN, Config
from roundsman_collector.store import backup as database
from roundsman_collector.store import is_made

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 4 * 1024 * 1024
FOLDER = "backups"
"""Where backups go if nobody says where, in the data folder."""
CONFIGURATION = "configuration"
KEPT = (logins.NAME, TOKEN, "broker/broker.json", TLS)
"""What belongs to the database, from the data folder: files, and folders of files."""
NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]*")
"""What a member may be called: nothing that leads out of the folder it is unpacked into."""
CHUNK = 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024
WORKSHOP = ".roundsman-backup-"
LEFTOVER_MS = 24 * 3600 * 1000

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how much."""


class BackupError(Exception):
    """A backup cannot be made, or cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in a backup. `source`: where it lay, if not in the data folder."""

    name: str
    bytes: int
    sha256: str
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    schema: str
    epoch: str
    made_ms: int
    members: tuple[Member, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A backup that was made."""

    file: Path
    bytes: int
    manifest: Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What a restore did. `aside`: where what was there before is now, and `aside_schema` its tables on a server;
    `let_in_again`: agents that had lost their credential and have it again."""

    manifest: Manifest
    epoch: str
    aside: Path | None
    aside_schema: str
    configuration: Path | None
    let_in_again: tuple[str, ...]


# --- create ----------------------------------------------------------------------------------------------------------


def create(settings: Config, file: Path | None, now_ms: int, progress: Progress) -> Made:
    """Make a backup while the collector runs, or while it does not. Raises BackupError, StoreError, OSError."""
    source = settings.database
    if not is_made(source):
        shown = settings.store.url or source
        raise BackupError(f"{shown}: there is no database yet; name the data folder with --data or --config")
    target = _target(settings.data.folder, file, now_ms)
    _refuse_small_disk(database.size_of(source), target)
    with _workshop(target.parent, now_ms) as work:
        copied = database.copy(source, work / DATABASE, lambda done, whole: progress("copy", done, whole))
        named = _configuration(settings)
        paths = {DATABASE: work / DATABASE, **_kept(settings.data.folder), **named}
        strange = [name for name in paths if not NAME.fullmatch(name)]
        if strange:
            raise BackupError(
                f"{settings.data.folder}: no backup can hold {strange}; rename them, letters and digits only"
            )
        members = (
            Member(
                name=name,
                bytes=path.stat().st_size,
                sha256=_sha256(path, progress),
                source=str(path) if name in named else "",
            )
            for name, path in paths.items()
        )
        manifest = Manifest(
            format=FORMAT,
            version=version("roundsman-collector"),
            schema=copied.schema,
            epoch=copied.epoch,
            made_ms=now_ms,
            members=tuple(members),
        )
        part = work / "part"
        _pack(part, target.suffix == ".gz", manifest, paths, progress)
        if target.exists():
            raise BackupError(f"{target}: somebody has made this file meanwhile; choose another name")
        part.rename(target)
        _sync_folder(target.parent)
    database.note(source, now_ms)
    return Made(file=target, bytes=target.stat().st_size, manifest=manifest)


def default_name(now_ms: int) -> str:
    """What a backup is called if nobody says."""
    return f"roundsman-{_stamp(now_ms)}.tar"


def _stamp(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y%m%dT%H%M%SZ}"


def _target(folder: Path, file: Path | None, now_ms: int) -> Path:
    if file is None:
        file = folder / FOLDER
        file.mkdir(mode=0o700, exist_ok=True)
    target = (file / default_name(now_ms) if file.is_dir() else file).absolute()
    if target.exists():
        raise BackupError(f"{target}: is there already, and a backup never replaces a file; choose another name")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: is no folder; make it, or choose another place")
    return target


def _refuse_small_disk(size: int, target: Path) -> None:
    """The copy and the file that it goes into stand side by side for a while."""
    need = 2 * size + SPARE_BYTES
    free = shutil.disk_usage(target.parent).free
    if free < need:
        raise BackupError(
            f"{target.parent}: {free / 1e9:.1f} GB are free, a backup needs {need / 1e9:.1f} GB for a while; "
            "free space, or name a file on another disk"
        )


def _kept(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in KEPT:
        place = folder / name
        files = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
        found |= {one.relative_to(folder).as_posix(): one for one in files if one.is_file()}
    return found


def _configuration(settings: Config) -> dict[str, Path]:
    """The configuration and every file it names that does not lie in the data folder, numbered: names may be alike."""
    named = [] if settings.source is None else [settings.source.absolute()]
    for section in settings.model_fields_set | set(type(settings).model_fields):
        part = getattr(settings, section)
        if isinstance(part, BaseModel) and section != "data":
            named += _paths_in([getattr(part, field) for field in type(part).model_fields])
    home = settings.data.folder.resolve()
    outside = [one for one in dict.fromkeys(one.resolve() for one in named) if home not in one.parents]
    return {
        f"{CONFIGURATION}/{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', one.name)}": one
        for number, one in enumerate((one for one in outside if one.is_file()), start=1)
    }


def _paths_in(values: list[Any]) -> list[Path]:
    found: list[Path] = []
    for value in values:
        if isinstance(value, Path):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _paths_in(list(value))
    return found


def _pack(part: Path, is_compressed: bool, manifest: Manifest, paths: Mapping[str, Path], progress: Progress) -> None:
    """Write the archive, the manifest first, and see that it is on the disk."""
    said = json.dumps(asdict(manifest), indent=1).encode()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with (
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=1)
            if is_compressed
            else tarfile.open(fileobj=file, mode="w") as packed
        ):
            packed.addfile(_header(MANIFEST, len(said), manifest), io.BytesIO(said))
            for one in manifest.members:
                with paths[one.name].open("rb") as content:
                    packed.addfile(
                        _header(one.name, one.bytes, manifest),
                        _Watched(content, f"pack {one.name}", one.bytes, progress),
                    )
        file.flush()
        os.fsync(file.fileno())


def _header(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o600, manifest.made_ms // 1000
    return header


class _Watched:
    """A file that tells how far it has been read."""

    def __init__(self, content: IO[bytes], doing: str, whole: int, progress: Progress) -> None:
        self._content, self._doing, self._whole, self._progress = content, doing, whole, progress
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        found = self._content.read(size)
        self._done += len(found)
        self._progress(self._doing, self._done, self._whole)
        return found


def _sha256(path: Path, progress: Progress) -> str:
    with path.open("rb") as content:
        watched = _Watched(content, f"sum {path.name}", path.stat().st_size, progress)
        return str(_drained(watched, None).hexdigest())


def _drained(content: Any, into: IO[bytes] | None) -> Any:
    """Read to the end, write it on if asked, and return the sum."""
    found = hashlib.sha256()
    while chunk := content.read(CHUNK):
        found.update(chunk)
        if into is not None:
            into.write(chunk)
    return found


# --- verify ----------------------------------------------------------------------------------------------------------


def verify(file: Path, now_ms: int, progress: Progress) -> Manifest:
    """Read a backup to its last byte and look through its database. Raises BackupError, StoreError, OSError.

    The database is unpacked beside the file for it, and deleted afterwards.
    """
    with _workshop(file.absolute().parent, now_ms) as work:
        return _unpack(file, work, progress)


def _unpack(file: Path, work: Path, progress: Progress) -> Manifest:
    """Everything in the archive as files below `work`, each as the manifest says, the database whole."""
    try:
        with tarfile.open(file, "r:*") as packed:
            manifest = _manifest(packed, file)
            for one in manifest.members:
                _take_out(packed, one, work, file, progress)
            if packed.next() is not None:
                raise BackupError(f"{file}: holds more than its manifest names; it was changed after it was made")
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file}: is no whole backup ({error}); take another one") from error
    progress("check the database", 0, 1)
    found = database.check(work / DATABASE)
    progress("check the database", 1, 1)
    if (found.epoch, found.schema) != (manifest.epoch, manifest.schema):
        raise BackupError(f"{file}: its database is not the one that its manifest speaks of; take another backup")
    return manifest


def _manifest(packed: tarfile.TarFile, file: Path) -> Manifest:
    header = packed.next()
    content = None if header is None or header.name != MANIFEST or not header.isfile() else packed.extractfile(header)
    if header is None or content is None or header.size > MANIFEST_LIMIT:
        raise BackupError(f"{file}: is no backup of Roundsman: {MANIFEST} does not stand first in it")
    try:
        said = json.loads(content.read())
        if isinstance(said, dict) and said.get("format") != FORMAT:
            raise BackupError(f"{file}: has format {said.get('format')!r}; this program reads {FORMAT}")
        manifest = TypeAdapter(Manifest).validate_python(said)
    except (ValueError, ValidationError) as error:
        raise BackupError(f"{file}: its {MANIFEST} cannot be read ({error}); take another one") from error
    names = [one.name for one in manifest.members]
    strange = [name for name in names if not NAME.fullmatch(name)]
    if strange or len(set(names)) != len(names) or DATABASE not in names:
        raise BackupError(f"{file}: its {MANIFEST} names what no backup holds: {strange or names}")
    return manifest


def _take_out(packed: tarfile.TarFile, one: Member, work: Path, file: Path, progress: Progress) -> None:
    header = packed.next()
    content = None if header is None or header.name != one.name or not header.isfile() else packed.extractfile(header)
    if header is None or content is None or header.size != one.bytes:
        raise BackupError(f"{file}: {one.name} is not where its manifest says; it is not whole, or was changed")
    place = work / one.name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as into:
        found = _drained(_Watched(content, f"read {one.name}", one.bytes, progress), into)
        into.flush()
        os.fsync(into.fileno())
    if found.hexdigest() != one.sha256:
        raise BackupError(f"{file}: {one.name} is not what was put in; the file is damaged, take another backup")


# --- restore ---------------------------------------------------------------------------------------------------------


def restore(
    file: Path, folder: Path, now_ms: int, *, force: bool, progress: Progress, server: str | None = None
) -> Restored:
    """Put what a backup holds into a data folder, and its database there as well, or into the one on a `server`.

    Nothing is touched before the backup has proved whole. Where a database is already, `force` is needed: it is set
    aside with its credentials, never deleted. Raises BackupError, StoreError, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    where = server or folder / DATABASE
    with database.claimed(where) as held, _workshop(folder, now_ms) as work:
        if is_made(where) and not force:
            raise BackupError(f"{where}: is there already; --force sets it aside and puts the backup in its place")
        manifest = _unpack(file, work, progress)
        before = _agents_of(folder)
        life = database.life_of(where)
        epoch = database.begin_anew(work / DATABASE, manifest.made_ms, now_ms, life)
        inside = [one.name for one in manifest.members if not one.name.startswith(f"{CONFIGURATION}/")]
        outside = [one.name for one in manifest.members if one.name.startswith(f"{CONFIGURATION}/")]
        aside_schema = ""
        if server is not None:  # it may fail, all of it or nothing: before anything else is touched
            aside_schema = database.put_back(
                held, work / DATABASE, server, now_ms, lambda done, whole: progress("put back", done, whole)
            )
        aside = _set_aside(folder, now_ms)
        for name in (one for one in inside if one != DATABASE):
            _move(work / name, folder / name)
        if server is None:
            _move(work / DATABASE, folder / DATABASE)  # the last: then it is all there
        for name in outside:
            _move(work / name, folder / f"{CONFIGURATION}-{_stamp(manifest.made_ms)}" / Path(name).name)
        _sync_folder(folder)
    return Restored(
        manifest=manifest,
        epoch=epoch,
        aside=aside,
        aside_schema=aside_schema,
        configuration=folder / f"{CONFIGURATION}-{_stamp(manifest.made_ms)}" if outside else None,
        let_in_again=tuple(sorted(_agents_of(folder) - before)) if before else (),
    )


def _agents_of(folder: Path) -> set[str]:
    try:
        return {login.agent for login in logins.read(folder)}
    except (OSError, logins.LoginsError):
        return set()


def _set_aside(folder: Path, now_ms: int) -> Path | None:
    """Move what a restore would replace into a folder of its own; the old database's log first, no other may see it."""
    names = [f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE, *KEPT]
    found = [name for name in names if (folder / name).exists()]
    if not found:
        return None
    aside = folder / f"before-restore-{_stamp(now_ms)}"
    aside.mkdir(mode=0o700)
    for name in found:
        _move(folder / name, aside / name)
    _sync_folder(aside)
    return aside


def _move(what: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    what.rename(to)
    _sync_folder(to.parent)


# --- places ----------------------------------------------------------------------------------------------------------


@contextmanager
def _workshop(folder: Path, now_ms: int) -> Iterator[Path]:
    """A folder beside what is to be made, gone afterwards; what a kill left behind a day ago goes too."""
    for left in folder.glob(f"{WORKSHOP}*"):
        if now_ms - left.stat().st_mtime_ns // 1_000_000 > LEFTOVER_MS:
            shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=WORKSHOP, dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
