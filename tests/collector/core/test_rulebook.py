"""Which rules judge a device when: sets over time, overrides from wide to narrow, devices that become others."""

import pytest

from roundsman_collector.core.model import Segment
from roundsman_collector.core.policy import Above, Is, Rule
from roundsman_collector.core.rulebook import (
    Function,
    Override,
    Rulebook,
    RuleChangeError,
    RuleSet,
    Traits,
    changed,
    resolved,
)
from tests.collector.core.desk import KIOSK, Desk, Recorder, at, from_nothing, rule, story

PAPER = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=0, effect="degraded")
CPU = rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=80), effect="")
RECEIPTS = Function(name="cash", zh="票据", en="receipts")
SOFT = Function(name="cash", zh="票据", en="receipts", critical=False)


def override(where: str, which: str, **fields: object) -> Override:
    return Override(where=where, which=which, code="host.cpu_high", fields=fields)  # type: ignore[arg-type]


def cpu(book: Rulebook, device: str, minute: float) -> Rule:
    found = book.at(device, at(minute)).rule("host.cpu_high")
    assert found is not None
    return found


def test_the_narrower_override_wins_and_fields_of_the_wider_one_stay() -> None:
    rules = RuleSet(
        rules=(CPU,),
        overrides=(
            override("device", "kiosk-7", severity=1),
            override("site", "harbour", severity=2, for_ms=5000),
            override("model", "K2", for_ms=4000, limit=70.0),
            override("kind", "kiosk", for_ms=3000, limit=60.0, clear=50.0),
        ),
    )

    found = resolved(rules, Traits("kiosk", "K2", "harbour"), "kiosk-7").rule("host.cpu_high")

    assert found is not None
    assert (found.severity, found.for_ms, found.when) == (1, 5000, Above(reading=CPU.when.reading, limit=70, clear=70))  # type: ignore[union-attr]


def test_an_override_for_others_changes_nothing() -> None:
    rules = RuleSet(rules=(CPU,), overrides=(override("model", "K3", severity=1), override("site", "", severity=1)))

    assert resolved(rules, Traits("kiosk", "K2", ""), "kiosk-7").rules == (CPU,)


def test_a_fault_without_limits_cannot_be_given_one() -> None:
    with pytest.raises(RuleChangeError, match=r"printer\.paper_end.*no limits"):
        changed(PAPER, {"limit": 3})


@pytest.mark.parametrize(
    ("functions", "kind", "effect"),
    [
        ((RECEIPTS,), "kiosk", "down"),
        ((SOFT,), "kiosk", "degraded"),
        ((), "kiosk", ""),
        ((Function(name="cash", zh="票据", en="receipts", kinds=("kiosk",)),), "nvr", ""),
    ],
)
def test_what_a_fault_makes_of_a_device_follows_from_its_function(
    functions: tuple[Function, ...], kind: str, effect: str
) -> None:
    found = resolved(RuleSet(rules=(PAPER,), functions=functions), Traits(kind)).rule("printer.paper_end")

    assert found is not None
    assert found.effect == effect


def test_a_site_may_do_without_a_function() -> None:
    lenient = Override(where="site", which="old-town", function="cash", critical=False)
    rules = RuleSet(rules=(PAPER,), functions=(RECEIPTS,), overrides=(lenient,))

    assert resolved(rules, Traits("kiosk", "", "old-town")).rules[0].effect == "degraded"
    assert resolved(rules, Traits("kiosk", "", "harbour")).rules[0].effect == "down"


def test_a_time_before_all_sets_is_judged_by_the_first() -> None:
    sets = [RuleSet(rules=(CPU,), hash="b", valid_from_ms=at(10)), RuleSet(rules=(), hash="a", valid_from_ms=at(5))]
    book = Rulebook(sets)

    assert [book.at("kiosk-7", at(minute)).hash for minute in (0, 5, 9.9, 10, 99)] == ["a", "a", "a", "b", "b"]
    assert book.newest.hash == "b"


def test_a_rulebook_without_rules_in_force_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rulebook([])


def test_edges_are_when_the_rules_of_that_device_change() -> None:
    one = RuleSet(rules=(CPU,), hash="a", valid_from_ms=at(0))
    two = RuleSet(rules=(CPU,), overrides=(override("kind", "kiosk", severity=1),), hash="b", valid_from_ms=at(5))
    moves = {"kiosk-7": ((0, Traits("nvr")), (at(8), Traits("kiosk"))), "nvr-2": ((0, Traits("nvr")),)}
    book = Rulebook([one, two], lambda device: moves.get(device, ()))

    assert book.edges("kiosk-7", at(1), at(20)) == (at(8),)
    assert book.edges("kiosk-7", at(8), at(20)) == ()
    assert book.edges("nvr-2", at(1), at(20)) == ()
    assert (cpu(book, "kiosk-7", 7).severity, cpu(book, "kiosk-7", 8).severity, cpu(book, "kiosk-7", 7).severity) == (
        2,
        1,
        2,
    )


def test_late_evidence_meets_the_rules_of_its_own_time() -> None:
    book = Rulebook(
        [
            RuleSet(rules=(PAPER,), functions=(RECEIPTS,), hash="a", valid_from_ms=at(0)),
            RuleSet(rules=(), hash="b", valid_from_ms=at(10)),
        ]
    )
    agent = Recorder("k7-1", KIOSK)
    words = [(0, "ok"), (1, "end"), (2, "ok"), (12, "end"), (13, "ok")]
    items = [agent.sample(minute, "kiosk-7", printer__paper=word) for minute, word in words]
    desk = Desk("kiosk-7", book).take_all([items[0], *items[3:], *items[1:3]])

    desk.settle()

    downs = [(a, b) for a, b, state, _ in story(desk.segments["kiosk-7"]) if state == "down"]
    assert downs == [(1, 2)]
    assert desk.truth == from_nothing("kiosk-7", items, at(13), book).truth


def test_a_fault_ends_where_the_rules_stop_knowing_it_and_goes_on_where_they_take_it_lighter() -> None:
    book = Rulebook(
        [
            RuleSet(rules=(PAPER, CPU), functions=(RECEIPTS,), hash="a", valid_from_ms=at(0)),
            RuleSet(rules=(PAPER,), functions=(SOFT,), hash="b", valid_from_ms=at(3.5)),
        ]
    )
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(m, "kiosk-7", printer__paper="end", host__cpu_percent=99.0) for m in range(1, 7)]

    desk = Desk("kiosk-7", book).take_all(items)

    assert desk.segments["kiosk-7"] == (
        Segment(at(1), at(3.5), "down", "fault", "printer.paper_end"),
        Segment(at(3.5), None, "up", "degraded", "printer.paper_end"),
    )
    told = sorted((c.code, c.effect, c.from_ms, c.to_ms, c.since_ms) for c in desk.conditions.values())
    assert told == [
        ("host.cpu_high", "", at(1), at(3.5), at(1)),
        ("printer.paper_end", "degraded", at(3.5), None, at(1)),
        ("printer.paper_end", "down", at(1), at(3.5), at(1)),
    ]
