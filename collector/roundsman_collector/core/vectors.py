"""Published cases of availability and contract clocks, run against this core: ``roundsman policy test FILE…``.

    cases(document) -> [Case]        run(case) -> Outcome

A document has the sections of :data:`SECTIONS`; each is a list of cases with an `id`, inputs, and what is expected. The
numbers of `availability` are plain seconds, the times of `sla_clock` are ISO (UTC where they bear no offset).

A case goes through the code that makes the figures of customers, core/reckoning.py: its events become a ledger, its
corrections and exclusions overlays, and `in_service` and `service_hours` say what of the window counts. A clock's case
becomes a ticket, which was reported at its start, waited in its pauses, and was mended at its end, read by core/sla.py.

How events become a ledger: the state holds from its event to the next; at one event time the last to arrive wins, but
UNK, the collector's own inference, never wins against a known state, whichever came first.

What is compared: every key of `expect` (or `expect_utc`, `expect_minutes`). Seconds and times are equal or not; a
percent, or minutes with a fraction, is right when it is what the exact number rounds to at four decimals (coverage and
minutes: at two or three where it is written so). `up` and `down` are those after the case's `unknown` policy;
`unknown`, `coverage` and `outages` do not change with it. An `expect_utc` of null says that the calendar holds no due
time. An optional key that is null is not there.

A case that cannot be read does not pass and does not stop the others: its outcome names the case and the key. A key
that nobody knows is an error too, for a misspelt input would quietly test something else.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from roundsman_collector.core.availability import UNKNOWN_AS, State, UnknownAs, base, half_up
from roundsman_collector.core.calendar import MILLISECOND, MINUTE_MS, Calendar, calendar_from
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.intervals import Intervals, Pair, normal
from roundsman_collector.core.level import ClockRow
from roundsman_collector.core.overlay import Laid
from roundsman_collector.core.reckoning import Reckoned, reckoned, stretches, summed
from roundsman_collector.core.sla import Reading, reading_of
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.core.timetable import Timetable

STATES: dict[str, State] = {"UP": "up", "DOWN": "down", "UNK": "unknown"}
ABOUT = ("id", "source", "note", "title", "comment")
REMARKS = (*ABOUT, "about", "version", "$schema")
"""Keys beside the sections that only speak of the file."""
INPUTS = {
    "availability": (
        "window", "initial", "events", "excluded", "in_service", "service_hours", "corrections", "now", "unknown",
        "expect",
    ),
    "sla_clock": ("calendar", "start", "minutes", "end", "pauses", "expect_utc", "expect_minutes"),
}  # fmt: skip
FIGURES: dict[str, Callable[[Reckoned], Fraction | None]] = {
    "up": lambda found: Fraction(found.owed.up_ms, 1000),
    "down": lambda found: Fraction(found.owed.down_ms, 1000),
    "unknown": lambda found: Fraction(found.figure.unknown_ms, 1000),
    "excluded": lambda found: Fraction(found.figure.excluded_ms, 1000),
    "availability": lambda found: _percent(found.owed.availability),
    "coverage": lambda found: _percent(found.figure.coverage),
    "outages": lambda found: Fraction(found.figure.outages),
}
ROUNDED = ("availability", "coverage", "minutes")
"""What is compared as rounded; the others are equal or not."""
DECIMALS = 4
FEWEST_DECIMALS = {"coverage": 2, "minutes": 2}
"""Whose number of decimals is not settled: they are compared as they are written, from so many decimals on."""
CASE_ROW = ClockRow(
    clock="repair", from_="reported", until="fixed", target_ms=0, calendar="", pauses=frozenset({"other"}), only={}
)
"""The clock of a case; `minutes` is its target."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPEN = "9999-12-31"  # where a pause that still lasts ends
LONGEST = timedelta(days=36525)  # a hundred years: what is longer is a slip of the pen, and takes long to count
SHOWN = 100  # how much of a value that cannot be read is shown

Expected = dict[str, Decimal | str | None]
Found = dict[str, Fraction | str | None]


