"""What the demo holds the API's answers to: each check lets the right answer through and no wrong one."""

from collections.abc import Mapping
from typing import Any

import pytest

from roundsman_collector.demo import checks
from roundsman_collector.demo.checks import Outage, Told

STREAM = "k7-1"


def sample(t_ms: int, **readings: object) -> Told:
    """A sample of the second `t_ms`, numbered by it."""
    named = {name.replace("__", "."): value for name, value in readings.items()}
    return {"stream": STREAM, "n": t_ms // 1000, "t_ms": t_ms, "valid_s": 6.0, "readings": named}


def paper(t_ms: int, word: str) -> Told:
    return sample(t_ms, printer__paper=word)


def interval(state: str, from_ms: int, to_ms: int | None, fault: str = "") -> Told:
    return {"state": state, "cause": "", "fault": fault, "from_ms": from_ms, "to_ms": to_ms}


PAPERLESS = [paper(1000, "ok"), paper(2000, "end"), sample(3000, host__cpu_percent=3), paper(4000, "ok")]
OUTAGE = Outage(first_bad=PAPERLESS[1], first_good=PAPERLESS[3])
LEDGER = [
    interval("up", 0, 2000),
    interval("down", 2000, 4000, "printer.paper_end"),
    interval("up", 4000, None),
]


def keys(misses: list[checks.Miss]) -> list[str]:
    return [one.key for one in misses]


def test_an_outage_goes_from_the_first_bad_sample_to_the_first_good_one_that_speaks_of_it() -> None:
    assert checks.outage_in(PAPERLESS, checks.has_no_paper) == OUTAGE
    assert (OUTAGE.from_ms, OUTAGE.to_ms) == (2000, 4000)


def test_an_outage_that_goes_on_is_none_yet() -> None:
    assert checks.outage_in(PAPERLESS[:3], checks.has_no_paper) is None


def test_a_single_poll_without_an_answer_is_not_taken_for_the_outage() -> None:
    polls = [sample(1000), sample(2000, nvr__state="online"), sample(3000), sample(4000), sample(5000, nvr__state="on")]

    found = checks.outage_in(polls, checks.has_no_answer)

    assert found == Outage(first_bad=polls[2], first_good=polls[4])


def test_a_ledger_with_exactly_that_outage_is_right() -> None:
    assert checks.edges("kiosk-7", "printer.paper_end", OUTAGE, LEDGER) == []


@pytest.mark.parametrize(
    "wrong",
    [
        [interval("up", 0, None)],
        [interval("down", 2001, 4000, "printer.paper_end")],
        [interval("down", 2000, 3999, "printer.paper_end")],
        [interval("down", 2000, None, "printer.paper_end")],
        [interval("down", 2000, 4000, "host.unreachable")],
        [*LEDGER, interval("down", 5000, 6000, "printer.paper_end")],
    ],
    ids=["none", "a millisecond late", "a millisecond short", "without an end", "another fault", "a second one"],
)
def test_a_ledger_with_anything_else_is_not(wrong: list[Told]) -> None:
    assert keys(checks.edges("kiosk-7", "printer.paper_end", OUTAGE, wrong)) == ["edges"]


def ticket(**changes: Any) -> Told:
    good: dict[str, Any] = {
        "number": "2026-000001",
        "state": "resolved",
        "fault_from_ms": 2000,
        "fault_to_ms": 4000,
        "events": [{"verb": "open"}, {"verb": "resolve"}],
        "evidence": [evidence(n=2)],
    }
    return good | changes


def evidence(*, n: int, record: Mapping[str, object] | None = PAPERLESS[1]) -> Told:
    return {"role": "first", "ref": {"stream": STREAM, "n": n}, "record": record, "why": None}


def test_a_resolved_ticket_on_the_first_bad_sample_is_right() -> None:
    assert checks.ticket(ticket(), OUTAGE) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": "open"}, "not_resolved"),
        ({"evidence": []}, "no_evidence"),
        ({"evidence": [evidence(n=2, record=None)]}, "evidence_missing"),
        ({"events": [{"verb": "open"}]}, "ticket_log"),
        ({"fault_from_ms": 2001}, "ticket_dates"),
        ({"fault_to_ms": None}, "ticket_dates"),
        ({"evidence": [evidence(n=3)]}, "ticket_first"),
    ],
)
def test_a_ticket_that_lacks_something_is_not(changes: Told, expected: str) -> None:
    assert expected in keys(checks.ticket(ticket(**changes), OUTAGE))


def test_silence_begins_where_the_last_sample_speaks_no_more() -> None:
    last = sample(2000, gnss__fix="3d")

    assert checks.silence("bus-31", [interval("up", 0, 8000), interval("unknown", 8000, None)], last) == []
    assert keys(checks.silence("bus-31", [interval("unknown", 2000, None)], last)) == ["silence"]
    assert keys(checks.silence("bus-31", [interval("up", 0, None)], last)) == ["silence"]


def test_up_over_a_window_is_one_interval_that_holds_it() -> None:
    assert checks.all_up("bus-31", [interval("up", 0, None)], 10, 20) == []
    assert checks.all_up("bus-31", [interval("up", 10, 20)], 10, 20) == []
    assert keys(checks.all_up("bus-31", [interval("up", 0, 15), interval("unknown", 15, None)], 10, 20)) == ["not_up"]
    assert keys(checks.all_up("bus-31", [], 10, 20)) == ["not_up"]


def test_unknown_over_a_window_may_have_several_causes_but_no_hole() -> None:
    whole = [interval("unknown", 0, 15), interval("unknown", 15, None)]

    assert checks.all_unknown("bus-31", whole, 10, 20) == []
    assert checks.all_unknown("bus-31", [], 20, 20) == []
    for wrong in ([interval("up", 0, None)], [interval("unknown", 0, 15), interval("unknown", 16, 20)], []):
        assert keys(checks.all_unknown("bus-31", wrong, 10, 20)) == ["not_unknown"]


FIGURE = {
    "device": "kiosk-7",
    "from_ms": 1000,
    "to_ms": 6000,
    "base_ms": 5000,
    "up_ms": 3000,
    "down_ms": 2000,
    "unknown_ms": 0,
    "excluded_ms": 0,
}


def test_a_figure_adds_up_to_its_window() -> None:
    assert checks.figure(FIGURE) == []
    assert keys(checks.figure(FIGURE | {"up_ms": 3001})) == ["figure"]
    assert keys(checks.figure(FIGURE | {"to_ms": 7000})) == ["figure"]


def test_the_downtime_of_a_figure_is_that_of_the_ledger() -> None:
    assert checks.downtime(FIGURE, {"intervals": LEDGER, "covered_to_ms": 6000}) == []
    assert keys(checks.downtime(FIGURE, {"intervals": LEDGER[:1], "covered_to_ms": 6000})) == ["downtime"]


def test_an_open_outage_counts_as_far_as_evidence_reaches() -> None:
    ledger = {"intervals": [interval("down", 2000, None, "x.y")], "covered_to_ms": 4000}

    assert checks.downtime(FIGURE, ledger) == []


def test_this_machine_must_have_told_everything_that_every_machine_can() -> None:
    names = ["host.cpu_percent", "host.memory_percent", "host.uptime_s", "disk[/].used_percent", "clock.synchronised"]

    assert checks.machine(names, has_network=False) == []
    assert checks.machine([*names, "net.rx_bytes"], has_network=True) == []
    assert checks.machine(names, has_network=True) == [checks.miss("machine", lacking=["net."])]
    assert checks.machine(names[1:], has_network=False) == [checks.miss("machine", lacking=["host.cpu_percent"])]
