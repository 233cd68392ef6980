"""What differs between operating systems, time apart (that is clock.py): parents, shutdowns, locks, free disk."""

import os
import select
import signal
import sys
from typing import IO

_PR_SET_PDEATHSIG = 1
_ANSWER_WITHIN_S = 2.0


class AlreadyLocked(Exception):
    """Another process holds the lock."""


def die_with_parent() -> None:
    """Be stopped (SIGTERM) when the process that started this one ends, however it ends. Linux only; elsewhere OSError.

    The kernel watches the *thread* that started us: start agents from a thread that lives as long as they shall.
    """
    if not sys.platform.startswith("linux"):
        raise OSError("--die-with-parent needs Linux (PR_SET_PDEATHSIG)")
    import ctypes

    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)


def system_is_stopping() -> bool | None:
    """Whether this very machine is shutting down, as its service supervisor tells; None where nobody can say."""
    if not os.path.isdir("/run/systemd/system"):
        return None
    reader, writer = os.pipe()
    try:
        child = os.posix_spawnp(
            "systemctl",
            ["systemctl", "is-system-running"],
            dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)],
        )
    except OSError:
        os.close(writer)
        os.close(reader)
        return None
    os.close(writer)
    has_answer = bool(select.select([reader], [], [], _ANSWER_WITHIN_S)[0])
    word = os.read(reader, 100).decode(errors="replace").strip() if has_answer else ""
    os.close(reader)
    if not has_answer:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return word == "stopping" if word else None


def lock(path: str) -> IO[bytes]:
    """Hold `path` locked until the returned file is closed or the process ends; AlreadyLocked if somebody else does."""
    file = open(path, "ab")  # noqa: SIM115  # it stays open: closing it would give the lock away
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise AlreadyLocked(path) from error
    return file


def free_bytes(folder: str) -> int:
    """How much an ordinary process may still write on the disk of `folder`."""
    if sys.platform == "win32":
        import shutil

        return shutil.disk_usage(folder).free
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def folder_bytes(folder: str) -> int:
    """What the files in a folder take."""
    with os.scandir(folder) as found:
        return sum(one.stat(follow_symlinks=False).st_size for one in found if one.is_file(follow_symlinks=False))


def replace_file(path: str, content: bytes, mode: int = 0o666) -> None:
    """Write a small file so that after a power cut there is the old or the new one, whole."""
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    if sys.platform != "win32":
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
