"""Times on the clock of a site: written into forms and shown beside the name of the zone.

written("2026-11-22T10:00", "Asia/Shanghai")      1795399200000; TimeError for what no clock there ever shows
picked(1795399200000, "Asia/Shanghai")            "2026-11-22T10:00": what a form holds
shown(1795399200000, "Europe/Riga")               "2026-11-22 04:00:00"
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.web.saying import EPOCH, ZONE, Saying


class TimeError(ValueError):
    """A time that somebody wrote and that cannot be used."""


def written(text: str, zone: str) -> int:
    """A local time of a form as milliseconds; where a clock shows it twice, the first time."""
    try:
        local = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise TimeError(f"{text[:40]!r} is no time: expected one such as 2026-11-22T10:00") from error
    if local.tzinfo is not None:
        raise TimeError(f"{text[:40]!r} names a zone: expected a time on the clock of {zone}")
    at = local.replace(tzinfo=ZoneInfo(zone))
    if at.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        raise TimeError(f"{text[:40]!r} never was: the clocks of {zone} were put forward then")
    return (at - EPOCH) // timedelta(milliseconds=1)


def picked(ms: int, zone: str) -> str:
    """A time as a form holds it."""
    when = _local(ms, zone)
    return f"{when:%Y-%m-%dT%H:%M:%S}" if when.second else f"{when:%Y-%m-%dT%H:%M}"


def shown(ms: int | None, zone: str) -> str:
    """A time with its date, on the clock of the zone."""
    return "" if ms is None else f"{_local(ms, zone):%Y-%m-%d %H:%M:%S}"


def zone_name(saying: Saying, zone: str) -> str:
    """What people call a zone."""
    return saying(ZONE) if zone == DEFAULT_ZONE else zone


def _local(ms: int, zone: str) -> datetime:
    return (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