class VectorError(ValueError):
    """The document of cases, or one case in it, is not of the published format."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One published case: its section, its id, the mapping as it was written; or what is `wrong` with it as a whole."""

    kind: str
    id: str
    written: Mapping[str, object]
    wrong: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case; `expected` and `got` are texts for a person, "availability=83.3333 down=100"."""

    id: str
    ok: bool
    expected: str
    got: str


def cases(document: object) -> list[Case]:
    """All cases of a document, in its order. Raises :class:`VectorError` when it is no document of cases at all.

    A section or a case that is wrong in itself is a case that does not pass.
    """
    if not isinstance(document, Mapping):
        raise VectorError(f"expected an object with the lists {' and '.join(SECTIONS)}, not {type(document).__name__}")
    found: list[Case] = []
    for section, listed in document.items():
        if section in REMARKS:
            continue
        if section not in SECTIONS:
            wrong = f"unknown section{_nearest(section, SECTIONS)}; expected {' or '.join(SECTIONS)}"
            found.append(Case(kind=str(section), id=str(section), written={}, wrong=wrong))
        elif not isinstance(listed, list):
            wrong = f"expected a list of cases, not {_said(listed)}"
            found.append(Case(kind=section, id=section, written={}, wrong=wrong))
        else:
            found.extend(_case(section, position, written) for position, written in enumerate(listed))
    return found


def run(case: Case) -> Outcome:
    """Compute a case and compare; whatever the case holds, this does not raise: an unreadable one is not ok."""
    try:
        _readable(case)
        expected, found = SECTIONS[case.kind](case.written)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Outcome(id=case.id, ok=False, expected="a readable case", got=f"case {case.id!r}: {error}")
    ok = all(_agree(key, expected[key], found[key]) for key in expected)
    return Outcome(id=case.id, ok=ok, expected=_text(expected), got=_text(found))


def ledger_of(events: Iterable[tuple[int, State]], *, initial: State, window: Pair) -> list[Explained]:
    """The ledger that events in arrival order make, to a window's end; before the first of them it is `initial`."""
    at: dict[int, State] = {}
    for when, state in events:
        if state != "unknown" or when not in at:
            at[when] = state
    turns = [(window[0], initial), *sorted(at.items())]
    ends = [when for when, _ in turns[1:]] + [max(window[1], turns[-1][0])]
    return [
        Explained(begin, end, state, "", "") for (begin, state), end in zip(turns, ends, strict=True) if begin < end
    ]


def _availability(written: Mapping[str, object]) -> tuple[Expected, Found]:
    window = _pair(_needed(written, "window"), "window")
    now = written.get("now")
    unknown = _unknown_as(_optional(written, "unknown", "exclude"))
    ledger = ledger_of(
        [_event(event) for event in _list(_optional(written, "events", []), "events")],
        initial=_state(_optional(written, "initial", "UNK"), "initial"),
        window=window,
    )
    counted = base(
        window=window,
        now_ms=window[1] if now is None else _milliseconds(now, "now"),
        in_service=_limit(written.get("in_service"), "in_service", window),
        service_hours=_limit(written.get("service_hours"), "service_hours", window),
    )
    found = reckoned(summed(stretches(ledger, counted=counted, overlays=_laid(written, window)), unknown))
    expected = _expected(_needed(written, "expect"))
    return expected, {key: FIGURES[key](found) for key in expected}


def _laid(written: Mapping[str, object], window: Pair) -> list[Laid]:
    """What a case lays over its events: the exclusions, and the corrections in their order."""
    excluded = _limit(written.get("excluded"), "excluded", window) or ()
    corrections = _list(_optional(written, "corrections", []), "corrections")
    laid = [Laid(0, "exclusion", "", "", *pair, 0) for pair in excluded]
    return [*laid, *(_correction(each, window) for each in corrections)]


