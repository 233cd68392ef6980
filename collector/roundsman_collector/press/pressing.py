"""HTML becomes a file of pages: the process is started, followed, ended, and its file named when it is whole.

    press(html, to, limits=Limits(), on_page=print) -> Pressed(pages, size, sha256, took_s, cpu_s, peak_bytes)

The file is written beside its place, synced and renamed: where `to` exists afterwards, it is whole. Whatever goes wrong
is a PressError of a kind in `WHY`, and nothing is left behind. One at a time: `turn` is the file whose lock is taken.
"""

import ctypes
import errno
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from roundsman_collector.press.fonts import INSTALL
from roundsman_collector.tether import tethered
from roundsman_wire.catalogue import Label, Language

Kind = Literal[
    "absent", "library", "font", "memory", "time", "busy", "disk", "large", "file", "page", "killed", "stopped"
]
MIB = 1024 * 1024
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
"""All that the process sees of our environment; logins are not among it."""
PIECE = 65_536
LIBRARIES = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0", "libfontconfig.so.1")
HEAD, TAIL = b"%PDF-", b"%%EOF"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one document may take. `memory_bytes` is address space: more than what is used at a time."""

    memory_bytes: int = 1024 * MIB
    cpu_s: int = 120
    wall_s: float = 600.0
    wait_s: float = 1800.0
    """For its turn."""
    file_bytes: int = 200 * MIB


LIMITS = Limits()


class Pressed(NamedTuple):
    """A file that was made."""

    pages: int
    size: int
    sha256: str
    took_s: float
    cpu_s: float
    peak_bytes: int


AGAIN = Label(zh="请稍后重试；网页仍可直接打印", en="try again later; the page itself can be printed")
WHY: Mapping[Kind, tuple[Label, Label]] = {
    "absent": (
        Label(zh="未安装 PDF 组件（WeasyPrint）", en="what makes PDFs (WeasyPrint) is not installed"),
        Label(
            zh="请执行 pip install 'roundsman-collector[pdf]'；网页仍可直接打印",
            en="pip install 'roundsman-collector[pdf]'; the page itself can be printed",
        ),
    ),
    "library": (
        Label(zh="缺少 WeasyPrint 所需的系统库", en="a library of the system that WeasyPrint needs is missing"),
        Label(
            zh="请执行 apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
            en="apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        ),
    ),
    "font": (
        Label(zh="本机没有中文字体", en="this machine has no Chinese font"),
        Label(zh=f"请执行 {INSTALL}", en=INSTALL),
    ),
    "memory": (
        Label(zh="内存超出限额", en="it needed more memory than it may have"),
        Label(zh="请缩短统计周期，或提高内存限额", en="take a shorter period, or raise the limit of memory"),
    ),
    "time": (
        Label(zh="用时超出限额", en="it took longer than it may"),
        Label(zh="请缩短统计周期，或提高时间限额", en="take a shorter period, or raise the limit of time"),
    ),
    "busy": (Label(zh="其他报告仍在排版，等待超时", en="other reports are being made, and did not end"), AGAIN),
    "disk": (
        Label(zh="磁盘已满", en="the disk is full"),
        Label(zh="请清理磁盘后重试", en="free space and try again"),
    ),
    "large": (
        Label(zh="文件大小超出限额", en="the file would be larger than it may"),
        Label(zh="请缩短统计周期", en="take a shorter period"),
    ),
    "file": (
        Label(zh="文件无法写入", en="the file cannot be written"),
        Label(zh="请检查目录及其权限", en="look at the folder and its rights"),
    ),
    "page": (
        Label(zh="页面无法排版", en="the page cannot be set"),
        Label(
            zh="请将此提示反馈给开发人员；网页仍可直接打印", en="tell the developers; the page itself can be printed"
        ),
    ),
    "killed": (Label(zh="排版进程被终止", en="the process that sets pages was killed"), AGAIN),
    "stopped": (Label(zh="排版进程意外退出", en="the process that sets pages ended before it was done"), AGAIN),
}
"""What happened, and what to do."""


class PressError(Exception):
    """No PDF was made: what happened and what to do, for people in both languages."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        self.kind = kind
        self.what, self.do = WHY[kind]
        self.detail = detail
        super().__init__(f"{self.what.en}{f' ({detail})' if detail else ''}: {self.do.en}")


def why(problem: str, language: Language) -> str:
    """A failure that was written down as its English words (`str(PressError)`), in a language; others as they are."""
    for what, do in WHY.values():
        if language == "zh" and problem.startswith(what.en) and problem.endswith(do.en):
            return f"{what.zh}{problem[len(what.en) : -len(do.en)].rstrip(': ')}：{do.zh}"
    return problem


