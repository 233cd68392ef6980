"""Law 1: evidence decides, not arrival order. Any permutation, duplication and delay gives the same ledger."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.core.model import Item
from roundsman_collector.core.policy import Above, Builtin, Fails, Is, Restarts
from roundsman_collector.core.rulebook import Function, Override, Rulebook, RuleSet, Traits
from tests.collector.core.desk import GATEWAY, KIOSK, Desk, Recorder, at, from_nothing, rule

READINGS = st.fixed_dictionaries(
    {"printer__paper": st.sampled_from(["ok", "ok", "ok", "end", "unknown", None])},
    optional={
        "host__cpu_percent": st.sampled_from([10.0, 85.0, 95.0, None]),
        "host__cpus": st.sampled_from([0, 1, 4, None]),
        "printer__cover": st.sampled_from(["open", "closed"]),
    },
)
FAILED = st.sampled_from([None, None, None, {"escpos": ["timeout", "1 s"]}])
STEP = st.sampled_from(
    ["tick", "tick", "tick", "tick", "late tick", "pause", "reboot", "lost", "gap", "jitter", "quick", "thinned"]
)
NOW = at(600)
PAPER = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=60, clear_for_s=60, flap_s=120)
COVER = rule("printer.cover_open", Is(reading="printer.cover", words=("open",)), effect="degraded", flap_s=60)
CPU = rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=80), for_s=120, effect="")
SHARE = rule(
    "host.load_high", Above(reading="host.cpu_percent", limit=40, clear=20, per="host.cpus"), effect="degraded"
)
ALWAYS = (
    CPU,
    SHARE,
    rule("printer.offline", Fails(probe="escpos", component="printer"), for_s=60),
    rule("host.unreachable", Builtin(what="unanswered"), for_s=120, flap_s=120),
    rule("agent.silent", Builtin(what="silent"), effect=""),
    rule("host.reboot_storm", Restarts(count=2, within_ms=15 * 60_000), effect="degraded"),
)
CASH = Function(name="cash", zh="现金", en="cash", critical=False)
BOOK = Rulebook(
    [
        RuleSet(rules=(*ALWAYS, PAPER, COVER), functions=(CASH,), hash="a", valid_from_ms=at(-1000)),
        RuleSet(
            rules=(*ALWAYS, PAPER, COVER),
            functions=(CASH,),
            overrides=(
                Override(where="kind", which="kiosk", function="cash", critical=True),
                Override(where="device", which="nvr-2", code="host.unreachable", fields={"for_ms": 0}),
            ),
            hash="b",
            valid_from_ms=at(3.5),
        ),
        RuleSet(rules=(*ALWAYS, PAPER), functions=(CASH,), hash="c", valid_from_ms=at(8)),
    ],
    lambda device: ((0, Traits()), (at(5), Traits("kiosk", "K2", "old-town"))) if device == "kiosk-7" else (),
)
"""Rules that change while the stories run, also for a device that becomes a kiosk."""


@st.composite
def kiosk_life(draw: st.DrawFn) -> list[Item]:
    """What the agent of kiosk-7 recorded in a rough life, in the order it recorded it."""
    agent = Recorder("k7-1", KIOSK)
    items: list[Item] = []
    minute = 0.0
    for _ in range(draw(st.integers(1, 14))):
        match draw(STEP):
            case "pause":
                minute += draw(st.sampled_from([2.0, 5.0, 30.0]))
            case "reboot":
                minute += draw(st.sampled_from([0.2, 3.0, 20.0]))
                items.append(agent.reboot(minute, draw(st.sampled_from([None, True, False]))))
                minute += 0.2
            case "lost":
                agent.n += draw(st.integers(1, 3))
                minute += 3
            case "gap":
                first = agent.n + 1
                agent.n += draw(st.integers(1, 3))
                items.append(agent.gap(minute, minute + 2, (first, agent.n), "spool_full"))
                minute += 2
            case "jitter":
                minute -= 0.3
            case "quick":
                for _ in range(draw(st.integers(2, 6))):
                    minute += 0.25
                    items.append(agent.sample(minute, "kiosk-7", **draw(READINGS)))
                minute += 0.25
            case "thinned":
                first = agent.n + 1
                agent.n += 2
                items.append(agent.thinned(minute, minute + 9, (first, agent.n + 1), 180))
                minute += 2
            case "late tick":
                minute += 1.4
            case _:
                minute += 1
        items.append(agent.sample(minute, "kiosk-7", draw(FAILED), **draw(READINGS)))
    if draw(st.booleans()):
        agent = Recorder("k7-2", KIOSK)
        items += [agent.sample(minute + i, "kiosk-7", **draw(READINGS)) for i in range(draw(st.integers(1, 4)))]
    return items


@st.composite
def gateway_life(draw: st.DrawFn) -> list[Item]:
    """What the agent of gw-2 recorded: its own machine and two neighbours that answer or do not, with odd phases."""
    agent = Recorder("gw-1", GATEWAY)
    items: list[Item] = []
    for minute in range(draw(st.integers(1, 10))):
        if draw(st.integers(0, 9)) == 0:
            items.append(agent.reboot(minute - 0.5))
        for device, phase in (("gw-2", 0.0), ("nvr-2", draw(st.sampled_from([0.0, 0.1]))), ("ups-2", 0.0)):
            happens = draw(st.sampled_from(["answer", "answer", "silence", "skip"]))
            if happens == "silence" and device != "gw-2":
                items.append(agent.no_answer(minute + phase, device))
            elif happens != "skip":
                uptime_s = draw(st.sampled_from([60 * minute + 9000, 60 * minute + 9000, 5, None, -1]))
                items.append(agent.sample(minute + phase, device, host__cpu_percent=5.0, host__uptime_s=uptime_s))
    return items


def delivered(draw: Any, items: list[Item], desk: Desk) -> Desk:
    """The items in any order, some twice, with rebuilds, checkpoints and silences told in between."""
    arriving = draw(st.permutations(items)) if draw(st.booleans()) else list(items)
    if arriving and draw(st.booleans()):
        arriving += draw(st.lists(st.sampled_from(arriving), max_size=4))
    for item in arriving:
        desk.take(item)
        match draw(st.sampled_from(["", "", "", "settle", "checkpoint", "tick"])):
            case "settle":
                desk.settle()
            case "checkpoint":
                desk.checkpoint()
            case "tick":
                desk.tick(max(item.t, desk.state.last_t) + draw(st.sampled_from([1, 200_000, 2_000_000])))
    return desk.tick(NOW)


@settings(max_examples=300)
@given(st.data(), kiosk_life())
def test_a_kiosk_s_ledger_does_not_depend_on_how_its_evidence_came(data: st.DataObject, items: list[Item]) -> None:
    desk = delivered(data.draw, items, Desk("kiosk-7", BOOK))

    assert desk.truth == from_nothing("kiosk-7", items, NOW, BOOK).truth


@settings(max_examples=300)
@given(st.data(), gateway_life())
def test_a_gateway_s_ledger_does_not_depend_on_how_its_evidence_came(data: st.DataObject, items: list[Item]) -> None:
    desk = delivered(data.draw, items, Desk("gw-2", BOOK))

    assert desk.truth == from_nothing("gw-2", items, NOW, BOOK).truth


def test_rules_that_change_within_a_poll_nobody_vouched_for_leave_one_ledger() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [
        agent.sample(1, "kiosk-7", printer__paper="ok", printer__cover="open"),
        agent.sample(6, "kiosk-7", printer__paper=None),
        agent.sample(7, "kiosk-7", printer__paper="ok"),
    ]

    prompt = Desk("kiosk-7", BOOK).take_all(items).tick(NOW)

    assert prompt.truth == from_nothing("kiosk-7", items, NOW, BOOK).truth
    assert [one.to_ms for one in prompt.segments["kiosk-7"]][:2] == [at(2.5), at(6)]


@given(kiosk_life() | gateway_life())
def test_no_told_segment_is_empty_overlaps_or_repeats_its_neighbour(items: list[Item]) -> None:
    desk = from_nothing("kiosk-7", items, NOW, BOOK)

    for segments in desk.segments.values():
        assert all(one.to_ms is None for one in segments[-1:])
        for one, following in pairwise(segments):
            assert one.from_ms < following.from_ms == one.to_ms
            assert one[2:] != following[2:]
    assert all(c.to_ms is None or c.from_ms < c.to_ms for c in desk.conditions.values())
