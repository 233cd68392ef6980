"""The summary of a fleet: brought up to date by what changed, it says what a fresh look at everything would say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from roundsman_collector.api import summary as summary_module
from roundsman_collector.api.figures import figure_of
from roundsman_collector.api.moments import Window
from roundsman_collector.api.standing import OVERDUE_MS, standings
from roundsman_collector.api.summary import WINDOWS, Summary
from roundsman_collector.core.availability import pool
from roundsman_collector.core.model import Condition, Ref, Retold, Segment
from roundsman_collector.core.policy import SILENT
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    ConditionsTold,
    DeviceEntry,
    DeviceNow,
    FleetFilter,
    Store,
    StoreError,
    TicketResolve,
    View,
)
from tests.collector.store.cast import TODAY, staffed, ticket

MINUTE = 60_000
DEVICES = ("kiosk-7", "nvr-2", "ups-2", "bus-31")
VOICES = {"kiosk-7": 1, "nvr-2": 2, "ups-2": 2, "bus-31": 3}
AGENTS = ("kiosk-7", "gateway-2", "bus-31")
device = st.sampled_from(DEVICES)


@dataclass
class Fleet:
    """A store, a view beside it, and what the time is."""

    store: Store
    view: View
    now_ms: int = TODAY + 1000 * MINUTE
    open_tickets: list[int] = field(default_factory=list)

    def commit(self, **batch: object) -> tuple[object, ...]:
        self.now_ms += 1
        return self.store.commit(Batch(now_ms=self.now_ms, **batch)).tickets  # type: ignore[arg-type]

    def tell(self, device: str, state: str, cause: str = "", back_ms: int = 0) -> None:
        begin = self.now_ms - back_ms
        self.commit(tells=[Retold(device, begin, (Segment(begin, None, state, cause, ""),))])

    def hold(self, subject: str, code: str, begin: int, end: int | None) -> None:
        ref = Ref("s1", 1, begin)
        one = Condition(subject, "printer", code, begin, end, ref, ref)
        self.commit(conditions=[ConditionsTold(conditions=(one,))])

    def cover(self, device: str, until_ms: int) -> None:
        self.commit(device_now=[DeviceNow(device, VOICES[device], until_ms, until_ms, until_ms, False, None, None)])


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    where = tmp_path / "roundsman.sqlite3"
    with staffed(where) as store, View.open(where) as view:
        yield Fleet(store, view)


class Story(RuleBasedStateMachine):
    """Whatever happens, in whatever order: one summary follows it, another begins anew each time."""

    where: Path
    made = 0

    def __init__(self) -> None:
        super().__init__()
        Story.made += 1
        path = self.where / f"{Story.made}.sqlite3"
        self.fleet = Fleet(staffed(path), View.open(path))
        self.followed = Summary(self.fleet.view)
        self.register_may_differ = False

    def teardown(self) -> None:
        self.fleet.view.close()
        self.fleet.store.close()

    @rule(one=device, state=st.sampled_from(["up", "down", "unknown"]), cause=st.sampled_from(["", "off", "fault"]))
    def tell(self, one: str, state: str, cause: str) -> None:
        self.fleet.tell(one, state, cause, back_ms=MINUTE)

    @rule(one=device)
    def take_back_everything(self, one: str) -> None:
        """Nothing is known from a time on: rows end in known time and none takes their place."""
        self.fleet.tell(one, "up")
        begin = self.fleet.now_ms - 500 * MINUTE
        self.fleet.commit(tells=[Retold(one, begin, (Segment(begin, self.fleet.now_ms, "up", "", ""),))])

    @rule(subject=device | st.sampled_from([f"@{one}" for one in AGENTS]), begin=st.integers(1, 9), over=st.booleans())
    def hold(self, subject: str, begin: int, over: bool) -> None:
        code = SILENT if subject.startswith("@") else f"printer.fault_{begin}"
        self.fleet.hold(subject, code, TODAY + begin * MINUTE, TODAY + 10 * MINUTE if over else None)

    @rule(subject=device | st.sampled_from([f"@{one}" for one in AGENTS]), begin=st.integers(1, 9))
    def take_back_a_condition(self, subject: str, begin: int) -> None:
        code = SILENT if subject.startswith("@") else f"printer.fault_{begin}"
        self.fleet.hold(subject, code, TODAY + begin * MINUTE, TODAY + begin * MINUTE)

    @rule(one=device)
    def cover(self, one: str) -> None:
        self.fleet.cover(one, self.fleet.now_ms)

    @rule(passed=st.sampled_from([MINUTE, OVERDUE_MS - 1, OVERDUE_MS + 1]))
    def wait(self, passed: int) -> None:
        self.fleet.now_ms += passed

    @rule(subject=device | st.sampled_from([f"@{one}" for one in AGENTS]))
    def open_ticket(self, subject: str) -> None:
        (opened,) = self.fleet.commit(tickets=[ticket(subject)])
        self.fleet.open_tickets.append(opened.id)  # type: ignore[attr-defined]

    @rule()
    def resolve_a_ticket(self) -> None:
        if self.fleet.open_tickets:
            one = self.fleet.open_tickets.pop()
            self.fleet.commit(tickets=[TicketResolve(ticket=one, at_ms=self.fleet.now_ms, outcome="recovered")])

    @invariant()
    def follows(self) -> None:
        now_ms, view = self.fleet.now_ms, self.fleet.view
        followed = rows(self.followed, now_ms)

        assert followed == rows(Summary(view), now_ms)
        stand = standings(view, view.devices(), now_ms)
        assert {one.device: (one.word, one.why) for one in followed} == dict(stand.items())
        self.fleet.now_ms += summary_module.LOOK_AGAIN_MS


def rows(summary: Summary, now_ms: int) -> list[object]:
    page = summary.fleet(EVERYTHING, FleetFilter(), now_ms)
    assert page.total == len(DEVICES)
    return [one._replace(look_ms=None) for one in page.rows]


def test_what_follows_changes_says_what_a_fresh_look_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    Story.where = tmp_path_factory.mktemp("stories")

    run_state_machine_as_test(Story, settings=settings(max_examples=25, stateful_step_count=15, deadline=None))  # type: ignore[no-untyped-call]


def test_the_worst_comes_first_and_every_word_is_counted(fleet: Fleet) -> None:
    for one in DEVICES:
        fleet.tell(one, "up")
        fleet.cover(one, fleet.now_ms)
    fleet.tell("ups-2", "down", "fault")
    fleet.tell("nvr-2", "down", "off")
    fleet.hold("kiosk-7", "printer.cover_open", TODAY, None)
    summary = Summary(fleet.view)

    page = summary.fleet(EVERYTHING, FleetFilter(), fleet.now_ms, limit=3)

    assert [(one.device, one.word, one.why) for one in page.rows] == [
        ("ups-2", "fault", "fault"),
        ("nvr-2", "offline", "off"),
        ("kiosk-7", "warning", "printer.cover_open"),
    ]
    assert page.total == 4
    assert summary.counts(EVERYTHING, fleet.now_ms) == {
        "fault": 1,
        "offline": 1,
        "unknown": 0,
        "warning": 1,
        "maintenance": 0,
        "normal": 1,
    }


def test_the_pool_is_the_sum_of_what_devices_pages_say(fleet: Fleet) -> None:
    for place, one in enumerate(DEVICES):
        fleet.tell(one, "up", back_ms=900 * MINUTE)
        fleet.tell(one, "down", "fault", back_ms=(place + 1) * 20 * MINUTE)
        fleet.tell(one, "up", back_ms=(place + 1) * 10 * MINUTE)
        fleet.cover(one, fleet.now_ms - place * MINUTE)
    summary = Summary(fleet.view)

    for name, length in WINDOWS.items():
        pooled = summary.pooled(EVERYTHING, name, fleet.now_ms)

        window = Window(from_ms=fleet.now_ms - length, to_ms=fleet.now_ms, known_ms=None, now_ms=fleet.now_ms)
        single = {one.id: figure_of(fleet.view, one.id, window) for one in fleet.view.devices()}
        assert pooled == (pool(single.values()), 4, fleet.now_ms)
        assert {one: found[name] for one, found in summary.figures(DEVICES, fleet.now_ms).items()} == single


def test_who_reaches_nothing_learns_nothing(fleet: Fleet) -> None:
    fleet.tell("nvr-2", "down", "fault", back_ms=MINUTE)
    summary, stranger = Summary(fleet.view), Scope(customers=frozenset({"another"}))

    assert summary.fleet(stranger, FleetFilter(), fleet.now_ms) == ((), 0)
    assert set(summary.counts(stranger, fleet.now_ms).values()) == {0}
    assert summary.facets(stranger, "kind", fleet.now_ms) == {}
    pooled = summary.pooled(stranger, "24h", fleet.now_ms)
    assert pooled is not None and (pooled.devices, pooled.figure.base_ms) == (0, 0)


def test_a_new_device_and_a_moved_one_are_on_the_board(fleet: Fleet) -> None:
    summary = Summary(fleet.view)
    summary.counts(EVERYTHING, fleet.now_ms)

    fleet.store.add_agent(
        "new-agent", "north", [DeviceEntry(id="new-1", kind="kiosk", name_zh="新机", name_en="New")], fleet.now_ms
    )

    found = summary.fleet(EVERYTHING, FleetFilter(groups=("north",)), fleet.now_ms)
    assert [(one.device, one.word, one.why) for one in found.rows] == [("new-1", "unknown", "never_seen")]


def test_a_board_that_cannot_be_brought_up_is_shown_for_a_while_and_then_told(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = Summary(fleet.view, every_s=0.001)
    summary.counts(EVERYTHING, fleet.now_ms)
    broken = StoreError(what="the disk is gone", where="here", do="look", cause="io")

    def fails(*_: int) -> None:
        raise broken

    monkeypatch.setattr(summary._view, "fleet_news", fails)
    assert sum(summary.counts(EVERYTHING, fleet.now_ms).values()) == len(DEVICES)
    monkeypatch.setattr(summary_module, "STALE_S", -1.0)

    with pytest.raises(StoreError, match="the disk is gone"):
        for _ in range(1000):
            summary.counts(EVERYTHING, fleet.now_ms)


def test_a_whole_reading_writes_first_what_new_devices_are_found_by(fleet: Fleet) -> None:
    written: list[bool] = []
    summary = Summary(fleet.view, fill=lambda: written.append(True))
    summary.counts(EVERYTHING, fleet.now_ms)
    assert written == []

    new = DeviceEntry(id="kiosk-8", kind="kiosk", name_zh="新", name_en="New")
    fleet.store.add_agent("kiosk-8", "south", [new], fleet.now_ms)
    summary.counts(EVERYTHING, fleet.now_ms)

    assert written == [True]


def test_lists_go_on_where_nothing_can_be_written(fleet: Fleet) -> None:
    def full() -> None:
        raise StoreError(what="the disk is full", where="x", do="free space", cause="full", again=True)

    summary = Summary(fleet.view, fill=full)
    summary.counts(EVERYTHING, fleet.now_ms)
    new = DeviceEntry(id="kiosk-8", kind="kiosk", name_zh="新", name_en="New")
    fleet.store.add_agent("kiosk-8", "south", [new], fleet.now_ms)

    assert sum(summary.counts(EVERYTHING, fleet.now_ms).values()) == 5
