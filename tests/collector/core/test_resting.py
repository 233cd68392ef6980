"""A vehicle that is parked: its silence is no fault, and the time does not count; of one that is driven it is."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.core.intervals import normal
from roundsman_collector.core.model import Item, Spec
from roundsman_collector.core.policy import Builtin, Is, Policy
from roundsman_collector.core.reckoning import Run, reckoned, stretches, tally
from roundsman_collector.core.rulebook import Rulebook, RuleSet
from tests.collector.core.desk import MINUTE, Desk, Recorder, at, from_nothing, rule, story
from tests.collector.core.test_law_one import ALWAYS, COVER, NOW, PAPER, delivered, kiosk_life

BUS = Spec("b0531", (("bus-31", True, 3 * MINUTE),))
PARKED = rule("veh.parked", Is(reading="vehicle.ignition", words=("off",), others=("on",)), effect="rests")
SILENT = rule("agent.silent", Builtin(what="silent"), effect="")
POLICY = Policy(rules=(PARKED, SILENT, rule("gnss.no_fix", Is(reading="gnss.fix", words=("none",)))))


def driven(agent: Recorder, *minutes: float, ignition: str = "on") -> list[Item]:
    return [agent.sample(minute, "bus-31", vehicle__ignition=ignition) for minute in minutes]


def test_a_parked_vehicle_is_out_of_the_reckoning_until_it_is_driven_again() -> None:
    agent = Recorder("b31-1", BUS)
    items = [*driven(agent, 0, 1, 2), *driven(agent, 3, ignition="off")]
    items += [agent.reboot(600), *driven(agent, 601, 602)]

    desk = Desk("bus-31", POLICY).take_all(items[:4]).tick(at(60))
    silent = story(desk.segments["bus-31"])
    desk.take_all(items[4:])

    assert silent == [(0, 4.5, "up", ""), (4.5, None, "unknown", "resting")]
    assert story(desk.segments["bus-31"]) == [
        (0, 4.5, "up", ""),
        (4.5, 601, "unknown", "resting"),
        (601, None, "up", ""),
    ]
    assert [one.code for one in desk.conditions.values()] == ["veh.parked"]


def test_a_vehicle_that_is_driven_and_falls_silent_is_missed() -> None:
    agent = Recorder("b31-1", BUS)
    desk = Desk("bus-31", POLICY).take_all(driven(agent, 0, 1, 2)).tick(at(60))

    assert story(desk.segments["bus-31"]) == [(0, 3.5, "up", ""), (3.5, None, "unknown", "silent")]
    assert [one.code for one in desk.conditions.values()] == ["agent.silent"]

    desk.take_all([agent.reboot(600), *driven(agent, 601)])
    assert (3.5, 600, "down", "off") in story(desk.segments["bus-31"])


def test_a_parked_vehicle_that_goes_on_reporting_is_up() -> None:
    agent = Recorder("b31-1", BUS)
    desk = Desk("bus-31", POLICY).take_all(driven(agent, 0, 1, 2, 3, ignition="off")).tick(at(4))

    assert story(desk.segments["bus-31"]) == [(0, None, "up", "")]


def test_late_samples_of_the_time_in_which_it_was_thought_to_rest_say_what_it_was() -> None:
    agent = Recorder("b31-1", BUS)
    first = [*driven(agent, 0), *driven(agent, 1, ignition="off")]
    late = driven(agent, 30, 31)
    last = driven(agent, 60)

    desk = Desk("bus-31", POLICY).take_all([*first, *last]).tick(at(61))
    desk.take_all(late)
    desk.settle()

    assert story(desk.segments["bus-31"]) == [
        (0, 2.5, "up", ""),
        (2.5, 30, "unknown", "resting"),
        (30, 32.5, "up", ""),
        (32.5, 60, "unknown", "agent_stopped"),
        (60, None, "up", ""),
    ]


def test_a_gateway_rests_only_when_all_it_speaks_for_does() -> None:
    spec = Spec("f1", (("bus-31", False, 3 * MINUTE), ("bus-32", False, 3 * MINUTE)))
    agent = Recorder("f-1", spec)

    def heard(minute: float, device: str, ignition: str) -> Item:
        return agent.sample(minute, device, vehicle__ignition=ignition)

    one = Desk("fleet", POLICY).take_all([heard(0, "bus-31", "off"), heard(0.1, "bus-32", "on")]).tick(at(60))
    agent = Recorder("f-1", spec)
    both = Desk("fleet", POLICY).take_all([heard(0, "bus-31", "off"), heard(0.1, "bus-32", "off")]).tick(at(60))

    assert "agent.silent" in [one.code for one in one.conditions.values()]
    assert story(one.segments["bus-31"])[-1][3] == "resting"
    assert story(one.segments["bus-32"])[-1][3] == "silent"
    assert "agent.silent" not in [one.code for one in both.conditions.values()]


def test_time_of_rest_is_excluded_from_every_figure() -> None:
    agent = Recorder("b31-1", BUS)
    items = [*driven(agent, 0, 1), *driven(agent, 2, ignition="off"), agent.reboot(598), *driven(agent, 600, 601)]
    desk = Desk("bus-31", POLICY).take_all(items)
    ended = [(*one[:1], one.to_ms or at(602), *one[2:], "") for one in desk.segments["bus-31"]]

    told = stretches(ended, counted=normal([(at(0), at(602))]))  # type: ignore[arg-type]
    figure = reckoned(tally([Run(((0, "all"),), "down", told)])["all"])

    assert figure.figure.up_ms == 5.5 * MINUTE
    assert figure.figure.excluded_ms == 596.5 * MINUTE
    assert figure.figure.down_ms == figure.figure.unknown_ms == 0


BOOK = Rulebook(
    [
        RuleSet(
            rules=(*ALWAYS, PAPER, PARKED, rule(COVER.code, COVER.when, effect="rests")),
            hash="a",
            valid_from_ms=at(-1000),
        )
    ],
    lambda device: (),
)


@settings(max_examples=300)
@given(st.data(), kiosk_life())
def test_what_rests_has_one_ledger_however_its_evidence_came(data: st.DataObject, items: list[Item]) -> None:
    desk = delivered(data.draw, items, Desk("kiosk-7", BOOK))

    assert desk.truth == from_nothing("kiosk-7", items, NOW, BOOK).truth
    for segments in desk.segments.values():
        for one, following in pairwise(segments):
            assert one.from_ms < following.from_ms == one.to_ms
            assert one[2:] != following[2:]
