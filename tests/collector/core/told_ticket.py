"""A ticket told step by step: Story("kiosk", zone="urban").at("09:00").happens("open") and what its clocks then say.

Times are of the wall in Shanghai: "10:05" of the day that was spoken of last, "03-03 10:05" of another; the first is
Monday, 2 March 2026. While time passes, what is due to be told is told, as the engine does: written into the log.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from roundsman_collector.config import built_in
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.sla import Reading, Version, due_to_tell, read, timetables, wake_at
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.rules.levels import level_from

SHANGHAI = ZoneInfo("Asia/Shanghai")
OF_MACHINES = {"open", "promise", "recover", "recur", "verify", "warn", "breach", "merge"}
HOLIDAYS = {"cn": (Version(0, calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml").days),)}


def preset(name: str) -> ServiceLevel:
    return level_from(built_in(f"levels/{name}.yaml"), source=name)


def wall(at_ms: int | None) -> str | None:
    """An instant as the wall in Shanghai shows it."""
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, SHANGHAI)
    return f"{moment:%m-%d %H:%M}" + (f":{moment:%S}" if moment.second else "")


class Story:
    """The log of one ticket, and the time at which we look at it."""

    def __init__(self, level: str | ServiceLevel, holidays: Mapping[str, Any] = HOLIDAYS, **facts: str) -> None:
        self.level = preset(level) if isinstance(level, str) else level
        self.hours = timetables(self.level, "Asia/Shanghai", holidays)
        self.facts = {"time_zone": "Asia/Shanghai", **facts}
        self.day = "2026-03-02"
        self.now_ms = 0
        self.log: list[Event] = []
        self.told: list[str] = []

    def instant(self, said: str) -> int:
        day, _, clock = said.rpartition(" ")
        if day:
            self.day = f"2026-{day}"
        return round(datetime.fromisoformat(f"{self.day}T{clock}").replace(tzinfo=SHANGHAI).timestamp() * 1000)

    def at(self, said: str) -> Self:
        """Let time pass until then, and tell on the way what is to be told."""
        until_ms = self.instant(said)
        while self.log:
            next_ms = wake_at(self.readings(), self.log, self.now_ms)
            if next_ms is None or next_ms > until_ms:
                break
            self.now_ms = next_ms
            for tell in due_to_tell(self.readings(), self.log, next_ms):
                self.told.append(f"{wall(next_ms - 1 if tell.percent >= 100 else next_ms)} {tell.clock} {tell.percent}")
                self._write(tell.verb, ROBOT, tell.data)
        self.now_ms = until_ms
        return self

    def happens(self, verb: str, *, who: str = "", happened: str = "", **data: Any) -> Self:
        """A line of the log, now; `happened`: when it did, if somebody says so."""
        for key in ("arrival", "next_visit"):
            if key in data:
                data[f"{key}_ms"] = self.instant(data.pop(key))
        if happened:
            data["at_ms"] = self.instant(happened)
        self._write(verb, who or (ROBOT if verb in OF_MACHINES else "li"), data)
        if verb == "open":
            self._write("promise", ROBOT, dict(self.facts))
        return self

    def _write(self, verb: str, who: str, data: Mapping[str, Any]) -> None:
        self.log.append(Event(len(self.log) + 1, self.now_ms, who, verb, "", data))

    def readings(self) -> tuple[Reading, ...]:
        return read(self.level, self.log, self.hours, self.now_ms)

    def clock(self, name: str) -> Reading:
        return next(reading for reading in self.readings() if reading.clock == name)

    def due(self) -> dict[str, str | None]:
        """When what has begun and not ended is due; the stricter promise behind a slash."""
        return {
            one.clock: f"{wall(one.due_ms)}" + (f" / {wall(one.promised_due_ms)}" if one.promised_due_ms else "")
            for one in self.readings()
            if one.start_ms is not None and one.ended_ms is None
        }

    def states(self) -> dict[str, str]:
        return {one.clock: one.state for one in self.readings()}

    def proof(self, name: str) -> list[str]:
        """The stretches of a clock, as people read them."""
        return [
            f"{wall(one.from_ms)} - {wall(one.to_ms)} {one.reason or one.kind}" for one in self.clock(name).segments
        ]