def is_installed() -> bool:
    """Whether WeasyPrint is here."""
    return find_spec("weasyprint") is not None


def lacking() -> list[str]:
    """The libraries of the system that WeasyPrint loads and that are not here."""
    return [name for name in LIBRARIES if not _loads(name)]


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def press(
    html: str,
    to: Path,
    *,
    limits: Limits = LIMITS,
    on_page: Callable[[int], None] = lambda page: None,
    turn: Path | None = None,
) -> Pressed:
    """Make `to` of a page that carries all it needs. `on_page` hears which page is being set.

    `turn` None: one at a time in the folder of `to`.
    """
    if not is_installed():
        raise PressError("absent")
    began = time.monotonic()
    aside = to.with_name(f".{to.name}.{os.getpid()}-{time.monotonic_ns()}")
    try:
        done = _made(html, aside, turn or to.with_name(".press"), limits, on_page)
        size, sha256 = _whole(aside)
        aside.replace(to)
        _sync(to.parent)
    except UnicodeError as error:
        raise PressError("page", str(error)) from error
    except OSError as error:
        raise PressError("disk" if _is_full(error) else "file", str(error)) from error
    finally:
        with suppress(OSError):
            aside.unlink()
    return Pressed(done["pages"], size, sha256, time.monotonic() - began, done["cpu_s"], done["peak_bytes"])


def _made(html: str, aside: Path, turn: Path, limits: Limits, on_page: Callable[[int], None]) -> dict[str, Any]:
    """What the process said at its end."""
    with tempfile.TemporaryFile(dir=aside.parent) as page, tempfile.TemporaryFile(dir=aside.parent) as complaints:
        page.write(html.encode("utf-8"))
        page.seek(0)
        child = _started(aside, turn, limits, page, complaints)
        try:
            for step in _steps(child, limits):
                if "page" in step:
                    on_page(step["page"])
                elif "error" in step:
                    raise PressError(step["error"]["kind"], step["error"]["detail"])
                elif "done" in step:
                    return dict(step["done"])
            raise _ended(child.wait(), complaints)
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def _started(
    aside: Path, turn: Path, limits: Limits, page: IO[bytes], complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    settings = {"AS": limits.memory_bytes, "CPU": limits.cpu_s, "FSIZE": limits.file_bytes}
    module = "roundsman_collector.press.sheets"
    argv = [sys.executable, "-I", "-m", module, str(aside.absolute()), str(turn.absolute()), json.dumps(settings)]
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.Popen(
        tethered(argv, signal.SIGKILL), stdin=page, stdout=subprocess.PIPE, stderr=complaints, env=env
    )


def _steps(child: subprocess.Popen[bytes], limits: Limits) -> Iterator[dict[str, Any]]:
    """What the process tells, until it ends; PressError when it takes too long for its turn, or at its work."""
    assert child.stdout is not None
    file, rest = child.stdout.fileno(), b""
    deadline, late = time.monotonic() + limits.wait_s, PressError("busy")
    while True:
        ready, _, _ = select.select([file], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise late
        told = os.read(file, PIECE)
        if not told:
            return
        *lines, rest = (rest + told).split(b"\n")
        for step in map(json.loads, lines):
            if "turn" in step:
                deadline, late = time.monotonic() + limits.wall_s, PressError("time", f"{limits.wall_s:g} s")
            yield step


def _ended(code: int, complaints: IO[bytes]) -> PressError:
    """Why a process ended that did not say so itself."""
    complaints.seek(0)
    said = complaints.read()[-PIECE:].decode("utf-8", "replace").strip().splitlines()
    detail = said[-1][:300] if said else f"exit status {code}"
    if code == -signal.SIGXCPU:
        return PressError("time", "processor time")
    if any("alloc" in line or "MemoryError" in line for line in said) or code in (-signal.SIGABRT, -signal.SIGTRAP):
        return PressError("memory", detail)
    if code == -signal.SIGKILL:
        return PressError("killed", "SIGKILL: perhaps by the system, for want of memory")
    return PressError("stopped", detail)


def _whole(file: Path) -> tuple[int, str]:
    """Size and SHA-256 of a PDF with its beginning and its end."""
    body = file.read_bytes()
    if not body.startswith(HEAD) or TAIL not in body[-64:]:
        raise PressError("stopped", f"{len(body)} bytes that are no whole PDF")
    return len(body), hashlib.sha256(body).hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
