"""The published cases, cases of our own of the same format, and what happens to one that cannot be read."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.availability import State
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.vectors import INPUTS, Case, Outcome, VectorError, cases, ledger_of, run


def availability(**written: Any) -> Outcome:
    return run(Case(kind="availability", id="own", written={"window": [1000, 2000], **written}))


def sla_clock(**written: Any) -> Outcome:
    return run(Case(kind="sla_clock", id="own", written={"calendar": OFFICE, **written}))


OFFICE = {"tz": "Asia/Shanghai", "hours": {str(weekday): [["09:00", "18:00"]] for weekday in range(1, 6)}}
FIGURE_KEYS = "up, down, unknown, excluded, availability, coverage, outages"
UP_DOWN_UP = [[1000, "UP"], [1400, "DOWN"], [1500, "UP"]]


def test_every_published_case_passes(shared: Path) -> None:
    published = cases(json.loads((shared / "vectors" / "uptime_vectors.json").read_text(encoding="utf-8")))

    outcomes = [run(case) for case in published]

    assert {case.kind for case in published} == {"availability", "sla_clock"}
    assert [outcome for outcome in outcomes if not outcome.ok] == []


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(
            {"events": [[1200, "UNK"], [1000, "UP"], [1200, "UP"]], "expect": {"up": 1000}}, id="known after UNK"
        ),
        pytest.param(
            {"events": [[1200, "UP"], [1000, "UP"], [1200, "UNK"]], "expect": {"up": 1000}}, id="UNK after known"
        ),
        pytest.param(
            {"events": [[1000, "DOWN"], [1000, "UNK"], [1000, "UP"]], "expect": {"up": 1000, "outages": 0}},
            id="of two known states the last to arrive wins",
        ),
        pytest.param(
            {"initial": "UP", "events": [[1000, "UNK"]], "expect": {"unknown": 1000, "availability": None}},
            id="an event at the window's beginning ends the initial state",
        ),
        pytest.param(
            {"initial": "DOWN", "expect": {"down": 1000, "availability": 0, "outages": 1}}, id="initial state alone"
        ),
        pytest.param(
            {"initial": "UP", "events": [[2000, "DOWN"]], "expect": {"availability": 100, "outages": 0}},
            id="an event at the window's end is outside it",
        ),
        pytest.param(
            {"events": UP_DOWN_UP, "now": 1450, "expect": {"up": 400, "down": 50, "unknown": 0}}, id="now cuts"
        ),
        pytest.param({"events": UP_DOWN_UP, "now": 900, "expect": {"up": 0, "availability": None}}, id="all future"),
        pytest.param(
            {
                "events": UP_DOWN_UP,
                "in_service": [[1450, 1600]],
                "expect": {"up": 100, "down": 50, "coverage": 100, "availability": 66.6667},
            },
            id="out of service nothing is counted",
        ),
        pytest.param(
            {"events": UP_DOWN_UP, "in_service": [[1450, None]], "expect": {"up": 500}}, id="still in service"
        ),
        pytest.param({"events": UP_DOWN_UP, "in_service": [], "expect": {"coverage": None}}, id="never in service"),
        pytest.param(
            {
                "events": UP_DOWN_UP,
                "excluded": [[1450, 1600]],
                "corrections": [[1400, 1700, "UP"], [1420, 1500, "DOWN"], [1650, 1660, "UNK"]],
                "expect": {"up": 810, "down": 30, "unknown": 10, "excluded": 150, "outages": 1},
            },
            id="excluded over correction over events, the later correction first",
        ),
        pytest.param(
            {"events": [[1500, "UP"]], "unknown": "up", "expect": {"up": 1000, "availability": 100, "coverage": 50}},
            id="unknown taken for up leaves the coverage",
        ),
        pytest.param(
            {"unknown": "down", "expect": {"down": 1000, "availability": 0, "outages": 0}},
            id="unknown taken for down is no outage",
        ),
        pytest.param(
            {"events": [[1000, "UP"], [1000.5, "DOWN"], [1001, "UP"]], "expect": {"down": 0.5, "availability": 99.95}},
            id="fractions of seconds",
        ),
    ],
)
def test_an_availability_case_passes(written: dict[str, Any]) -> None:
    outcome = availability(**written)

    assert (outcome.ok, outcome.got) == (True, outcome.expected)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(
            {"start": "2026-03-02 01:00:00", "minutes": 30, "expect_utc": "2026-03-02 01:30:00"},
            id="without offset: UTC",
        ),
        pytest.param(
            {"start": "2026-03-02T09:00:00+08:00", "minutes": 30, "expect_utc": "2026-03-02T09:30:00+08:00"},
            id="with an offset",
        ),
        pytest.param(
            {
                "start": "2026-03-02T17:00:00+08:00",
                "minutes": 90,
                "pauses": [["2026-03-02T17:15:00+08:00", "2026-03-03T10:00:00+08:00"]],
                "expect_utc": "2026-03-03 03:15:00",
            },
            id="a pause over the night",
        ),
        pytest.param(
            {
                "start": "2026-03-02T09:00:00+08:00",
                "end": "2026-03-02T12:00:30+08:00",
                "pauses": [["2026-03-02T10:00:00+08:00", "2026-03-02T10:45:00+08:00"]],
                "expect_minutes": 135.5,
            },
            id="elapsed minutes outside a pause",
        ),
        pytest.param(
            {
                "start": "2026-03-02T09:00:00+08:00",
                "end": "2026-03-02T12:00:00+08:00",
                "pauses": [["2026-03-02T10:00:00+08:00", None]],
                "expect_minutes": 60,
            },
            id="a pause that still lasts",
        ),
        pytest.param(
            {
                "calendar": {
                    **OFFICE,
                    "holidays": [f"2026-02-{day}" for day in range(15, 24)],
                    "shifts": {"2026-02-14": [["09:00", "18:00"]], "2026-02-28": [["09:00", "18:00"]]},
                },
                "start": "2026-02-13T17:00:00+08:00",
                "minutes": 480,
                "expect_utc": "2026-02-14 08:00:00",
            },
            id="the Spring Festival's adjusted Saturday",
        ),
        pytest.param(
            {"calendar": {"tz": "UTC", "hours": {}}, "start": "2026-03-02", "minutes": 1, "expect_utc": None},
            id="a calendar that is never open has no due time",
        ),
        pytest.param(
            {"start": "2026-03-01T12:00:00+08:00", "minutes": 0, "expect_utc": "2026-03-01T04:00:00Z"},
            id="a target of nothing is due at once, also on a Sunday",
        ),
        pytest.param(
            {"start": "2026-03-02T19:00:00+08:00", "minutes": 540, "expect_utc": "2026-03-03T18:00:00+08:00"},
            id="starts after closing, ends at closing",
        ),
        pytest.param(
            {"start": "2026-03-02T12:00:00+08:00", "end": "2026-03-02T11:00:00+08:00", "expect_minutes": 0},
            id="the end before the start",
        ),
        pytest.param(
            {
                "start": "2026-03-02T09:00:00.250+08:00",
                "end": "2026-03-02T09:01:00+08:00",
                "minutes": 0.0125,
                "expect_minutes": 0.9958,
                "expect_utc": "2026-03-02 01:00:01",
            },
            id="both questions in one case, with fractions",
        ),
        pytest.param(
            {
                "start": "2026-03-02T09:00:00+08:00",
                "minutes": 60,
                "pauses": [
                    ["2026-03-02T09:30:00+08:00", "2026-03-02T10:30:00+08:00"],
                    ["2026-03-02T10:00:00+08:00", "2026-03-02T11:00:00+08:00"],
                    ["2026-03-01T00:00:00+08:00", "2026-03-01T20:00:00+08:00"],
                    ["2026-03-02T11:00:00+08:00", "2026-03-02T11:00:00+08:00"],
                ],
                "expect_utc": "2026-03-02T11:30:00+08:00",
            },
            id="pauses that overlap, lie before the start, are empty",
        ),
        pytest.param(
            {
                "calendar": {
                    **OFFICE,
                    "holidays": ["2026-03-03", "2026-03-04"],
                    "shifts": {"2026-03-02": [], "2026-03-04": [["10:00", "11:00"], ["13:00", "14:00"]]},
                },
                "start": "2026-03-02T08:00:00+08:00",
                "minutes": 120,
                "expect_utc": "2026-03-04T14:00:00+08:00",
            },
            id="an empty shift closes a day, a shift on a holiday opens it",
        ),
        pytest.param(
            {
                "calendar": {"tz": "Asia/Shanghai", "hours": {"5": [["22:00", "06:00"]]}},
                "start": "2026-03-06T23:00:00+08:00",
                "end": "2026-03-09T00:00:00+08:00",
                "minutes": 420,
                "expect_minutes": 420,
                "expect_utc": "2026-03-07T06:00:00+08:00",
            },
            id="hours over midnight",
        ),
        pytest.param(
            {
                "calendar": {"tz": "America/New_York", "hours": {"7": [["00:00", "24:00"]], "1": [["09:00", "17:00"]]}},
                "start": "2026-03-08T00:00:00-05:00",
                "minutes": 24 * 60,
                "expect_utc": "2026-03-09T14:00:00Z",
            },
            id="New York's spring Sunday has 23 hours",
        ),
        pytest.param(
            {
                "calendar": {"tz": "Australia/Lord_Howe", "hours": {"7": [["00:00", "24:00"]]}},
                "start": "2026-04-05T00:00:00+11:00",
                "end": "2026-04-06T00:00:00+10:30",
                "expect_minutes": 24 * 60 + 30,
            },
            id="Lord Howe's autumn Sunday has half an hour more",
        ),
        pytest.param(
            {
                "calendar": {"tz": "Europe/Riga", "hours": {str(day): [["00:00", "24:00"]] for day in range(1, 8)}},
                "start": "2026-10-25T00:00:00+03:00",
                "end": "2026-10-26T00:00:00+02:00",
                "minutes": 25 * 60,
                "expect_minutes": 25 * 60,
                "expect_utc": "2026-10-25 22:00:00",
            },
            id="Riga's autumn Sunday has 25 hours",
        ),
    ],
)
def test_a_clock_case_passes(written: dict[str, Any]) -> None:
    outcome = sla_clock(**written)

    assert (outcome.ok, outcome.got) == (True, outcome.expected)


def test_a_case_that_fails_says_what_was_expected_and_what_came() -> None:
    assert availability(events=UP_DOWN_UP, expect={"availability": 90.0001, "down": 99, "up": 900}) == Outcome(
        id="own",
        ok=False,
        expected="availability=90.0001 down=99 up=900",
        got="availability=90 down=100 up=900",
    )


def test_a_clock_that_is_a_second_off_fails() -> None:
    outcome = sla_clock(start="2026-03-02 01:00:00", minutes=30, expect_utc="2026-03-02 01:30:01")

    assert (outcome.ok, outcome.expected, outcome.got) == (False, "utc=2026-03-02 01:30:01", "utc=2026-03-02 01:30:00")


def test_null_is_not_zero() -> None:
    assert not availability(expect={"availability": 0}).ok
    assert not availability(initial="DOWN", expect={"availability": None}).ok


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"window": [2000, 1000]}, "window: [2000, 1000] ends before it begins"),
        ({"window": [1000]}, "window: expected [from, to], not [1000]"),
        ({"window": ["1000", 2000]}, "window: expected a number, not '1000'"),
        ({"window": [True, 2000]}, "window: expected a number, not True"),
        ({"window": [float("nan"), 2000]}, "window: expected a number, not nan"),
        ({"window": [0.0001, 2000]}, "window: expected seconds, to the millisecond at most, not 0.0001"),
        ({"window": [None, 2000]}, "window: expected a number, not None"),
        ({"initial": "up"}, "initial: expected UP, DOWN, UNK, not 'up'"),
        ({"events": [[1000, "FLAPPING"]]}, "events: expected UP, DOWN, UNK, not 'FLAPPING'"),
        ({"events": [[1000]]}, "events: expected [event_time, state], not [1000]"),
        ({"events": 7}, "events: expected a list, not 7"),
        ({"excluded": [[1500, 1400]]}, "excluded: [1500, 1400] ends before it begins"),
        ({"corrections": [[1500, 1600]]}, "corrections: expected [from, to, state], not [1500, 1600]"),
        ({"now": "soon"}, "now: expected a number, not 'soon'"),
        ({"unknown": "ignore"}, "unknown: expected one of exclude, down, up, not 'ignore'"),
        ({"exluded": []}, "exluded: unknown key; did you mean excluded?"),
        ({"expect": []}, f"expect: expected an object with some of {FIGURE_KEYS}, not []"),
        ({"expect": {}}, f"expect: expected an object with some of {FIGURE_KEYS}, not {{}}"),
        ({"expect": {"outage": 1}}, "expect.outage: unknown key; did you mean outages?"),
        ({"expect": {"up": None}}, "expect.up: expected a number, not None"),
        ({"events": "x" * 999}, f"events: expected a list, not '{'x' * 99}…"),
    ],
)  # fmt: skip
def test_an_availability_case_that_cannot_be_read_names_itself_and_the_key(
    written: dict[str, Any], message: str
) -> None:
    outcome = availability(**{"expect": {"up": 0}, **written})

    assert outcome == Outcome(id="own", ok=False, expected="a readable case", got=f"case 'own': {message}")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"start": "yesterday"}, "start: expected an ISO time such as 2026-03-02T12:30:00+08:00, not 'yesterday'"),
        ({"start": 0}, "start: expected an ISO time such as 2026-03-02T12:30:00+08:00, not 0"),
        ({"expect_minutes": 5}, "end: missing"),
        ({"minutes": -5}, "target of -5 minutes: expected 0 or more"),
        ({"pauses": [["2026-03-02", "2026-03-01"]]}, "pauses: ['2026-03-02', '2026-03-01'] ends before it begins"),
        ({"calendar": {"hours": {}}}, "tz: expected an IANA name such as Asia/Shanghai, not None"),
        ({"calendar": "office"}, "calendar: expected an object with tz, hours, holidays, shifts, not 'office'"),
        (
            {"start": "0001-01-02", "end": "9999-12-30", "expect_minutes": 0},
            "end: '9999-12-30' is more than a hundred years after the start",
        ),
    ],
)  # fmt: skip
def test_a_clock_case_that_cannot_be_read_names_itself_and_the_key(written: dict[str, Any], message: str) -> None:
    outcome = sla_clock(**{"start": "2026-03-02", "minutes": 5, "expect_utc": "2026-03-02 01:05:00", **written})

    assert (outcome.ok, outcome.got) == (False, f"case 'own': {message}")


def test_a_clock_case_that_expects_nothing_does_not_pass() -> None:
    assert "the case has neither" in sla_clock(start="2026-03-02", minutes=5).got


def test_a_start_at_the_end_of_the_calendar_is_an_outcome_and_no_crash() -> None:
    assert not sla_clock(start="9999-12-31", minutes=5, expect_utc="9999-12-31").ok


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["UP", "2026-03-02", "09:00", "1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["1", "tz", "hours", "up"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(INPUTS["availability"]), json_values, max_size=2))
def test_no_availability_case_however_written_makes_the_runner_raise(written: dict[str, Any]) -> None:
    assert availability(**{"events": UP_DOWN_UP, "expect": {"up": -1}, **written}).ok is False or "expect" in written


@given(st.dictionaries(st.sampled_from(INPUTS["sla_clock"]), json_values, max_size=2))
def test_no_clock_case_however_written_makes_the_runner_raise(written: dict[str, Any]) -> None:
    outcome = sla_clock(**{"start": "2026-03-02", "minutes": 5, "expect_utc": "1999-01-01", **written})

    assert outcome.ok is False or "expect_utc" in written


def test_cases_come_in_the_order_of_the_document_and_one_without_an_id_has_its_place() -> None:
    document = {"sla_clock": [{"id": "Z1"}], "availability": [{"id": "A01"}, {"window": [0, 1]}]}

    found = [(case.kind, case.id) for case in cases(document)]

    assert found == [("sla_clock", "Z1"), ("availability", "A01"), ("availability", "availability[1]")]


@pytest.mark.parametrize(
    ("document", "id", "message"),
    [
        ({"uptime": []}, "uptime", "unknown section; expected availability or sla_clock"),
        ({"availabilty": []}, "availabilty", "unknown section; did you mean availability?; expected availability or"),
        ({"sla_clock": {}}, "sla_clock", "expected a list of cases, not {}"),
        ({"availability": ["A01"]}, "availability[0]", "expected an object with an id, inputs and what is expected"),
        ({"sla_clock": [None]}, "sla_clock[0]", "expected an object with an id, inputs and what is expected, not None"),
    ],
)
def test_what_is_no_case_does_not_pass_and_does_not_stop_the_others(document: Any, id: str, message: str) -> None:
    good = {"id": "A01", "window": [0, 1], "expect": {"unknown": 1}}
    whole = {**document, "availability": [*document.get("availability", []), good]}

    outcomes = {outcome.id: outcome for outcome in map(run, cases(whole))}

    assert outcomes["A01"].ok
    assert not outcomes[id].ok
    assert message in outcomes[id].got


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(VectorError, match="expected an object with the lists availability and sla_clock, not list"):
        cases([])


def test_what_a_file_says_of_itself_is_no_section() -> None:
    assert cases({"version": 2, "note": "re-expressed", "source": "own", "availability": []}) == []


def test_an_optional_key_that_is_null_is_not_there() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("initial", "events", "excluded", "in_service", "service_hours", "corrections", "now", "unknown", "note")
    )

    assert availability(**nothing, expect={"unknown": 1000, "availability": None, "coverage": 0}).ok
    assert sla_clock(start="2026-03-02T09:00+08:00", minutes=1, pauses=None, expect_utc="2026-03-02 01:01:00").ok


@pytest.mark.parametrize(
    ("expect", "ok"),
    [
        ({"availability": 66.6667}, True),
        ({"availability": 66.66666666}, True),
        ({"availability": 66.67}, False),
        ({"availability": 66.6666}, False),
        ({"coverage": 33.3333}, True),
        ({"coverage": 33.33}, True),
        ({"coverage": 33.34}, False),
        ({"coverage": 33.3}, False),
        ({"coverage": 33}, False),
    ],
)
def test_a_percent_is_right_when_it_is_what_the_exact_one_rounds_to(expect: dict[str, Any], ok: bool) -> None:
    third = availability(window=[0, 9], events=[[0, "UP"], [2, "DOWN"], [3, "UNK"]], expect=expect)

    assert third.ok is ok


@pytest.mark.parametrize("rounded", [0.0312, 0.0313])
def test_a_percent_halfway_between_two_may_be_rounded_either_way(rounded: float) -> None:
    assert availability(window=[0, 3200], initial="DOWN", events=[[3199, "UP"]], expect={"availability": rounded}).ok


def by_the_second(written: dict[str, Any]) -> dict[str, int]:
    """The published definition, a second at a time, without a thought for speed: what the runner must agree with."""

    def inside(second: int, pairs: list[list[int]]) -> bool:
        return any(begin <= second < end for begin, end in pairs)

    found = {"UP": 0, "DOWN": 0, "UNK": 0, "excluded": 0, "outages": 0}
    was_down = False
    for second in range(*written["window"]):
        state = "none"
        if second < written["now"] and all(
            inside(second, written[limit]) for limit in ("in_service", "service_hours") if limit in written
        ):
            state = written["initial"]
            latest = max((at for at, _ in written["events"] if at <= second), default=None)
            said = [state for at, state in written["events"] if at == latest]
            if said:
                state = next((one for one in reversed(said) if one != "UNK"), "UNK")
            for begin, end, corrected in written["corrections"]:
                state = corrected if begin <= second < end else state
            state = "excluded" if inside(second, written["excluded"]) else state
            found[state] += 1
        found["outages"] += state == "DOWN" and not was_down
        was_down = state == "DOWN"
    return found


seconds = st.integers(-5, 45)
words = st.sampled_from(["UP", "DOWN", "UNK"])
stretches = st.lists(st.tuples(seconds, st.integers(0, 20)).map(lambda one: [one[0], one[0] + one[1]]), max_size=5)
written_cases = st.fixed_dictionaries(
    {
        "window": st.tuples(st.integers(0, 10), st.integers(0, 30)).map(lambda one: [one[0], one[0] + one[1]]),
        "initial": words,
        "events": st.lists(st.tuples(seconds, words).map(list), max_size=12),
        "excluded": stretches,
        "corrections": st.lists(
            st.tuples(seconds, st.integers(0, 20), words).map(lambda one: [one[0], one[0] + one[1], one[2]]), max_size=6
        ),
        "now": seconds,
    },
    optional={"in_service": stretches, "service_hours": stretches},
)


@given(written_cases, st.sampled_from(["exclude", "down", "up"]))
def test_a_case_comes_out_as_a_second_by_second_count_of_the_definition(written: dict[str, Any], policy: str) -> None:
    found = by_the_second(written)
    up = found["UP"] + (found["UNK"] if policy == "up" else 0)
    down = found["DOWN"] + (found["UNK"] if policy == "down" else 0)
    known, measured = found["UP"] + found["DOWN"], found["UP"] + found["DOWN"] + found["UNK"]

    outcome = availability(
        **written,
        unknown=policy,
        expect={
            "up": up,
            "down": down,
            "unknown": found["UNK"],
            "excluded": found["excluded"],
            "outages": found["outages"],
            "availability": round(100 * up / (up + down), 4) if up + down else None,
            "coverage": round(100 * known / measured, 4) if measured else None,
        },
    )

    assert (outcome.ok, outcome.got) == (True, outcome.expected)


events = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["up", "down", "unknown"])),
    max_size=12,
    unique_by=lambda event: event[0],
)


@given(events, st.data())
def test_events_at_different_times_may_arrive_in_any_order(
    events: list[tuple[int, State]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(events))

    assert ledger_of(shuffled, initial="up", window=(10, 50)) == ledger_of(events, initial="up", window=(10, 50))


@given(events)
def test_the_ledger_of_events_covers_the_window_without_gap_or_overlap(events: list[tuple[int, State]]) -> None:
    ledger = ledger_of(events, initial="unknown", window=(10, 50))

    assert ledger[0].from_ms <= 10
    assert ledger[-1].to_ms is not None and ledger[-1].to_ms >= 50
    assert all(left.to_ms == right.from_ms for left, right in pairwise(ledger))


def test_a_repeated_event_changes_nothing() -> None:
    once: list[tuple[int, State]] = [(20, "down"), (30, "up")]

    assert ledger_of(once * 2, initial="up", window=(10, 50)) == [
        Explained(10, 20, "up", "", ""),
        Explained(20, 30, "down", "", ""),
        Explained(30, 50, "up", "", ""),
    ]
