"""One cause, one ticket: what stands behind a failing root waits, joins, is absorbed and released, on a real store.

kiosk-7, kiosk-8 and kiosk-9 look after themselves and get their uplink from gw-2, that its power from ups-2; gw-2's
agent polls nvr-2 and ups-2. Whoever is heard of says so every minute; nothing is heard for three minutes: silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_collector.core.policy import Builtin, Is, Policy
from roundsman_collector.engine import desk as desks
from roundsman_collector.engine import timely
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.register import DeviceEntry
from tests.collector.core.desk import START, at, rule
from tests.collector.engine.desk import GROUP, Agent, Collector, gateway, kiosk

EXPLAINED = ("power", "uplink")
SILENT = replace(rule("agent.silent", Builtin(what="silent"), effect=""), explains="uplink", explained_by=EXPLAINED)
UNREACHABLE = replace(
    rule("host.unreachable", Builtin(what="unanswered"), for_s=60), explains="uplink", explained_by=EXPLAINED
)
OUTPUT = replace(rule("ups.output_off", Is(reading="ups.output", words=("off",)), effect=""), explains="power")
PAPER = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)))
POLICY = Policy(rules=(SILENT, UNREACHABLE, OUTPUT, PAPER))
LINKS = [("kiosk-7", "uplink", "gw-2"), ("kiosk-8", "uplink", "gw-2"), ("kiosk-9", "uplink", "gw-2")]
POWER = ("gw-2", "power", "ups-2")


class Story:
    """The cast with its collector. `heard` lets agents say that all is well, minute by minute."""

    def __init__(self, folder: Path, links: Sequence[tuple[str, str, str]] = (*LINKS, POWER)) -> None:
        self.collector = Collector(folder, POLICY)
        for name in ("kiosk-8", "kiosk-9"):
            entry = DeviceEntry(id=name, kind="kiosk", name_zh=name, name_en=name)
            self.collector.store.add_agent(name, GROUP, [entry], START - 1)
        self.collector.engine.load_register()
        self.stand(*links, minutes=0)
        self.agents = {"gw-2": gateway(), "kiosk-7": kiosk()}
        for name in ("kiosk-8", "kiosk-9"):
            self.agents[name] = Agent(name, [(name, True)])
        self.collector.take(0, *(one.birth(0) for one in self.agents.values()))
        self.collector.look(0)

    def stand(self, *links: tuple[str, str, str], minutes: float) -> None:
        wanted = [Wanted(subject, kind, root, at(minutes)) for subject, kind, root in links]  # type: ignore[arg-type]
        self.collector.store.put_behind(wanted, Deed(who="li", at_ms=at(minutes)))
        self.collector.engine.desk.reread()
        self.collector.engine.desk.step(at(minutes))

    def heard(self, minutes: float, *names: str, **readings: str) -> None:
        """These are heard now, well but for `readings`."""
        arrivals = []
        for name in names:
            agent = self.agents[name]
            samples = [agent.sample(minutes, name, host__cpu_percent=3, **readings if name != "gw-2" else {})]
            if name == "gw-2":
                samples += [
                    agent.sample(minutes, "nvr-2", nvr__ok="yes"),
                    agent.sample(minutes, "ups-2", ups__output="on"),
                ]
            arrivals.append(agent.report(minutes, *samples))
        self.collector.take(minutes, *arrivals)

    def look(self, *minutes: float) -> None:
        for one in minutes:
            self.collector.look(one)

    @property
    def tickets(self) -> list[tuple[str, str]]:
        return [(subject, state) for subject, _, state, _ in self.collector.tickets()]

    def children(self, number: int = 1) -> list[tuple[str, bool]]:
        """What a ticket explains, and whether it still does."""
        with self.collector.view() as view:
            return sorted((one.subject, one.left_ms is None) for one in view.ticket_children(number))


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    one = Story(tmp_path)
    yield one
    one.collector.store.close()


ALL = ("gw-2", "kiosk-7", "kiosk-8", "kiosk-9")
KIOSKS = ALL[1:]


def test_a_root_and_all_behind_it_get_one_ticket(story: Story) -> None:
    story.heard(1, *ALL)

    story.look(4.1, 4.2, 4.3)

    assert story.tickets == [("@gw-2", "open")]
    assert story.children() == [("@kiosk-7", True), ("@kiosk-8", True), ("@kiosk-9", True)]


def test_children_known_before_their_root_wait_for_it(story: Story) -> None:
    story.heard(1, *KIOSKS)
    story.heard(1.9, "gw-2")

    story.look(4.1, 4.5)
    waiting = story.tickets
    story.look(5, 5.1)

    assert waiting == []
    assert story.tickets == [("@gw-2", "open")]
    assert len(story.children()) == 3


def test_a_child_whose_root_is_well_opens_its_own_ticket_at_once(story: Story) -> None:
    story.heard(1, *ALL)
    for minute in (2, 3, 4.2, 5.2):
        story.heard(minute, "gw-2", "kiosk-8", "kiosk-9")

    story.look(5.3)

    assert story.tickets == [("@kiosk-7", "open")]


def test_a_child_waits_no_longer_than_its_root_needs_to_be_found_faulty(story: Story, tmp_path: Path) -> None:
    story.heard(1, *ALL)
    story.look(4.5)  # the collector heard nobody; gw-2 is told first and all are its children
    story.collector.engine.desk.step(at(4.6))
    other = Story(tmp_path / "other")
    other.heard(1, *ALL)
    other.heard(2, "gw-2")
    other.look(4.1)

    due = max(one.due_ms for one in other.collector.engine.desk.held)

    assert due == at(4.1) + 180_000 + 60_000 + 10_000  # unreachable: a minute of `for`, three until it is heard
    other.collector.store.close()


def test_a_root_found_faulty_later_absorbs_tickets_that_are_open(story: Story, tmp_path: Path) -> None:
    story.heard(1, *ALL)
    story.look(4.1)
    opened = Story(tmp_path / "other", links=[POWER])
    opened.heard(1, *KIOSKS)
    opened.heard(1.5, "gw-2")
    opened.look(4.1)
    three = opened.tickets

    opened.stand(*LINKS, minutes=4.2)
    opened.look(4.6, 4.7)

    assert three == [("@kiosk-7", "open"), ("@kiosk-8", "open"), ("@kiosk-9", "open")]
    assert opened.tickets == [(f"@{name}", "merged") for name in KIOSKS] + [("@gw-2", "open")]
    assert opened.children(4) == [("@kiosk-7", True), ("@kiosk-8", True), ("@kiosk-9", True)]
    with opened.collector.view() as view:
        assert [one.merged_into for one in reversed(view.tickets())] == [4, 4, 4, None]
        _, log = view.ticket(1)  # type: ignore[misc]
        assert (log[-1].verb, log[-1].data["was"]) == ("merge", "open")
        assert log[-1].data["ran_ms"] == at(4.7) - at(4.1)
    opened.collector.store.close()


def test_a_fault_that_began_long_before_its_roots_keeps_its_ticket(story: Story) -> None:
    story.heard(1, *ALL)
    for minute in (2, 3, 4, 5, 6, 7, 8, 9, 10):
        story.heard(minute, "gw-2", "kiosk-8", "kiosk-9")
        story.look(minute + 0.1)

    story.look(13.1, 13.2, 13.3)

    assert story.tickets == [("@kiosk-7", "open"), ("@gw-2", "open")]
    assert story.children(2) == [("@kiosk-8", True), ("@kiosk-9", True)]


def test_when_all_are_back_nothing_was_opened_but_the_roots_ticket(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    story.heard(6, *ALL)
    for minute in (6.1, 7, 8, 9, 10, 11):
        story.heard(minute + 0.5, *ALL)
        story.look(minute + 0.6)

    assert story.tickets == [("@gw-2", "resolved")]
    assert story.children() == [("@kiosk-7", False), ("@kiosk-8", False), ("@kiosk-9", False)]
    assert len(story.collector.engine.desk.held) == 0


def test_a_child_that_stays_down_when_its_root_is_well_is_released_with_its_own_first_event(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    for minute in (6, 7, 8, 9, 10):
        story.heard(minute, "gw-2", "kiosk-7", "kiosk-8")
        story.look(minute + 0.1, minute + 0.5)

    assert story.tickets == [("@gw-2", "resolved"), ("@kiosk-9", "open")]
    with story.collector.view() as view:
        row, _ = view.ticket(2)  # type: ignore[misc]
        assert (row.fault_from_ms, row.opened_late) == (at(1), True)
        assert at(9.1) < row.opened_ms < at(10.6)
        _, log = view.ticket(1)  # type: ignore[misc]
        assert [(one.verb, one.data.get("count")) for one in log if one.verb in ("join", "release")] == [
            ("join", 3),
            ("release", 1),
        ]


def test_a_root_that_flaps_moves_nobody(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    for minute in (5, 9, 13):  # gw-2 is back for a moment, and silent again
        story.heard(minute, "gw-2")
        for step in (0.1, 1, 2, 3.1, 3.2):
            story.look(minute + step)

    assert story.tickets == [("@gw-2", "resolved")] * 3 + [("@gw-2", "open")]
    assert len(story.collector.engine.desk.held) == 3
    with story.collector.view() as view:
        joins = [len([one for one in view.ticket(number)[1] if one.verb == "join"]) for number in (1, 2, 3, 4)]  # type: ignore[index]
    assert sum(joins) <= 4


def test_no_wait_is_lost_when_the_collector_is_killed(story: Story) -> None:
    story.heard(1, *KIOSKS)
    story.heard(1.9, "gw-2")
    story.look(4.1)

    story.collector.restart(4.2)
    story.look(4.3)
    waiting = (story.tickets, len(story.collector.engine.desk.held))
    story.look(5, 5.1)

    assert waiting == ([], 3)
    assert story.tickets == [("@gw-2", "open")]
    assert len(story.children()) == 3


def test_what_is_explained_is_so_after_a_restart_and_released_in_its_time(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    story.collector.restart(5)
    story.look(5.1, 8.5)
    still = story.tickets
    for minute in (9, 10, 11, 12, 13):
        story.heard(minute, "gw-2", "kiosk-7", "kiosk-8")
        story.look(minute + 0.1)

    assert still == [("@gw-2", "open")]
    assert story.tickets == [("@gw-2", "resolved"), ("@kiosk-9", "open")]


def test_a_child_that_recovered_while_the_collector_was_down_leaves(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    story.heard(6, "kiosk-7")  # committed, and killed before the desk could do its part
    story.collector.restart(6.1)
    story.look(6.2)

    assert story.children() == [("@kiosk-7", False), ("@kiosk-8", True), ("@kiosk-9", True)]


def test_power_takes_in_the_uplink_that_failed_for_want_of_it(story: Story) -> None:
    story.heard(1, *ALL)
    agent = story.agents["gw-2"]
    story.collector.take(1.5, agent.report(1.5, agent.sample(1.5, "ups-2", ups__output="off")))

    story.look(4.6, 4.7)

    assert story.tickets == [("ups-2", "open")]
    assert [subject for subject, _ in story.children()] == ["@gw-2", "@kiosk-7", "@kiosk-8", "@kiosk-9"]


def test_a_ticket_with_children_takes_them_along_when_it_is_merged(tmp_path: Path) -> None:
    story = Story(tmp_path, links=LINKS)
    story.heard(1, *ALL)
    agent = story.agents["gw-2"]
    story.collector.take(1.5, agent.report(1.5, agent.sample(1.5, "ups-2", ups__output="off")))
    story.look(4.6, 4.7)
    before = story.tickets

    story.stand(POWER, minutes=5)
    story.look(5.1, 5.2)

    assert before == [("ups-2", "open"), ("@gw-2", "open")]
    assert story.tickets == [("ups-2", "open"), ("@gw-2", "merged")]
    assert [subject for subject, _ in story.children()] == ["@gw-2", "@kiosk-7", "@kiosk-8", "@kiosk-9"]
    story.collector.store.close()


def test_faults_of_their_own_open_at_once_also_while_the_root_fails(story: Story) -> None:
    story.heard(1, *ALL)
    story.look(4.1, 4.2)

    story.heard(5, "kiosk-7", printer__paper="end")

    assert story.tickets == [("@gw-2", "open"), ("kiosk-7", "open")]


def test_a_ticket_of_a_root_that_a_person_resolved_does_not_hide_what_fails_next(story: Story) -> None:
    story.heard(1, *ALL)
    for minute in (2, 3, 4):
        story.heard(minute, "kiosk-7", "kiosk-8", "kiosk-9")
        story.look(minute + 0.1)
    args = {"ticket": 1}
    asked = CommandRow(1, at(4.5), "li", "resolve", args, "new", None, None)
    with story.collector.view() as view:
        asked = asked._replace(id=view.ask(who="li", verb="resolve", args=args, now_ms=at(4.5)))
    timely.obey(story.collector.engine, [asked], at(4.5))

    story.look(7.2, 7.3)

    assert story.tickets == [("@gw-2", "resolved"), ("@gw-2", "open")]
    assert len(story.children(2)) == 3


def test_nothing_opens_while_maintenance_covers_it_and_what_is_left_opens_after(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet: dict[str, int | None] = {"kiosk-7": at(10), "@gw-2": at(10)}
    monkeypatch.setattr(story.collector.store, "maintenance_now", lambda now_ms: quiet)
    story.heard(1, *ALL)
    story.heard(1.5, "kiosk-7", printer__paper="end")

    story.look(4.6, 5, 7, 9.9)
    during = story.tickets
    story.look(10.1, 10.2)

    assert during == []
    assert sorted(story.tickets) == [("@gw-2", "open"), ("kiosk-7", "open")]
    with story.collector.view() as view:
        numbers = {one.subject: one.id for one in view.tickets()}
        assert len(view.ticket_children(numbers["@gw-2"])) == 3


def test_a_fault_that_is_over_before_its_maintenance_opens_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story.collector.store, "maintenance_now", lambda now_ms: {"kiosk-7": None})
    story.heard(1, "kiosk-7", printer__paper="end")
    story.look(1.1)
    story.heard(2, "kiosk-7", printer__paper="ok")
    monkeypatch.setattr(story.collector.store, "maintenance_now", lambda now_ms: {})

    story.look(3, 4)

    assert ("kiosk-7", "open") not in story.tickets


def test_a_full_disk_puts_off_what_is_due_and_loses_nothing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.heard(1, *ALL)
    timely.wake(story.collector.engine, at(4.1))
    full = desks.StoreError(what="full", where="here", do="wait", cause="full", again=True)

    with monkeypatch.context() as patch:
        patch.setattr(story.collector.store, "commit", lambda batch: (_ for _ in ()).throw(full))
        for _ in range(3):
            with pytest.raises(desks.StoreError):
                story.collector.engine.desk.step(at(4.2))
    story.look(4.3)

    assert story.tickets == [("@gw-2", "open")]
    assert len(story.children()) == 3


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1)])
@pytest.mark.parametrize("steps", [(), (4.15,), (4.05, 4.15, 4.2)])
def test_the_order_in_which_root_and_children_become_known_does_not_change_the_tickets(
    tmp_path: Path, order: tuple[int, ...], steps: tuple[float, ...]
) -> None:
    story = Story(tmp_path)
    for place, number in enumerate(order):
        story.heard(1 + place / 100, ALL[number])

    story.look(4.01, 4.02, *steps, 4.5, 8, 8.1)

    opened = [one for one in story.tickets if one[1] == "open"]
    assert opened == [("@gw-2", "open")]
    root = next(place for place, one in enumerate(story.tickets, 1) if one[1] == "open")
    assert story.children(root) == [("@kiosk-7", True), ("@kiosk-8", True), ("@kiosk-9", True)]
    story.collector.store.close()


def test_a_thousand_children_of_a_root_cost_one_ticket_and_one_line_in_its_log(tmp_path: Path) -> None:
    story = Story(tmp_path)
    names = [f"k-{number}" for number in range(1000)]
    for name in names:
        entry = DeviceEntry(id=name, kind="kiosk", name_zh=name, name_en=name)
        story.collector.store.add_agent(name, GROUP, [entry], START)
        story.agents[name] = Agent(name, [(name, True)])
    story.collector.engine.load_register()
    story.stand(*((name, "uplink", "gw-2") for name in names), minutes=0.5)
    story.collector.take(1, *(story.agents[name].birth(1) for name in names))
    story.heard(1, *names, "gw-2")

    story.look(4.1, 4.2, 4.3)

    assert story.tickets == [("@gw-2", "open")]
    with story.collector.view() as view:
        _, log = view.ticket(1)  # type: ignore[misc]
    assert sum(one.data["count"] for one in log if one.verb == "join") == 1000
    assert len(log) <= 3
    story.collector.store.close()
