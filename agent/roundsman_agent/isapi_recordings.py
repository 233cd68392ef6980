"""What a recorder has kept: the recordings of yesterday, and since when there are any. One look per channel and night.

    look(visit, channel=3, today=date(2026, 11, 22), labels=…) -> Look       a dozen requests, 0.1 s each
    recorded_percent(look) -> 99.65            kept_days(look, missing=0) -> 31

    POST /ISAPI/ContentMgmt/record/tracks/301/dailyDistribution      which days of a month have recordings
    POST /ISAPI/ContentMgmt/search                                   the pieces of one day, page by page

Both only read (ISAPI guide 15-58 and "search"). Months are walked backwards until a day is missing: wide searches fail
with "busy", single days answer. A day without any recording is not searched: nothing is 0 %.

The times of the search bear a Z and are the recorder's local time with some firmwares, UTC with others. Which it is
shows in what was recorded just now: `labels_of` asks for the half hour around the later of the two, and if there is
nothing around the earlier. Half an hour ago is no time in the future, so what is found around the later one is proof.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol

from roundsman_agent.isapi_answer import Reason, read, trouble
from roundsman_agent.isapi_xml import Node, decoded
from roundsman_agent.probe import ProbeError

__all__ = ["LOCAL", "UTC", "Look", "kept_days", "labels_of", "look", "merged", "recorded_percent"]

LOCAL: Final = "local"
UTC: Final = "utc"
DAY_S: Final = 86_400
SEAM_S: Final = 2
"""Pieces follow each other with a second between them: one ends at :59, the next begins at :00."""
PAGE: Final = 40
"""Pieces of one answer: more than 50 is a bad parameter to several firmwares."""
PAGES_LIMIT: Final = 60
DAYS_LIMIT: Final = 400
"""How far back the days are counted."""
AROUND: Final = timedelta(minutes=30)
XML: Final = 'application/xml; charset="UTF-8"'


class Visit(Protocol):
    """As much of HttpVisit as is needed here."""

    def post_to_read(self, path: str, body: bytes, *, kind: str) -> Answered: ...


class Answered(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was found of one channel. Days are those of the recorder's own clock.

    `spans` are seconds of `day`, None when they were not to be had: then `failed` says why, under `spans`; the same of
    `days`. `age_s` is how long ago it was.
    """

    channel: int
    day: str
    spans: tuple[tuple[int, int], ...] | None = None
    days: tuple[str, ...] | None = None
    mode: str = ""
    age_s: float = 0.0
    failed: Mapping[str, Reason] = field(default_factory=dict)


# --- what it means ----------------------------------------------------------------------------------------------------


def merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in their order, those that overlap or follow each other within SEAM_S as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(span for span in spans if span[0] <= span[1]):
        if joined and begin - joined[-1][1] <= SEAM_S:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)


def recorded_percent(spans: Iterable[tuple[int, int]]) -> float:
    """The share of a day that is recorded, in percent to two places."""
    clipped = [(max(begin, 0), min(end, DAY_S)) for begin, end in spans]
    joined = [list(span) for span in merged(span for span in clipped if span[0] < span[1])]
    if joined and DAY_S - joined[-1][1] <= SEAM_S:
        joined[-1][1] = DAY_S  # the last piece of a day ends at 23:59:59
    if joined and joined[0][0] <= SEAM_S:
        joined[0][0] = 0
    return round(sum(end - begin for begin, end in joined) * 100 / DAY_S, 2)


def kept_days(days: Iterable[str], day: str, *, missing: int) -> int:
    """How many days back there are recordings without a break, a break being more than `missing` days without any.

    `day` is yesterday; today counts where it has recordings already, and is no break where it has none.
    """
    yesterday = _date(day)
    return 0 if yesterday is None else _run(days, yesterday, missing=missing, since=_EARLIEST)[0]


_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(2100, 1, 1)


def _run(days: Iterable[str], yesterday: date, *, missing: int, since: date) -> tuple[int, bool]:
    """How many days lie within the run that ends now, and whether it is broken after `since`."""
    there = {one for one in (_date(text) for text in days) if one is not None}
    newest = oldest = None
    lost = 0
    at = yesterday + timedelta(days=1)
    for _ in range(DAYS_LIMIT + 2):
        if at < since:
            break
        if at in there:
            newest, oldest = newest or at, at
        elif at <= yesterday:
            lost += 1
        if lost > missing:
            break
        at -= timedelta(days=1)
    return 0 if newest is None or oldest is None else (newest - oldest).days + 1, lost > missing


def _date(text: str) -> date | None:
    """A day that a recorder's clock may show, right or wrong."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _EARLIEST < found < _LATEST else None


# --- asking -----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The recorder answered, and what it answered cannot be used."""

    def __init__(self, why: Reason) -> None:
        super().__init__(*why)
        self.why = why


