"""The document of a round: what passes, what does not, and what nobody saw."""

from typing import Any

import pytest

from roundsman_collector.core.inspection import (
    ANSWERS,
    Both,
    DevicePart,
    Held,
    Inspected,
    Limit,
    Line,
    Round,
    Seen,
    Unreached,
    build,
)
from roundsman_collector.core.policy import Above, Below, Builtin, Fails, Is, Policy
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.core.rulebook import book_of
from tests.collector.core.desk import at, rule

POLICY = Policy(
    rules=(
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",), others=("ok", "near_end"))),
        rule("printer.paper_near_end", Is(reading="printer.paper", words=("near_end",)), effect=""),
        rule("printer.offline", Fails(probe="escpos", component="printer")),
        rule("host.disk_full", Above(reading="disk.used_percent", limit=95, clear=92), effect=""),
        rule("host.disk_nearly", Above(reading="disk.used_percent", limit=90, clear=85), effect=""),
        rule("ups.low", Below(reading="ups.charge_percent", limit=20, clear=30)),
        rule("host.unreachable", Builtin(what="unanswered")),
    )
)
ABOUT = Round(
    number="R2026-000001",
    kind="site",
    site="mall",
    name=Both("商场", "mall"),
    customer=Both("甲方", "customer"),
    address="",
    contract="",
    engineer="",
    time_zone="",
    from_ms=at(0),
    to_ms=at(60),
    asked_ms=at(60),
    asked_by="wang",
    known_ms=at(61),
    rules="h",
)
UP = (Stretch(at(0), at(60), "up", "", "", False, ""),)


def inspected(readings: dict[str, Any] | None = None, **changes: Any) -> Inspected:
    said: dict[str, Any] = {
        "id": "kiosk-7",
        "kind": "kiosk",
        "name": Both("七号", "seven"),
        "model": None,
        "serial": None,
        "place": None,
        "agent": "kiosk-7",
        "word": "normal",
        "why": "",
        "unreached": None,
        "fresh": {name: Seen(value, at(60.5), "s", 1) for name, value in (readings or {}).items()},
        "older": {},
        "failures": {},
        "ledger": UP,
        "faults": (),
        "tickets": (),
        "ticks": (),
    }
    return Inspected(**{**said, **changes})


def part(one: Inspected) -> DevicePart:
    (found,) = build(ABOUT, [one], book=book_of(POLICY)).devices
    return found


def line(one: Inspected, component: str) -> Line:
    (found,) = [line for line in part(one).lines if line.component == component]
    return found


@pytest.mark.parametrize(
    ("readings", "component", "verdict"),
    [
        pytest.param({"disk[/].used_percent": 71.0}, "disk[/]", "pass", id="within its limit"),
        pytest.param({"disk[/].used_percent": 90}, "disk[/]", "pass", id="at its limit"),
        pytest.param({"disk[/].used_percent": 90.1}, "disk[/]", "attention", id="beyond the tightest limit"),
        pytest.param({"disk[/].used_percent": None}, "disk[/]", "unseen", id="the device does not know"),
        pytest.param({"disk[/].used_percent": "much"}, "disk[/]", "unseen", id="a word where a number belongs"),
        pytest.param({"ups.charge_percent": 19}, "ups", "fail", id="below the limit of a fault that counts as down"),
        pytest.param({"printer.paper": "ok"}, "printer", "pass", id="a good word"),
        pytest.param({"printer.paper": "near_end"}, "printer", "attention", id="a word of a lesser fault"),
        pytest.param({"printer.paper": "end"}, "printer", "fail", id="a word of a fault that counts as down"),
        pytest.param({"printer.paper": "unknown"}, "printer", "unseen", id="unknown passes nothing"),
    ],
)
def test_a_reading_is_judged_by_the_rules_in_force(readings: dict[str, Any], component: str, verdict: str) -> None:
    assert line(inspected(readings), component).verdict == verdict


def test_the_worst_line_is_the_device_s_verdict_and_all_are_counted() -> None:
    good = inspected({"disk[/].used_percent": 5}, id="kiosk-8")
    bad = inspected({"disk[/].used_percent": 96, "printer.paper": "end"})

    found = build(ABOUT, [good, bad], book=book_of(POLICY))

    assert [one.verdict for one in found.devices] == ["pass", "fail"]
    assert found.verdicts == {"fail": 1, "attention": 0, "unseen": 0, "pass": 1}
    assert found.component_verdicts == {"fail": 1, "attention": 1, "unseen": 0, "pass": 3}


