"""A satellite receiver that is not there (仿真定位模块). **The track is generated**: a circle that no bus drives.

    source = NmeaSource(now=clock.now, control=Path("gnss.mode"), link=Path("bus-31-gnss"))
    source.run()                                       # one round of sentences a second, for ever

A round is RMC, GGA, one GSA per system, and GSV with the satellites in view, each with a right checksum. The time in it
is the time that ``now`` tells; everything else is made up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Final

from roundsman_collector.demo.fakes.line import Line, Mode, switch

__all__ = ["MODES", "NmeaSource", "sentences", "switch"]

MODES: Final = ("fix", "no_fix", "bad_line", "silent")
"""With a fix, without one, with every third sentence damaged on the line, or not a byte."""

CENTRE: Final = (31.0, 121.0)
RADIUS_M: Final = 500.0
SPEED_M_S: Final = 10.0
METRES_PER_DEGREE: Final = 111_320.0
KNOTS_PER_M_S: Final = 1.943844

# (number, elevation °, azimuth °, signal dB-Hz): made up, as good as a bus on an open road has it.
GPS: Final = ((2, 61, 35, 44), (5, 48, 122, 42), (12, 33, 210, 39), (25, 27, 301, 37), (29, 12, 77, 31))
BEIDOU: Final = ((3, 52, 190, 43), (8, 66, 12, 45), (13, 41, 148, 41), (24, 30, 260, 38))


def sentences(step: int, at: datetime, *, fix: bool = True) -> Iterator[bytes]:
    """One round: what the receiver says ``step`` seconds along the generated track, at the time ``at`` (UTC)."""
    angle = SPEED_M_S * step / RADIUS_M
    north, east = RADIUS_M * math.cos(angle), RADIUS_M * math.sin(angle)
    latitude = CENTRE[0] + north / METRES_PER_DEGREE
    longitude = CENTRE[1] + east / (METRES_PER_DEGREE * math.cos(math.radians(CENTRE[0])))
    course = (math.degrees(angle) + 90) % 360  # clockwise
    clock, day = at.astimezone(UTC).strftime("%H%M%S.00"), at.astimezone(UTC).strftime("%d%m%y")
    place = f"{_degrees(latitude, 2)},N,{_degrees(longitude, 3)},E" if fix else ",,,"
    used = len(GPS) + len(BEIDOU) if fix else 0
    speed = f"{SPEED_M_S * KNOTS_PER_M_S:.2f},{course:.1f}" if fix else ","
    yield _sentence(f"GNRMC,{clock},{'A' if fix else 'V'},{place},{speed},{day},,,{'A' if fix else 'N'},V")
    yield _sentence(f"GNGGA,{clock},{place},{int(fix)},{used:02},{'0.8' if fix else ''},{'12.0' if fix else ''},M,,M,,")
    for system, satellites in ((1, GPS), (4, BEIDOU)):
        numbers = [f"{number:02}" for number, *_ in satellites] if fix else []
        slots = ",".join([*numbers, *[""] * (12 - len(numbers))])
        yield _sentence(f"GNGSA,A,{3 if fix else 1},{slots},{'1.5,0.8,1.2' if fix else ',,'},{system}")
    for talker, satellites in (("GP", GPS), ("BD", BEIDOU)):
        yield from _in_view(talker, satellites)


def _in_view(talker: str, satellites: tuple[tuple[int, int, int, int], ...]) -> Iterator[bytes]:
    pages = [satellites[start : start + 4] for start in range(0, len(satellites), 4)]
    for page, shown in enumerate(pages, start=1):
        blocks = ",".join(f"{number:02},{up:02},{round_:03},{signal:02}" for number, up, round_, signal in shown)
        yield _sentence(f"{talker}GSV,{len(pages)},{page},{len(satellites):02},{blocks}")


def _degrees(value: float, digits: int) -> str:
    """NMEA's degrees and minutes: 31.5 is 3130.0000."""
    minutes = round(abs(value) * 60, 4)
    return f"{int(minutes // 60):0{digits}}{minutes % 60:07.4f}"


def _sentence(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


class NmeaSource:
    """The receiver: ``port`` is the device to open, ``now`` tells the time, ``control`` holds one word of MODES."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        control: Path | None = None,
        link: Path | None = None,
        period_s: float = 1.0,
    ) -> None:
        self._line = Line(link=link)
        self._mode = Mode(control=control, words=MODES)
        self._now, self._period_s, self._step = now, period_s, 0
        self.port = self._line.port

    def run(self) -> None:
        """Speak once a period for ever."""
        next_at = time.monotonic()
        while True:
            self.turn()
            next_at = max(next_at + self._period_s, time.monotonic())
            # What the agent writes to a receiver is nothing; hearing is how we wait.
            while (left := next_at - time.monotonic()) > 0:
                self._line.hear(left)

    def turn(self) -> None:
        """Say one round, in the mode that the control file holds."""
        mode = self._mode.word()
        if mode != "silent":
            said = list(sentences(self._step, self._now(), fix=mode != "no_fix"))
            if mode == "bad_line":
                said = [_damaged(one) if i % 3 == 0 else one for i, one in enumerate(said)]
            self._line.say(b"".join(said))
        self._step += 1

    def close(self) -> None:
        """Pull the cable."""
        self._line.close()


def _damaged(sentence: bytes) -> bytes:
    """One bit falls over: the checksum tells."""
    return sentence[:8] + bytes([sentence[8] ^ 1]) + sentence[9:]