def _sla_clock(written: Mapping[str, object]) -> tuple[Expected, Found]:
    calendar = _needed(written, "calendar")
    if not isinstance(calendar, Mapping):
        raise VectorError(f"calendar: expected an object with tz, hours, holidays, shifts, not {_said(calendar)}")
    days = calendar_from(calendar)
    start = _instant(_needed(written, "start"), "start")
    pauses = [_pause(pause) for pause in _list(_optional(written, "pauses", []), "pauses")]
    expected: Expected = {}
    got: Found = {}
    if "expect_utc" in written:
        minutes = Fraction(_number(_needed(written, "minutes"), "minutes"))
        wanted = written["expect_utc"]
        expected["utc"] = None if wanted is None else _utc(_instant(wanted, "expect_utc"))
        due_ms = _clock(days, start, start, minutes, pauses).due_ms
        got["utc"] = None if due_ms is None else _utc(due_ms)
    if "expect_minutes" in written:
        end = _instant(_needed(written, "end"), "end")
        if end - start > LONGEST / MILLISECOND:
            raise VectorError(f"end: {_said(written['end'])} is more than a hundred years after the start")
        expected["minutes"] = _number(written["expect_minutes"], "expect_minutes")
        got["minutes"] = Fraction(_clock(days, start, end, Fraction(), pauses).elapsed_ms, MINUTE_MS)
    if not expected:
        raise VectorError("expect_utc: expected with minutes, or expect_minutes with end; the case has neither")
    return expected, got


def _clock(calendar: Calendar, start: int, end: int, minutes: Fraction, pauses: list[Pair]) -> Reading:
    """The clock of a ticket that was reported at the start, waited in the pauses, and was mended at the end."""
    if minutes < 0:
        raise VectorError(f"target of {minutes} minutes: expected 0 or more")
    waits = [step for begin, over in normal(pauses) for step in ((begin, "wait"), (over, "resume"))]
    # The repair is told last, when all waiting is over, and dated at the end.
    told = max(start, end, *(at_ms for at_ms, _ in waits))
    steps = [(start, "open", start), *((at_ms, verb, at_ms) for at_ms, verb in waits), (told, "fix", end)]
    log = [
        Event(number, at_ms, "", verb, "", {"source": "phone", "at_ms": happened})
        for number, (at_ms, verb, happened) in enumerate(steps)
    ]
    row = replace(CASE_ROW, target_ms=math.ceil(minutes * MINUTE_MS))
    return reading_of(row, log, Timetable([(0, calendar)]), start)


SECTIONS: dict[str, Callable[[Mapping[str, object]], tuple[Expected, Found]]] = {
    "availability": _availability,
    "sla_clock": _sla_clock,
}


def _case(section: str, position: int, written: object) -> Case:
    where = f"{section}[{position}]"
    if not isinstance(written, Mapping):
        wrong = f"expected an object with an id, inputs and what is expected, not {_said(written)}"
        return Case(kind=section, id=where, written={}, wrong=wrong)
    named = written.get("id")
    return Case(kind=section, id=where if named is None else str(named), written=written)


def _readable(case: Case) -> None:
    """Nothing; or a VectorError: the case is wrong as a whole, or has a key that nobody knows."""
    if case.wrong:
        raise VectorError(case.wrong)
    known = ABOUT + INPUTS[case.kind]
    for key in case.written:
        if key not in known:
            raise VectorError(f"{key}: unknown key{_nearest(key, known)}")