def look(visit: Visit, *, channel: int, today: date, labels: str, zone: timedelta, mode: str, missing: int) -> Look:
    """Everything of one channel. ProbeError when the recorder falls silent: then there is no Look."""
    yesterday = today - timedelta(days=1)
    failed: dict[str, Reason] = {}
    days: tuple[str, ...] | None = None
    spans: tuple[tuple[int, int], ...] | None = None
    track = channel * 100 + 1
    try:
        days = _days(visit, track, today, missing)
    except Refused as error:
        failed["days"] = error.why
    if days is not None and yesterday.isoformat() not in days:
        spans = ()
    elif not labels:
        failed["spans"] = ("absent", "cannot tell whether its search speaks of local time or of UTC (search_times)")
    else:
        begin = datetime.combine(yesterday, time()) - (zone if labels == UTC else timedelta())
        try:
            found = pieces(visit, track, begin, begin + timedelta(days=1, seconds=-1))
            spans = merged((int((a - begin).total_seconds()), int((b - begin).total_seconds())) for a, b in found)
        except Refused as error:
            failed["spans"] = error.why
    return Look(channel=channel, day=yesterday.isoformat(), spans=spans, days=days, mode=mode, failed=failed)


def labels_of(visit: Visit, channels: Sequence[int], local: datetime, zone: timedelta) -> str:
    """Whether the search speaks of local time or of UTC; "" when nothing was recorded just now. See the module."""
    if not zone:
        return LOCAL
    both = sorted(((local, LOCAL), (local - zone, UTC)), reverse=True)
    for around, word in both:
        for channel in channels:
            try:
                found = pieces(visit, channel * 100 + 1, around - AROUND, around + AROUND)
            except Refused:
                continue
            if found:
                return word
    return ""


def _days(visit: Visit, track: int, today: date, missing: int) -> tuple[str, ...]:
    """The days with recordings, backwards by months until there is a break, or DAYS_LIMIT."""
    found: list[str] = []
    month, yesterday = today.replace(day=1), today - timedelta(days=1)
    while (today - month).days <= DAYS_LIMIT + 31:
        found += [f"{month:%Y-%m}-{day:02d}" for day in _days_of(visit, track, month)]
        if _run(found, yesterday, missing=missing, since=month)[1]:
            break
        month = (month - timedelta(days=1)).replace(day=1)
    return tuple(sorted(found))


def _days_of(visit: Visit, track: int, month: date) -> list[int]:
    body = f"<trackDailyParam><year>{month.year}</year><monthOfYear>{month.month}</monthOfYear></trackDailyParam>"
    node = _asked(visit, f"/ISAPI/ContentMgmt/record/tracks/{track}/dailyDistribution", body)
    found = []
    for day in node.every("day")[:62]:
        number = day.said("dayOfMonth") or day.said("id")
        if day.said("record").lower() in ("true", "1") and number.isascii() and number.isdigit() and len(number) <= 2:
            found.append(int(number))
    return [day for day in dict.fromkeys(found) if 1 <= day <= 31]


def pieces(visit: Visit, track: int, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The recordings between two times as the search labels them, those that overlap it; page by page."""
    search = str(uuid.UUID(bytes=os.urandom(16), version=4)).upper()
    found: list[tuple[datetime, datetime]] = []
    position = 0
    for _ in range(PAGES_LIMIT):
        node = _searched(visit, track, search, begin, end, position)
        items = node.every("searchMatchItem")
        for item in items:
            span = _span(item.said("timeSpan", "startTime"), item.said("timeSpan", "endTime"))
            if span is not None and span[0] <= end and span[1] >= begin:
                found.append(span)
        status = (node.said("responseStatusStrg") or node.said("responseStatusStrip")).strip().upper()
        if not status.startswith("MORE"):
            return found
        if not items:
            raise Refused(("bad_answer", "says MORE, and gives none"))
        position += len(items)
    raise Refused(("bad_answer", f"more than {PAGES_LIMIT * PAGE} pieces in one day"))


def _searched(visit: Visit, track: int, search: str, begin: datetime, end: datetime, position: int) -> Node:
    """One page. Some firmwares want the list of tracks under its older name."""
    try:
        return _asked(visit, "/ISAPI/ContentMgmt/search", _question("trackList", track, search, begin, end, position))
    except Refused as error:
        if error.why[0] not in ("bad_answer", "not_supported"):
            raise
    return _asked(visit, "/ISAPI/ContentMgmt/search", _question("trackIDList", track, search, begin, end, position))


def _question(word: str, track: int, search: str, begin: datetime, end: datetime, position: int) -> str:
    """The order of the elements counts, and so does the maker's spelling of the position."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><CMSearchDescription>'
        f"<searchID>{search}</searchID><{word}><trackID>{track}</trackID></{word}>"
        f"<timeSpanList><timeSpan><startTime>{begin:%Y-%m-%dT%H:%M:%SZ}</startTime>"
        f"<endTime>{end:%Y-%m-%dT%H:%M:%SZ}</endTime></timeSpan></timeSpanList>"
        f"<maxResults>{PAGE}</maxResults><searchResultPostion>{position}</searchResultPostion>"
        "<metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList>"
        "</CMSearchDescription>"
    )


def _asked(visit: Visit, path: str, body: str) -> Node:
    reply = visit.post_to_read(path, body.encode("ascii"), kind=XML)
    text = decoded(reply.body)
    why = trouble(reply.status, text)
    if why is not None:
        raise Refused(why)
    try:
        return read(text)
    except ProbeError as error:
        raise Refused((error.code, error.detail)) from error


def _span(begin: str, end: str) -> tuple[datetime, datetime] | None:
    """Both as they are labelled, whatever the label says of a zone."""
    try:
        first, last = (datetime.fromisoformat(text[:40]).replace(tzinfo=None) for text in (begin, end))
    except ValueError:
        return None
    return (first, last) if first <= last else None
