"""The process that makes a PDF: HTML on standard input, the file's path as argument, a line of JSON for each step.

    {"turn": true}  {"page": 1}  {"page": 2} ...  {"done": {"pages": 2, ...}}     or   {"error": {...}}

It waits until no other one of this collector is at work, and lets no limit be raised again. Nothing is fetched but what
the page carries itself (`data:`): no file, no address.
"""

import errno
import fcntl
import json
import logging
import os
import re
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from roundsman_collector.press.fonts import chinese_fonts

CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
STARVED = ("out of memory", "cannot allocate memory", "failed to map segment")
POLITE = 10
"""Agents are listened to first."""
PAGE = re.compile(r"Page (\d+)$")
NOWHERE = "http://page.invalid/"
"""Where an address without a host would lead: a fetch of it is noticed, too."""


class NotFetched(Exception):
    """A page asked for something that it does not carry itself."""


class Refused(Exception):
    """The page cannot be set as it is: kind and detail."""


def main(to: str, turn: str, settings: dict[str, int]) -> int:
    """Make the file; 1 when it could not be made, with the reason told."""
    for name in ("AS", "CPU", "FSIZE", "CORE"):
        limit = settings.get(name, 0)
        # Above the soft limit of processor time comes SIGXCPU, above the hard one SIGKILL, which tells nobody why.
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit + (name == "CPU")))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.nice(POLITE)
    with Path(turn).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tell(turn=True)
        try:
            pages = make(sys.stdin.buffer.read().decode("utf-8"), Path(to))
        except Exception as error:  # whatever it is, the collector makes words of it
            kind, detail = reason(error)
            tell(error={"kind": kind, "detail": detail})
            return 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    tell(done={"pages": pages, "cpu_s": used.ru_utime + used.ru_stime, "peak_bytes": peak_bytes()})
    return 0


def peak_bytes() -> int:
    """The most memory that this process used at a time.

    Not ru_maxrss: that begins with what the process held that this one was started from (exec keeps it).
    """
    status = Path("/proc/self/status").read_text("ascii", "replace")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def make(html: str, to: Path) -> int:
    """Set the pages and write the file, synced; how many pages they are."""
    if CHINESE.search(html) and not chinese_fonts():
        raise Refused("font", "no font of this machine holds Chinese")
    from weasyprint import HTML  # type: ignore[import-untyped]

    follow()
    asked: list[str] = []
    document = HTML(string=html, base_url=NOWHERE, url_fetcher=carried(asked)).render()
    if asked:
        raise Refused("page", f"a page carries what it shows, and nothing is fetched: {asked[0]}")
    with to.open("xb") as file:
        document.write_pdf(file)
        file.flush()
        os.fsync(file.fileno())
    return len(document.pages)


def carried(asked: list[str]) -> Any:
    """What reads `data:` addresses; other ones are not read, but written into `asked`."""
    from weasyprint import URLFetcher

    class Carried(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith("data:"):
                asked.append(url[:80])
                raise NotFetched(url[:80])
            return super().fetch(url, headers)

    return Carried(allowed_protocols=("data",), allow_redirects=False)


def follow() -> None:
    """Tell every page that is begun. (All are begun again where the number of pages turns out to be another.)"""

    class Pages(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if found := PAGE.search(record.getMessage()):
                tell(page=int(found[1]))

    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # it warns of each rule that is for browsers
    logger = logging.getLogger("weasyprint.progress")
    logger.setLevel(logging.INFO)
    logger.addHandler(Pages())


def reason(error: Exception) -> tuple[str, str]:
    """The kind of a failure, and its words."""
    detail = f"{type(error).__name__}: {error}"[:300]
    if isinstance(error, Refused):
        return error.args
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in STARVED):
        return "memory", detail
    if isinstance(error, ImportError | OSError) and "cannot load library" in str(error):
        return "library", str(error)[:200]
    if isinstance(error, ImportError):
        return "absent", detail
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk", error.strerror or detail
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "large", error.strerror or detail
    if isinstance(error, OSError):
        return "file", detail
    return "page", detail


def tell(**step: Any) -> None:
    """One step, at once."""
    print(json.dumps(step), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
