"""A receipt printer that is not there (仿真小票打印机): it answers DLE EOT n with the bytes of the makers' manuals.

printer = EscposPrinter(control=Path("printer.mode"), link=Path("kiosk-7-printer"))
printer.run()                                      # for ever; in another process:
switch(Path("printer.mode"), "paper_end")          # … and the next status says so
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

from roundsman_collector.demo.fakes.line import Line, Mode, switch

__all__ = ["MODES", "EscposPrinter", "switch"]

# For each mode the answers to DLE EOT 1, 2, 3 and 4; a mode without answers is silent.
MODES: Final = MappingProxyType(
    {
        "ok": (0x12, 0x12, 0x12, 0x12),
        "near_end": (0x12, 0x12, 0x12, 0x1E),
        "paper_end": (0x1A, 0x32, 0x12, 0x7E),
        "cover_open": (0x1A, 0x16, 0x12, 0x12),
        "cutter": (0x1A, 0x52, 0x1A, 0x12),
        "dead": (),
    }
)

REQUEST: Final = b"\x10\x04"


class EscposPrinter:
    """The printer: ``port`` is the device to open, ``control`` the file that holds one word of MODES."""

    def __init__(self, *, control: Path | None = None, link: Path | None = None) -> None:
        self._line = Line(link=link)
        self._mode = Mode(control=control, words=tuple(MODES))
        self._heard = b""
        self.port = self._line.port

    def run(self) -> None:
        """Answer for ever."""
        while True:
            self.turn(wait_s=1.0)

    def turn(self, *, wait_s: float) -> None:
        """Wait for requests and answer those that came."""
        self._heard += self._line.hear(wait_s)
        answers = self._mode.word()
        while (start := self._heard.find(REQUEST)) >= 0 and len(self._heard) > start + 2:
            n = self._heard[start + 2]
            self._heard = self._heard[start + 3 :]
            if 1 <= n <= len(MODES[answers]):
                self._line.say(bytes([MODES[answers][n - 1]]))
        self._heard = self._heard[-2:]  # what is no request was print data: gone to paper

    def close(self) -> None:
        """Pull the cable."""
        self._line.close()
