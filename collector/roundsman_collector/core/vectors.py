"""Published cases of availability and contract clocks, run against this core: ``roundsman policy test FILE…``.

    cases(document) -> [Case]        run(case) -> Outcome

A document has the sections of :data:`SECTIONS`; each is a list of cases with an `id`, inputs, and what is expected. The
numbers of `availability` are plain seconds, the times of `sla_clock` are ISO (UTC where they bear no offset).

How the events of a case become spans: the state holds from its event to the next; at one event time the last to arrive
wins, but UNK, the collector's own inference, never wins against a known state, whichever came first.

What is compared: every key of `expect` (or `expect_utc`, `expect_minutes`), exactly; percents rounded half up to four
decimals. `up` and `down` are those after the case's `unknown` policy; `unknown`, `coverage` and `outages` do not change
with it. An `expect_utc` of null says that the calendar holds no due time.

A case that cannot be read does not pass and does not stop the others: its outcome names the case and the key. A key
that nobody knows is an error too, for a misspelt input would quietly test something else.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from roundsman_collector.core.availability import (
    UNKNOWN_AS,
    Figure,
    Span,
    State,
    UnderPolicy,
    UnknownAs,
    figure,
    half_up,
    percent,
)
from roundsman_collector.core.calendar import NoWorkingTime, calendar_from, due, elapsed
from roundsman_collector.core.intervals import Intervals, Pair, normal

STATES: dict[str, State] = {"UP": "up", "DOWN": "down", "UNK": "unknown"}
ABOUT = ("id", "source", "note")
INPUTS = {
    "availability": (
        "window", "initial", "events", "excluded", "in_service", "service_hours", "corrections", "now", "unknown",
        "expect",
    ),
    "sla_clock": ("calendar", "start", "minutes", "end", "pauses", "expect_utc", "expect_minutes"),
}  # fmt: skip
FIGURES: dict[str, Callable[[Figure, UnderPolicy], Decimal | int | None]] = {
    "up": lambda plain, ruled: _seconds_of(ruled.up_ms),
    "down": lambda plain, ruled: _seconds_of(ruled.down_ms),
    "unknown": lambda plain, ruled: _seconds_of(plain.unknown_ms),
    "excluded": lambda plain, ruled: _seconds_of(plain.excluded_ms),
    "availability": lambda plain, ruled: _percent_of(ruled.availability),
    "coverage": lambda plain, ruled: _percent_of(plain.coverage),
    "outages": lambda plain, ruled: plain.outages,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPEN = "9999-12-31"  # where a pause that still lasts ends

Answers = dict[str, Decimal | str | None]


class VectorError(ValueError):
    """The document of cases, or one case in it, is not of the published format."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One published case: its section, its id, and the mapping as it was written."""

    kind: str
    id: str
    written: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case; `expected` and `got` are texts for a person, "availability=83.3333 down=100"."""

    id: str
    ok: bool
    expected: str
    got: str


def cases(document: object) -> list[Case]:
    """All cases of a document, in its order. Raises :class:`VectorError` when it is no document of cases."""
    if not isinstance(document, Mapping):
        raise VectorError(f"expected an object with the lists {' and '.join(SECTIONS)}, not {type(document).__name__}")
    found: list[Case] = []
    for section, listed in document.items():
        if section not in SECTIONS:
            raise VectorError(f"{section}: unknown section; expected {' or '.join(SECTIONS)}")
        if not isinstance(listed, list):
            raise VectorError(f"{section}: expected a list of cases, not {type(listed).__name__}")
        found.extend(_case(section, position, written) for position, written in enumerate(listed))
    return found


def run(case: Case) -> Outcome:
    """Compute a case and compare; whatever the case holds, this does not raise: an unreadable one is not ok."""
    try:
        _known_keys(case)
        expected, got = SECTIONS[case.kind](case.written)
    except (ValueError, OverflowError) as error:
        return Outcome(id=case.id, ok=False, expected="a readable case", got=f"case {case.id!r}: {error}")
    return Outcome(id=case.id, ok=expected == got, expected=_text(expected), got=_text(got))


def spans_of(events: Iterable[tuple[int, State]], *, initial: State, window: Pair) -> list[Span]:
    """The spans that events in arrival order make, to the end of a window; before the first of them it is `initial`."""
    at: dict[int, State] = {}
    for when, state in events:
        if state != "unknown" or when not in at:
            at[when] = state
    turns = [(window[0], initial), *sorted(at.items())]
    ends = [when for when, _ in turns[1:]] + [max(window[1], turns[-1][0])]
    return [
        Span(from_ms=begin, to_ms=end, state=state)
        for (begin, state), end in zip(turns, ends, strict=True)
        if begin < end
    ]


def _availability(written: Mapping[str, object]) -> tuple[Answers, Answers]:
    window = _pair(_needed(written, "window"), "window")
    now = written.get("now")
    unknown = _unknown_as(written.get("unknown", "exclude"))
    plain = figure(
        spans_of(
            [_event(event) for event in _list(written.get("events", []), "events")],
            initial=_state(written.get("initial", "UNK"), "initial"),
            window=window,
        ),
        window=window,
        now_ms=window[1] if now is None else _milliseconds(now, "now"),
        in_service=_limit(written.get("in_service"), "in_service", window),
        service_hours=_limit(written.get("service_hours"), "service_hours", window),
        excluded=_limit(written.get("excluded"), "excluded", window) or (),
        corrections=[_correction(each, window) for each in _list(written.get("corrections", []), "corrections")],
    )
    ruled = plain.with_policy(unknown)
    expected = _expected(_needed(written, "expect"))
    return expected, {key: _decimal(FIGURES[key](plain, ruled)) for key in expected}


def _sla_clock(written: Mapping[str, object]) -> tuple[Answers, Answers]:
    calendar = _needed(written, "calendar")
    if not isinstance(calendar, Mapping):
        raise VectorError(f"calendar: expected an object with tz, hours, holidays, shifts, not {calendar!r}")
    days = calendar_from(calendar)
    start = _instant(_needed(written, "start"), "start")
    pauses = [_pause(pause) for pause in _list(written.get("pauses", []), "pauses")]
    expected: Answers = {}
    got: Answers = {}
    if "expect_utc" in written:
        minutes = Fraction(_number(_needed(written, "minutes"), "minutes"))
        wanted = written["expect_utc"]
        expected["utc"] = None if wanted is None else _utc(_instant(wanted, "expect_utc"))
        try:
            got["utc"] = _utc(due(days, start, minutes, pauses))
        except NoWorkingTime:
            got["utc"] = None
    if "expect_minutes" in written:
        end = _instant(_needed(written, "end"), "end")
        expected["minutes"] = _rounded(_number(written["expect_minutes"], "expect_minutes"))
        got["minutes"] = half_up(Fraction(elapsed(days, start, end, pauses), 60_000), 4)
    if not expected:
        raise VectorError("expect_utc: expected with minutes, or expect_minutes with end; the case has neither")
    return expected, got


SECTIONS: dict[str, Callable[[Mapping[str, object]], tuple[Answers, Answers]]] = {
    "availability": _availability,
    "sla_clock": _sla_clock,
}


def _case(section: str, position: int, written: object) -> Case:
    where = f"{section}[{position}]"
    if not isinstance(written, Mapping):
        raise VectorError(f"{where}: expected a case, an object with an id, not {written!r}")
    return Case(kind=section, id=str(written.get("id", where)), written=written)


def _known_keys(case: Case) -> None:
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


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise VectorError(f"{key}: expected a list, not {value!r}")
    return list(value)


def _few(value: object, key: str, *shape: str) -> list[object]:
    items = _list(value, key)
    if len(items) != len(shape):
        raise VectorError(f"{key}: expected [{', '.join(shape)}], not {value!r}")
    return items


def _number(value: object, key: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not Decimal(str(value)).is_finite():
        raise VectorError(f"{key}: expected a number, not {value!r}")
    return Decimal(str(value))


def _milliseconds(value: object, key: str) -> int:
    milliseconds = _number(value, key) * 1000
    if milliseconds != int(milliseconds):
        raise VectorError(f"{key}: expected seconds, to the millisecond at most, not {value!r}")
    return int(milliseconds)


def _state(value: object, key: str) -> State:
    if not isinstance(value, str) or value not in STATES:
        raise VectorError(f"{key}: expected {', '.join(STATES)}, not {value!r}")
    return STATES[value]


def _unknown_as(value: object) -> UnknownAs:
    for policy in UNKNOWN_AS:
        if value == policy:
            return policy
    raise VectorError(f"unknown: expected one of {', '.join(UNKNOWN_AS)}, not {value!r}")


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
        raise VectorError(f"{key}: {value!r} ends before it begins")
    return begin, max(begin, end)


def _limit(value: object, key: str, window: Pair) -> Intervals | None:
    """Intervals as a normal set; a single one may stand without its list; None when the key is absent."""
    if value is None:
        return None
    listed = _list(value, key)
    if len(listed) == 2 and not any(isinstance(each, list | tuple) for each in listed):
        listed = [listed]
    return normal(_pair(each, key, window) for each in listed)


def _correction(value: object, window: Pair) -> Span:
    begin, end, state = _few(value, "corrections", "from", "to", "state")
    begin_ms, end_ms = _pair([begin, end], "corrections", window)
    return Span(from_ms=begin_ms, to_ms=end_ms, state=_state(state, "corrections"))


def _expected(value: object) -> Answers:
    if not isinstance(value, Mapping) or not value:
        raise VectorError(f"expect: expected an object with some of {', '.join(FIGURES)}, not {value!r}")
    expected: Answers = {}
    for key, number in value.items():
        if key not in FIGURES:
            raise VectorError(f"expect.{key}: unknown key{_nearest(key, FIGURES)}")
        share = key in ("availability", "coverage")
        if number is None and share:
            expected[key] = None
        else:
            stated = _number(number, f"expect.{key}")
            expected[key] = _rounded(stated) if share else stated
    return expected


def _instant(value: object, key: str) -> int:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise VectorError(f"{key}: expected an ISO time such as 2026-03-02T12:30:00+08:00, not {value!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _pause(value: object) -> Pair:
    """A pause; one that still lasts ends at null."""
    written_begin, written_end = _few(value, "pauses", "from", "to")
    begin, end = _instant(written_begin, "pauses"), _instant(OPEN if written_end is None else written_end, "pauses")
    if end < begin:
        raise VectorError(f"pauses: {value!r} ends before it begins")
    return begin, end


def _utc(at_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None).isoformat(sep=" ")


def _rounded(value: Decimal) -> Decimal:
    return half_up(Fraction(value), 4)


def _seconds_of(milliseconds: int) -> Decimal:
    return Decimal(milliseconds) / 1000


def _percent_of(share: Fraction | None) -> Decimal | None:
    return None if share is None else percent(share)


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _text(answers: Answers) -> str:
    return " ".join(f"{key}={_shown(value)}" for key, value in answers.items())


def _shown(value: Decimal | str | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
