"""The delivery on a real outbox: in order, again, dead, in a digest, and never one way in the way of another."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.notify.delivery import Delivery
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.pacing import LIMIT, WINDOW_MS
from roundsman_collector.store import Batch, Deed, Filter, Office, Outbox, Store, TicketResolve, WayRow
from tests.brokers import until
from tests.collector.store.cast import TODAY, staffed, ticket

MINUTE = 60_000
DEED = Deed(who="wang", at_ms=TODAY)


class Desk:
    """A store, a delivery and a clock; `post` stands for the world: what it raises is what the other end did."""

    def __init__(self, folder: Path) -> None:
        where = folder / "roundsman.sqlite3"
        self.store: Store = staffed(where)
        self.office = Office.open(where)
        self.outbox = Outbox.open(where)
        self.now = TODAY
        self.told: list[tuple[int, str, str]] = []
        self.facts: list[Facts] = []
        self.trouble: dict[int, Exception | threading.Event] = {}
        self.delivery = Delivery(
            self.outbox, {"mail": self.post, "webhook": self.post}, {}, now_ms=lambda: self.now, luck=lambda: 0.5
        )

    def post(self, facts: Facts, way: WayRow) -> None:
        trouble = self.trouble.get(way.id)
        if isinstance(trouble, threading.Event):
            trouble.wait(30)
        elif trouble is not None:
            raise trouble
        self.facts.append(facts)
        self.told.append((way.id, facts.event, facts.body.get("ticket", {}).get("number", "")))

    def way(self, **wanted: object) -> int:
        filter_ = Filter(**wanted)  # type: ignore[arg-type]
        return self.office.add_way(kind="mail", name="duty", target="a@b.example", filter_=filter_, deed=DEED).id

    def open(self, count: int = 1) -> None:
        self.store.commit(Batch(now_ms=self.now, tickets=[ticket(fault_from_ms=self.now) for _ in range(count)]))

    def resolve(self, ticket_id: int) -> None:
        done = TicketResolve(ticket=ticket_id, at_ms=self.now, outcome="recovered")
        self.store.commit(Batch(now_ms=self.now, tickets=[done]))

    def serve(self, way: int) -> None:
        while self.delivery.step(way):
            pass

    def states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.office.notices(limit=1000):
            found[row.state] = found.get(row.state, 0) + 1
        return found

    def close(self) -> None:
        self.outbox.close()
        self.office.close()
        self.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_notices_are_told_in_their_order_and_once(desk: Desk) -> None:
    way = desk.way()
    desk.open(2)
    desk.serve(way)
    desk.resolve(1)
    desk.serve(way)
    desk.serve(way)

    assert desk.told == [
        (way, "opened", "2026-000001"),
        (way, "opened", "2026-000002"),
        (way, "resolved", "2026-000001"),
    ]
    assert desk.states() == {"sent": 3}


def test_what_is_sent_again_has_the_id_it_had(desk: Desk) -> None:
    way = desk.way()
    desk.open()
    waiting = desk.outbox.next(way, desk.now, lately_ms=WINDOW_MS, limit=LIMIT)
    assert waiting is not None
    desk.delivery._facts(waiting)
    desk.serve(way)

    assert desk.facts[0].id == desk.delivery._facts(waiting).id == f"{desk.store.epoch}-{waiting.notice.id}"


def test_a_server_that_is_away_is_tried_again_with_longer_pauses_and_then_all_is_told_in_order(desk: Desk) -> None:
    way = desk.way()
    desk.open(2)
    desk.trouble[way] = Retry("away")
    pauses = []
    for _ in range(4):
        desk.serve(way)
        head = desk.office.notices(states=["new"])[-1]
        assert head.wake_at_ms is not None
        pauses.append((head.wake_at_ms - desk.now) / MINUTE)
        desk.now = head.wake_at_ms
    assert (pauses, head.error, head.tries) == ([0.5, 1, 2, 4], "away", 4)
    assert desk.told == []

    desk.trouble.clear()
    desk.serve(way)

    assert [number for _, _, number in desk.told] == ["2026-000001", "2026-000002"]


def test_the_other_end_says_when_to_come_again(desk: Desk) -> None:
    way = desk.way()
    desk.open()
    desk.trouble[way] = Retry("busy", after_s=600)
    desk.serve(way)

    assert desk.office.notices()[0].wake_at_ms == desk.now + 600_000


def test_after_a_day_it_is_dead_and_a_person_may_try_again(desk: Desk) -> None:
    way = desk.way()
    desk.open()
    desk.trouble[way] = Retry("away")
    while desk.office.notices()[0].state == "new":
        desk.serve(way)
        desk.now = desk.office.notices()[0].wake_at_ms or desk.now
    dead = desk.office.notices()[0]
    assert (dead.state, dead.error) == ("dead", "away")
    assert 20 * 60 < (desk.now - TODAY) / MINUTE <= 24 * 60

    desk.trouble.clear()
    desk.office.retry_notice(dead.id, Deed(who="wang", at_ms=desk.now))
    desk.serve(way)

    assert desk.states() == {"sent": 1}


def test_what_is_refused_for_good_is_dead_at_once_and_holds_up_nothing(desk: Desk) -> None:
    way = desk.way()
    desk.open(2)
    desk.trouble[way] = Reject("550 no such user")
    desk.serve(way)
    desk.trouble.clear()
    desk.open()
    desk.serve(way)

    assert desk.states() == {"dead": 2, "sent": 1}
    assert desk.told == [(way, "opened", "2026-000003")]


def test_an_opening_that_could_not_be_told_in_time_is_left_to_the_resolution(desk: Desk) -> None:
    way, openings_only = desk.way(), desk.way(events=("opened",))
    desk.open()
    desk.trouble = {way: Retry("away"), openings_only: Retry("away")}
    desk.serve(way)
    desk.serve(openings_only)
    desk.resolve(1)
    desk.trouble.clear()
    desk.now += MINUTE
    desk.serve(way)
    desk.serve(openings_only)

    assert desk.told == [(way, "resolved", "2026-000001")]
    assert desk.states() == {"over": 2, "sent": 1}


def test_a_flood_is_one_digest_and_the_next_comes_five_minutes_later(desk: Desk) -> None:
    way = desk.way()
    desk.open(LIMIT + 10)
    desk.serve(way)
    assert desk.told == [(way, "digest", "")]
    assert desk.facts[0].body["count"] == LIMIT + 10

    desk.now += MINUTE
    desk.open(LIMIT + 5)
    desk.serve(way)
    assert len(desk.told) == 1, "the second flood waits"

    desk.now += WINDOW_MS
    desk.serve(way)
    desk.now += WINDOW_MS
    desk.open()
    desk.serve(way)

    assert [event for _, event, _ in desk.told] == ["digest", "digest", "opened"]


def test_the_thirty_first_within_five_minutes_is_gathered(desk: Desk) -> None:
    way = desk.way()
    for _ in range(LIMIT):
        desk.open()
        desk.serve(way)
        desk.now += 1000
    desk.open()
    desk.serve(way)

    assert [event for _, event, _ in desk.told] == ["opened"] * LIMIT + ["digest"]


def test_a_digest_that_cannot_be_sent_is_tried_again_like_everything(desk: Desk) -> None:
    way = desk.way()
    desk.open(LIMIT + 1)
    desk.trouble[way] = Retry("away")
    desk.serve(way)
    desk.trouble.clear()
    desk.now += MINUTE
    desk.serve(way)

    assert [event for _, event, _ in desk.told] == ["digest"]
    assert desk.states() == {"gathered": LIMIT + 1, "sent": 1}


def test_a_test_is_tried_once_and_says_why_it_failed(desk: Desk) -> None:
    way = desk.way()
    notice = desk.office.test_way(way, DEED)
    desk.trouble[way] = Retry("no mail server is configured")
    desk.serve(way)

    found = desk.office.notice(notice)
    assert found is not None
    assert (found.state, found.error, found.tries) == ("dead", "no mail server is configured", 1)


# --- side by side ----------------------------------------------------------------------------------------------------


@pytest.fixture
def running(desk: Desk) -> Iterator[Desk]:
    stopping = threading.Event()
    thread = threading.Thread(target=desk.delivery.run, args=(stopping,))
    thread.start()
    yield desk
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_way_that_hangs_holds_up_no_other(running: Desk) -> None:
    hung, well = running.way(), running.way()
    release = threading.Event()
    running.trouble[hung] = release
    running.open(3)

    until(lambda: len(running.told) == 3, "the other way is told")
    assert {way for way, _, _ in running.told} == {well}
    release.set()
    until(lambda: len(running.told) == 6, "the one that hung is told too")


def test_a_mistake_of_ours_is_one_ways_alone(running: Desk) -> None:
    odd, well = running.way(), running.way()
    running.trouble[odd] = KeyError("a mistake")
    running.open()

    until(lambda: running.told == [(well, "opened", "2026-000001")], "the other way is told")
    assert running.office.notices(way=odd)[0].state == "new"


def test_old_notices_are_forgotten(running: Desk) -> None:
    running.way()
    running.open()
    until(lambda: running.states() == {"sent": 1}, "it is told")
    running.now += 91 * 86_400_000
    running.delivery._prune_at = 0.0

    until(lambda: running.states() == {}, "it is forgotten")