def _nearest(word: object, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _needed(written: Mapping[str, object], key: str) -> object:
    if key not in written:
        raise VectorError(f"{key}: missing")
    return written[key]


def _optional(written: Mapping[str, object], key: str, default: object) -> object:
    value = written.get(key)
    return default if value is None else value


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise VectorError(f"{key}: expected a list, not {_said(value)}")
    return list(value)


def _few(value: object, key: str, *shape: str) -> list[object]:
    items = _list(value, key)
    if len(items) != len(shape):
        raise VectorError(f"{key}: expected [{', '.join(shape)}], not {_said(value)}")
    return items


def _number(value: object, key: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not Decimal(str(value)).is_finite():
        raise VectorError(f"{key}: expected a number, not {_said(value)}")
    return Decimal(str(value))


def _milliseconds(value: object, key: str) -> int:
    milliseconds = _number(value, key) * 1000
    if milliseconds != int(milliseconds):
        raise VectorError(f"{key}: expected seconds, to the millisecond at most, not {_said(value)}")
    return int(milliseconds)


def _state(value: object, key: str) -> State:
    if not isinstance(value, str) or value not in STATES:
        raise VectorError(f"{key}: expected {', '.join(STATES)}, not {_said(value)}")
    return STATES[value]


def _unknown_as(value: object) -> UnknownAs:
    for policy in UNKNOWN_AS:
        if value == policy:
            return policy
    raise VectorError(f"unknown: expected one of {', '.join(UNKNOWN_AS)}, not {_said(value)}")


def _event(value: object) -> tuple[int, State]:
    when, state = _few(value, "events", "event_time", "state")
    return _milliseconds(when, "events"), _state(state, "events")


def _pair(value: object, key: str, window: Pair | None = None) -> Pair:
    """An interval; inside a window an end may be null: open, as far as the window goes."""
    ends = _few(value, key, "from", "to")
    begin, end = (
        window[at] if window is not None and each is None else _milliseconds(each, key) for at, each in enumerate(ends)
    )
    if end < begin and None not in ends:
        raise VectorError(f"{key}: {_said(value)} ends before it begins")
    return begin, max(begin, end)


def _limit(value: object, key: str, window: Pair) -> Intervals | None:
    """Intervals as a normal set; a single one may stand without its list; None when the key is absent."""
    if value is None:
        return None
    listed = _list(value, key)
    if len(listed) == 2 and not any(isinstance(each, list | tuple) for each in listed):
        listed = [listed]
    return normal(_pair(each, key, window) for each in listed)


def _correction(value: object, window: Pair) -> Laid:
    begin, end, state = _few(value, "corrections", "from", "to", "state")
    begin_ms, end_ms = _pair([begin, end], "corrections", window)
    return Laid(0, "correction", _state(state, "corrections"), "", begin_ms, end_ms, 0)


def _expected(value: object) -> Expected:
    if not isinstance(value, Mapping) or not value:
        raise VectorError(f"expect: expected an object with some of {', '.join(FIGURES)}, not {_said(value)}")
    expected: Expected = {}
    for key, number in value.items():
        if key not in FIGURES:
            raise VectorError(f"expect.{key}: unknown key{_nearest(key, FIGURES)}")
        expected[key] = None if number is None and key in ROUNDED else _number(number, f"expect.{key}")
    return expected


def _agree(key: str, expected: Decimal | str | None, found: Fraction | str | None) -> bool:
    if not isinstance(expected, Decimal) or not isinstance(found, Fraction):
        return expected == found
    if key not in ROUNDED:
        return Fraction(expected) == found
    exponent = expected.as_tuple().exponent
    written = -exponent if isinstance(exponent, int) else 0
    decimals = written if FEWEST_DECIMALS.get(key, DECIMALS) <= written < DECIMALS else DECIMALS
    return abs(Fraction(expected) - found) <= Fraction(1, 2 * 10**decimals)


def _instant(value: object, key: str) -> int:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise VectorError(
            f"{key}: expected an ISO time such as 2026-03-02T12:30:00+08:00, not {_said(value)}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _pause(value: object) -> Pair:
    """A pause; one that still lasts ends at null."""
    written_begin, written_end = _few(value, "pauses", "from", "to")
    begin, end = _instant(written_begin, "pauses"), _instant(OPEN if written_end is None else written_end, "pauses")
    if end < begin:
        raise VectorError(f"pauses: {_said(value)} ends before it begins")
    return begin, end


def _utc(at_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None).isoformat(sep=" ")


def _percent(share: Fraction | None) -> Fraction | None:
    return None if share is None else 100 * share


def _text(answers: Mapping[str, Decimal | Fraction | str | None]) -> str:
    return " ".join(f"{key}={_shown(value)}" for key, value in answers.items())


def _shown(value: Decimal | Fraction | str | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    number = f"{half_up(value, DECIMALS) if isinstance(value, Fraction) else value:f}"
    return number.rstrip("0").rstrip(".") if "." in number else number


def _said(value: object) -> str:
    """A value as it was written, short enough for one line."""
    written = repr(value)
    return written if len(written) <= SHOWN else f"{written[:SHOWN]}…"
