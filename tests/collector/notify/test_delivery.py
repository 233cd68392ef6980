"""The delivery on a real outbox: in order, again, dead, in a digest, and never one way in the way of another."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_collector.notify.delivery import Delivery
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.pacing import LIMIT, PACES, PATIENCE_MS, WINDOW_MS
from roundsman_collector.store import (
    Batch,
    Deed,
    Filter,
    Office,
    Outbox,
    Store,
    TicketResolve,
    TicketStep,
    WayRow,
    timing_of,
)
from roundsman_collector.store.timing import REPEATS
from roundsman_collector.store.ways import EVENTS, KINDS, Event
from tests.brokers import until
from tests.collector.store.cast import TODAY, staffed, ticket

MINUTE = 60_000
HOUR = 60 * MINUTE
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=s3cret"
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
        self.minutes: list[float] = []
        self.trouble: dict[int, Exception | threading.Event] = {}
        self.started = 0
        self.delivery = self.delivers()

    def delivers(self) -> Delivery:
        """Another delivery on the same outbox, as after a restart."""
        every = dict.fromkeys(KINDS, self.post)
        return Delivery(self.outbox, every, {}, now_ms=lambda: self.now, luck=lambda: 0.5)

    def post(self, facts: Facts, way: WayRow) -> None:
        self.started += 1
        trouble = self.trouble.get(way.id)
        if isinstance(trouble, threading.Event):
            trouble.wait(30)
        elif trouble is not None:
            raise trouble
        self.facts.append(facts)
        self.minutes.append((self.now - TODAY) / MINUTE)
        self.told.append((way.id, facts.event, facts.body.get("ticket", {}).get("number", "")))

    def way(self, **wanted: object) -> int:
        filter_ = Filter(**wanted)  # type: ignore[arg-type]
        return self.office.add_way(kind="mail", name="duty", target="a@b.example", filter_=filter_, deed=DEED).id

    def bot(self, kind: str = "dingtalk", target: str = DINGTALK) -> int:
        return self.office.add_way(kind=kind, name="group", target=target, deed=DEED).id

    def timed(self, events: tuple[Event, ...] = EVENTS, **timing: object) -> int:
        """A way that hears of everything, when it wants to."""
        wants, when = Filter(events=events), timing_of(timing)
        return self.office.add_way(
            kind="mail", name="boss", target="a@b.example", filter_=wants, timing=when, deed=DEED
        ).id

    def open(self, count: int = 1, severity: str = "minor") -> None:
        opens = [replace(ticket(fault_from_ms=self.now), severity=severity) for _ in range(count)]
        self.store.commit(Batch(now_ms=self.now, tickets=opens))

    def step(self, verb: str, ticket_id: int = 1, who: str = "front", **data: object) -> None:
        step = TicketStep(ticket=ticket_id, at_ms=self.now, who=who, verb=verb, text="", data=data)
        self.store.commit(Batch(now_ms=self.now, tickets=[step]))

    def pass_time(self, until_ms: int, way: int, every_ms: int = MINUTE) -> None:
        """Look into the outbox again and again until a time."""
        while self.now < until_ms:
            self.serve(way)
            self.now = min(self.now + every_ms, until_ms)
        self.serve(way)

    def heard(self) -> list[tuple[float, str, str]]:
        """What was told: after how many minutes, which event, of which ticket."""
        return [
            (minutes, event, number[-1:]) for minutes, (_, event, number) in zip(self.minutes, self.told, strict=True)
        ]

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


def test_after_three_days_it_is_dead_and_a_person_may_try_again(desk: Desk) -> None:
    way = desk.way()
    desk.open()
    desk.trouble[way] = Retry("away")
    while desk.office.notices()[0].state == "new":
        desk.serve(way)
        desk.now = desk.office.notices()[0].wake_at_ms or desk.now
    dead = desk.office.notices()[0]
    assert (dead.state, dead.error) == ("dead", "away")
    assert desk.now - TODAY == PATIENCE_MS

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


def test_a_power_cut_over_a_thousand_sites_makes_few_notices_and_the_first_at_once(desk: Desk) -> None:
    mail, chat = desk.way(), desk.bot()
    for second in range(60):
        desk.open(17 if second else 1)
        desk.serve(mail)
        desk.serve(chat)
        desk.now += 1000
    desk.open(0)
    for _ in range(20):
        desk.now += MINUTE
        desk.serve(mail)
        desk.serve(chat)

    for way, most in ((mail, 1 + LIMIT), (chat, 1 + PACES["dingtalk"].alone)):
        events = [
            (minutes, event) for minutes, (of, event, _) in zip(desk.minutes, desk.told, strict=True) if of == way
        ]
        assert events[0] == (0, "opened"), "the first at once"
        assert len(events) <= most + 1, "and the rest in two digests at most"
        alone = sum(event == "opened" for _, event in events)
        digests = [
            facts.body["count"]
            for facts, (of, event, _) in zip(desk.facts, desk.told, strict=True)
            if (of, event) == (way, "digest")
        ]
        assert alone + sum(digests) == 1 + 59 * 17


def test_a_webhook_that_answers_500_for_a_day_loses_nothing_and_is_told_once(desk: Desk) -> None:
    way = desk.way()
    desk.open(3)
    desk.trouble[way] = Retry("hooks.example.com answers 500")
    while desk.now < TODAY + 24 * HOUR:
        desk.serve(way)
        desk.now += MINUTE
    assert desk.started <= 32, "it is not asked again and again"
    assert desk.states() == {"new": 3}

    desk.trouble.clear()
    desk.pass_time(desk.now + HOUR, way)

    assert [number for _, _, number in desk.told] == ["2026-000001", "2026-000002", "2026-000003"]
    assert desk.states() == {"sent": 3}


# --- bots ------------------------------------------------------------------------------------------------------------


def busiest(times: list[int], span_ms: int) -> int:
    """The most of these that lie within any such span."""
    return max(sum(begin <= one < begin + span_ms for one in times) for begin in times)


@pytest.mark.parametrize(
    ("kind", "target", "most"),
    [
        ("dingtalk", DINGTALK, ((20, MINUTE),)),
        ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=s3cret", ((20, MINUTE),)),
        ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/s3cret", ((5, 1000), (100, MINUTE))),
    ],
)
def test_a_bot_is_never_sent_too_much_whatever_ways_tries_tests_and_restarts_there_are(
    desk: Desk, kind: str, target: str, most: tuple[tuple[int, int], ...]
) -> None:
    ways, arrived = [desk.bot(kind, target), desk.bot(kind, f"{target}")], []
    desk.open(40)
    for way in ways:
        for _ in range(60):
            desk.office.test_way(way, DEED)
    failing = desk.office.ways()[0].id

    def post(facts: Facts, way: WayRow) -> None:
        desk.now += 37  # on its way
        arrived.append(desk.now)
        desk.now += 5
        if way.id == failing and len(arrived) % 3:
            raise Retry("away")

    for look in range(600):
        if look % 50 == 0:
            desk.delivery = desk.delivers()
            desk.delivery.senders = dict.fromkeys(KINDS, post)
        for way in ways:
            desk.serve(way)
        desk.now += 500

    assert len(arrived) >= 90, "and yet it is sent what may be"
    for count, span_ms in most:
        assert busiest(arrived, span_ms) <= count


def test_a_message_that_was_on_its_way_when_the_power_went_counts(desk: Desk) -> None:
    way = desk.bot()
    row = desk.office.way(way)
    assert row is not None
    limits = PACES["dingtalk"].bot
    for _ in range(18):
        assert desk.outbox.claim(row.bot, limits, desk.now, 40_000).id is not None

    later = desk.outbox.claim(row.bot, limits, desk.now + MINUTE, 40_000)

    assert later == (None, desk.now + 40_000 + MINUTE), "it may have arrived as late as it can"
    assert desk.outbox.claim(row.bot, limits, later.until_ms, 40_000).id is not None


def test_a_clock_that_is_set_back_silences_no_bot_for_long(desk: Desk) -> None:
    limits = PACES["dingtalk"].bot
    for _ in range(18):
        claim = desk.outbox.claim("b", limits, desk.now, 40_000)
        desk.outbox.finish(claim, desk.now)

    before = desk.now - 400 * 24 * HOUR
    assert desk.outbox.claim("b", limits, before, 40_000) == (None, before + 40_000 + MINUTE)


def test_bots_do_not_count_for_one_another(desk: Desk) -> None:
    limits = PACES["dingtalk"].bot
    for _ in range(18):
        desk.outbox.claim("a", limits, desk.now, 1000)

    assert desk.outbox.claim("a", limits, desk.now, 1000).id is None
    assert desk.outbox.claim("b", limits, desk.now, 1000).id is not None


# --- quiet hours, once a day -----------------------------------------------------------------------------------------
# The tales begin at 08:00 in Beijing, on a Friday.

EVENING = TODAY + 14 * HOUR  # 22:00
MORNING = TODAY + 23 * HOUR  # 07:00


def test_what_happens_in_the_quiet_hours_is_told_when_they_end(desk: Desk) -> None:
    way = desk.timed(quiet="22:00-07:00")
    desk.now = EVENING - MINUTE
    desk.open()
    desk.serve(way)
    desk.now = EVENING
    desk.open(2)
    desk.pass_time(MORNING - MINUTE, way, 10 * MINUTE)
    assert [event for _, event, _ in desk.told] == ["opened"], "what came before"

    desk.now = MORNING
    desk.serve(way)

    assert [(event, number) for _, event, number in desk.told[1:]] == [
        ("opened", "2026-000002"),
        ("opened", "2026-000003"),
    ]
    assert desk.minutes[1:] == [23 * 60, 23 * 60]


def test_many_of_a_night_are_one_digest_without_what_is_over_by_then(desk: Desk) -> None:
    way = desk.timed(quiet="22:00-07:00")
    desk.now = EVENING
    desk.open(8)
    desk.serve(way)
    desk.now += HOUR
    desk.resolve(1)
    desk.serve(way)
    desk.now = MORNING
    desk.serve(way)

    assert [event for _, event, _ in desk.told] == ["digest"]
    assert desk.facts[0].body["by_event"] == {"opened": 7, "resolved": 1}
    assert desk.states() == {"gathered": 8, "over": 1, "sent": 1}


def test_what_is_urgent_passes_what_is_held_if_the_way_says_so(desk: Desk) -> None:
    passing, strict = desk.timed(quiet="22:00-07:00", urgent_passes=True), desk.timed(quiet="22:00-07:00")
    desk.now = EVENING
    desk.open()
    desk.serve(passing)
    desk.now += MINUTE
    desk.open(severity="urgent")
    desk.serve(passing)
    desk.serve(strict)

    assert desk.told == [(passing, "opened", "2026-000002")]


def test_a_quiet_weekend_is_longer_than_anything_is_put_off_at_once(desk: Desk) -> None:
    way = desk.timed(quiet="1-5 22:00-07:00; 6-7 00:00-24:00")
    desk.now = EVENING
    desk.open()
    desk.trouble[way] = Retry("away")
    desk.pass_time(EVENING + 50 * HOUR - MINUTE, way, HOUR)
    assert desk.started == 0, "nothing is tried until Sunday is over"

    desk.pass_time(EVENING + 60 * HOUR, way, MINUTE)
    desk.trouble.clear()
    desk.pass_time(EVENING + 70 * HOUR, way, 10 * MINUTE)

    assert [number for _, _, number in desk.told] == ["2026-000001"], "and it has its days of being tried from then on"


def test_what_could_not_be_told_before_the_quiet_hours_waits_for_their_end(desk: Desk) -> None:
    way = desk.timed(quiet="22:00-07:00", urgent_passes=True)
    desk.now = EVENING - MINUTE
    desk.open()
    desk.trouble[way] = Retry("away")
    desk.pass_time(EVENING + 5 * MINUTE, way)
    desk.trouble.clear()
    desk.open(severity="urgent")
    desk.pass_time(MORNING, way, 10 * MINUTE)

    assert [number for _, _, number in desk.told] == ["2026-000002", "2026-000001"]
    assert desk.minutes[1] >= 23 * 60


def test_a_change_of_the_quiet_hours_holds_for_what_waits(desk: Desk) -> None:
    way = desk.timed(quiet="22:00-07:00")
    desk.now = EVENING
    desk.open()
    desk.serve(way)
    desk.office.change_way(way, timing=timing_of({}), deed=Deed(who="wang", at_ms=desk.now))
    desk.serve(way)

    assert len(desk.told) == 1


def test_a_way_that_is_told_by_the_day_hears_once_of_all_that_happened(desk: Desk) -> None:
    way = desk.timed(daily="18:30")
    desk.open(2)
    desk.serve(way)
    desk.now += HOUR
    desk.resolve(1)
    desk.pass_time(TODAY + 10 * HOUR, way, 10 * MINUTE)
    assert desk.told == []

    desk.pass_time(TODAY + 60 * HOUR, way, 10 * MINUTE)

    assert desk.heard() == [(10.5 * 60, "digest", "")], "and nothing on days without news"
    body = desk.facts[0].body
    assert (body["is_daily"], body["by_event"]) == (True, {"opened": 2, "resolved": 1})


# --- until somebody answers ------------------------------------------------------------------------------------------


def test_whoever_steps_in_hears_only_of_what_nobody_has_answered(desk: Desk) -> None:
    way = desk.timed(after_minutes=30)
    desk.open(2)
    desk.pass_time(TODAY + 20 * MINUTE, way)
    desk.step("acknowledge", 1)
    desk.pass_time(TODAY + 40 * MINUTE, way)
    desk.resolve(1)
    desk.resolve(2)
    desk.pass_time(TODAY + 50 * MINUTE, way)

    assert desk.heard() == [(30, "opened", "2"), (40, "resolved", "2")]
    assert desk.states() == {"over": 1, "sent": 2}


def test_a_breach_is_told_later_unless_somebody_takes_a_step_on_it(desk: Desk) -> None:
    way = desk.timed(("breached",), after_minutes=30)
    desk.open(2)
    desk.step("acknowledge", 1)
    desk.step("acknowledge", 2)
    desk.now += MINUTE
    for one in (1, 2):
        desk.step("breach", one, who="roundsman", clock="arrive", due_ms=desk.now)
    desk.now += MINUTE
    desk.step("call", 1)
    desk.step("dispatch", 2, engineer="li")
    desk.now += MINUTE
    desk.step("note", 2, who="li")
    desk.pass_time(TODAY + HOUR, way)

    assert desk.heard() == [(31, "breached", "1")], "that the customer calls again answers nothing"


def test_who_was_sent_has_to_answer_and_nobody_else(desk: Desk) -> None:
    way = desk.timed(("dispatched",), after_minutes=10)
    desk.open(2)
    for one in (1, 2):
        desk.step("dispatch", one, engineer="li")
    desk.now += MINUTE
    desk.step("note", 1, who="front")
    desk.step("depart", 2, who="li")
    desk.pass_time(TODAY + HOUR, way)

    assert desk.heard() == [(10, "dispatched", "1")]


def test_it_is_told_again_until_somebody_answers(desk: Desk) -> None:
    way = desk.timed(("opened",), after_minutes=10, repeat_minutes=15)
    desk.open()
    desk.pass_time(TODAY + 45 * MINUTE, way)
    desk.step("acknowledge")
    desk.pass_time(TODAY + 5 * HOUR, way)

    assert desk.heard() == [(10, "opened", "1"), (25, "opened", "1"), (40, "opened", "1")]
    assert [facts.body.get("again", 0) for facts in desk.facts] == [0, 1, 2]
    assert [row.key for row in desk.office.notices()] == ["opened:1~3", "opened:1~2", "opened:1~1", "opened:1"]
    assert len({facts.id for facts in desk.facts}) == 3, "a reminder is no double"


def test_nobody_is_reminded_for_ever(desk: Desk) -> None:
    way = desk.timed(("opened",), repeat_minutes=15)
    desk.open()
    desk.pass_time(TODAY + 12 * HOUR, way)

    assert [minutes for minutes, _, _ in desk.heard()] == [15 * n for n in range(REPEATS + 1)]


def test_reminders_of_a_flood_are_a_digest_too_of_what_is_still_open(desk: Desk) -> None:
    way = desk.timed(("opened",), repeat_minutes=15)
    desk.open(LIMIT + 10)
    desk.serve(way)
    desk.step("acknowledge", 1)
    desk.pass_time(TODAY + 16 * MINUTE, way)

    assert [event for _, event, _ in desk.told] == ["digest", "digest"]
    assert [facts.body["count"] for facts in desk.facts] == [LIMIT + 10, LIMIT + 9]


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
