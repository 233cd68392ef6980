"""Texts, times, spans and numbers as people read them.

saying = Saying(language="zh", now_ms=now)
saying("as of %(at)s Beijing time", at="10:42:07")      "数据截至 10:42:07（北京时间）"
saying.word("state", "offline")                         "离线"
saying.at(ms)      "10:42:07", "11-20 10:42:07", "2025-11-20 10:42:07": as short as is clear today
saying.span(ms)    "9 时 17 分"          saying.ago(ms)   "4 秒前"
saying.value(...)  "71 %", "3 天 4 时", "缺纸"
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from roundsman_collector.core.availability import percent_text
from roundsman_collector.web.words import N_, PAIRS, TABLES, words_of
from roundsman_wire.catalogue import UNITS, Language

SITE_ZONE = ZoneInfo("Asia/Shanghai")
"""Whose clock is shown, until sites have zones of their own."""
ZONE = N_("Beijing time")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
STEPS = ((DAY, " 天", " d"), (HOUR, " 时", " h"), (MINUTE, " 分", " min"), (SECOND, " 秒", " s"))
BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """One reader: a language and a moment."""

    language: Language
    now_ms: int

    def __call__(self, message: str, **values: object) -> str:
        """A text in the reader's language, with its values."""
        return words_of(self.language).gettext(message) % values

    def plural(self, one: str, many: str, number: int, **values: object) -> str:
        """A text about a number of things; `num` in it is the number with its thousands apart."""
        said = words_of(self.language).ngettext(one, many, number)
        return said % {"num": self.count(number), **values}

    def word(self, table: str, key: str | None) -> str:
        """A word of one of the tables of words.py; what is not in it is shown as it is."""
        if table in PAIRS:
            return self.pair(PAIRS[table].get(key or "", (key or "", key or "")))
        found = TABLES[table].get(key or "")
        return key or "" if found is None else words_of(self.language).gettext(found)

    def pair(self, said: tuple[str, str]) -> str:
        """A text that has both languages."""
        return said[self.language != "zh"]

    def at(self, ms: int | None) -> str:
        """A time on the site's clock, with as much date as is needed today."""
        when = _local(ms)
        if when is None:
            return "–" if ms is None else f"{ms} ms"
        today = _local(self.now_ms)
        if today is not None and when.date() == today.date():
            return f"{when:%H:%M:%S}"
        if today is not None and when.year == today.year:
            return f"{when:%m-%d %H:%M:%S}"
        return f"{when:%Y-%m-%d %H:%M:%S}"

    def in_full(self, ms: int | None) -> str:
        """A time with its date and zone, for whoever points at it."""
        when = _local(ms)
        return "" if when is None else f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d} {self(ZONE)}"

    def span(self, ms: int) -> str:
        """How long, in its two largest units; no time at all has none."""
        if not ms:
            return "0"
        if ms < SECOND:
            return f"{ms} {'毫秒' if self.language == 'zh' else 'ms'}"
        for place, (size, zh, en) in enumerate(STEPS):
            if ms >= size:
                name = zh if self.language == "zh" else en
                rest = STEPS[place + 1] if place + 1 < len(STEPS) else None
                said = f"{ms // size}{name}"
                if rest is None or ms % size < rest[0]:
                    return said
                return f"{said} {ms % size // rest[0]}{rest[1] if self.language == 'zh' else rest[2]}"
        raise AssertionError("a second is the smallest step")

    def ago(self, ms: int | None) -> str:
        """How long ago; from a clock that is ahead: just now."""
        if ms is None:
            return ""
        gone = max(0, self.now_ms - ms)
        size, zh, en = next((step for step in STEPS if gone >= step[0]), STEPS[-1])
        if gone < SECOND:
            return "刚刚" if self.language == "zh" else "just now"
        return f"{gone // size}{zh}前" if self.language == "zh" else f"{gone // size}{en} ago"

    def aside(self, text: object) -> str:
        """A text in brackets, as they stand behind another one: half-width ones would tear a Chinese line."""
        return f"（{text}）" if self.language == "zh" else f" ({text})"

    def listed(self, names: Iterable[str]) -> str:
        """Names one behind the other."""
        return ("、" if self.language == "zh" else ", ").join(names)

    def percent(self, share: Fraction | None, decimals: int = 2) -> str:
        """A share with its sign; a dash where there is none."""
        return "–" if share is None else f"{percent_text(share, decimals)}%"

    def count(self, number: int) -> str:
        """A number with its thousands apart."""
        return f"{number:,}"

    def value(self, reading: dict[str, Any]) -> str:
        """A reading (api.telling.reading) as a person reads it."""
        value, unit = reading["value"], reading["unit"]
        if value is None:
            return self.word("state", "unknown")
        if isinstance(value, str):
            return str(reading[f"word_{self.language}"])
        if unit == "seconds":
            return self.span(round(value * SECOND))
        if unit == "bytes":
            return _bytes(value)
        sign = UNITS[unit].of(self.language) if unit in UNITS else ""
        return f"{_number(value)} {sign}".rstrip()


def _local(ms: int | None) -> datetime | None:
    if ms is None:
        return None
    try:
        return (EPOCH + timedelta(milliseconds=ms)).astimezone(SITE_ZONE)
    except OverflowError:
        return None


def _number(value: float) -> str:
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.3g}"


def _bytes(value: float) -> str:
    size, place = float(value), 0
    while size >= 1000 and place < len(BYTES) - 1:
        size, place = size / 1000, place + 1
    return f"{size:.3g} {BYTES[place]}"
