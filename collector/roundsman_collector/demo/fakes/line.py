"""A serial line that is not there: the device's end of a pseudo-terminal, with a stable name for the agent's end.

The agent's end is kept closed here, as a real device does not hold the computer's port: only the agent opens it.
"""

from __future__ import annotations

import errno
import os
import select
import time
import tty
from pathlib import Path
from typing import Final

__all__ = ["Line", "Mode", "switch"]

NOBODY_WAIT_S: Final = 0.02
"""How long to rest while nobody has the port open: the kernel then calls the line readable for ever."""


class Line:
    """The device's end. ``port`` is what the agent opens; ``link``, when given, is made to point to it."""

    def __init__(self, *, link: Path | None = None) -> None:
        self._fd, far = os.openpty()
        tty.setraw(far)
        self.port = os.ttyname(far)
        os.close(far)
        os.set_blocking(self._fd, False)
        self._link = link
        if link is not None:
            link.parent.mkdir(parents=True, exist_ok=True)
            # Made beside and moved: the agent never sees the moment in which there is no port.
            fresh = link.with_name(link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.port)
            fresh.replace(link)

    def hear(self, wait_s: float) -> bytes:
        """What came within ``wait_s``, or nothing; always back in time."""
        end = time.monotonic() + wait_s
        while True:
            left = max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self._fd], [], [], left)
            if not ready:
                return b""
            try:
                return os.read(self._fd, 4096)
            except OSError as error:
                # EIO: nobody has it open. EAGAIN: what select saw was gone again, as when the agent closes its end.
                if error.errno not in (errno.EIO, errno.EAGAIN):
                    raise
            if left <= 0:
                return b""
            time.sleep(min(NOBODY_WAIT_S, left))

    def say(self, data: bytes) -> None:
        """Send what fits: a device does not wait for a reader."""
        try:
            os.write(self._fd, data)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise

    def close(self) -> None:
        """Pull the cable: the port disappears, and the link with it."""
        os.close(self._fd)
        if self._link is not None and self._link.is_symlink() and os.readlink(self._link) == self.port:
            self._link.unlink()


class Mode:
    """The word in a control file; the file may appear late, and a device keeps its mode while it is not there."""

    def __init__(self, *, control: Path | None, words: tuple[str, ...]) -> None:
        self._control, self._words, self._word = control, words, words[0]

    def word(self) -> str:
        """The mode in force; ValueError when the file holds a word that this device does not know."""
        try:
            said = self._control.read_text(encoding="utf-8").strip() if self._control is not None else ""
        except FileNotFoundError:
            said = ""
        if said and said not in self._words:
            raise ValueError(f"{self._control}: {said!r} is no mode of this device; it has {', '.join(self._words)}")
        self._word = said or self._word
        return self._word


def switch(control: Path, word: str) -> None:
    """Put a device into a mode: write its control file in one step."""
    control.parent.mkdir(parents=True, exist_ok=True)
    fresh = control.with_name(control.name + ".new")
    fresh.write_text(word + "\n", encoding="utf-8")
    fresh.replace(control)