def test_a_reading_shows_the_tightest_limits_of_all_rules_that_look_at_it() -> None:
    (disk,) = line(inspected({"disk[/].used_percent": 5}), "disk[/]").measured
    (paper,) = line(inspected({"printer.paper": "ok"}), "printer").measured

    assert disk.limits == (Limit(form="above", number=90),)
    assert paper.limits == (Limit(form="one_of", words=("end", "near_end")),)


def test_what_was_seen_before_the_inspection_passes_nothing() -> None:
    one = inspected({}, older={"disk[/].used_percent": Seen(5, at(50))}, unreached=Unreached(reason="silent"))

    found = line(one, "disk[/]")

    assert found.verdict == "unseen"
    assert (found.measured[0].value, found.measured[0].is_fresh, found.measured[0].why) == (5, False, "old")


def test_a_component_that_its_agent_could_not_read_this_time_is_unseen_with_the_failure() -> None:
    one = inspected(
        {"host.cpu_percent": 3},
        older={"ups.charge_percent": Seen(90, at(50))},
        failures={"ups.charge_percent": ("timeout", "3 s")},
    )

    found = line(one, "ups")

    assert (found.verdict, found.measured[0].why) == ("unseen", "timeout")


def test_a_fault_that_holds_is_told_though_the_reading_is_within_its_limit_again() -> None:
    held = Held("host.disk_nearly", "disk[/]", at(10), None)

    found = line(inspected({"disk[/].used_percent": 88}, faults=[held]), "disk[/]")

    assert found.verdict == "attention"
    assert [(one.code, one.is_down) for one in found.faults] == [("host.disk_nearly", False)]


def test_a_fault_that_is_over_fails_nothing() -> None:
    held = Held("printer.paper_end", "printer", at(10), at(20))

    assert part(inspected({"printer.paper": "ok"}, faults=[held])).verdict == "pass"


def test_a_fault_of_a_component_without_a_reading_has_a_line_of_its_own() -> None:
    held = Held("printer.offline", "printer", at(10), None)

    found = line(inspected({"disk[/].used_percent": 5}, faults=[held]), "printer")

    assert (found.verdict, found.measured) == ("fail", ())


def test_a_device_that_was_not_reached_is_unseen_with_the_reason() -> None:
    why = Unreached(reason="silent", since_ms=at(30))

    found = part(inspected({}, unreached=why))

    assert (found.verdict, found.unreached) == ("unseen", why)
    assert [(one.component, one.verdict) for one in found.lines] == [(ANSWERS, "unseen")]


def test_a_device_that_is_known_not_to_answer_fails() -> None:
    held = Held("host.unreachable", "host", at(30), None)

    found = part(inspected({}, unreached=Unreached(reason="no_answer"), faults=[held]))

    assert [(one.component, one.verdict) for one in found.lines] == [(ANSWERS, "fail")]


def test_what_no_rule_limits_is_shown_and_judged_by_nobody() -> None:
    found = part(inspected({"net.rx_bytes": 5, "disk[/].used_percent": 5, "disk[/].free_mb": 100}))

    assert [one.component for one in found.lines] == [ANSWERS, "disk[/]"]
    assert [(one.name, one.verdict) for one in found.others] == [("net.rx_bytes", None)]
    assert [one.name for one in found.lines[1].beside] == ["disk[/].free_mb"]


def test_the_period_adds_up_and_its_outages_are_cut_to_it() -> None:
    ledger = (
        Stretch(at(-10), at(6), "down", "fault", "printer.paper_end", False, ""),
        Stretch(at(6), at(50), "up", "", "", False, ""),
        Stretch(at(50), at(60), "unknown", "silent", "", False, ""),
    )

    found = part(inspected({"printer.paper": "ok"}, ledger=ledger))

    assert found.times.availability == "22/25"
    assert found.times.coverage == "5/6"
    assert [(one.from_ms, one.to_ms, one.fault) for one in found.outages] == [(at(0), at(6), "printer.paper_end")]
    assert sum(one.to_ms - one.from_ms for one in found.outages) == found.times.down_ms
    assert found.strip == ((at(0), at(6), "down"), (at(6), at(50), "up"), (at(50), at(60), "unknown"))


def test_where_something_was_wrong_while_it_was_up_the_strip_says_warning() -> None:
    held = Held("host.disk_full", "disk[/]", at(10), at(20))

    assert (at(10), at(20), "warning") in part(inspected({"printer.paper": "ok"}, faults=[held])).strip


def test_a_period_without_a_device_has_no_percentage() -> None:
    found = build(ABOUT, [], book=book_of(POLICY))

    assert (found.times.availability, found.devices) == (None, ())
