"""Where judging begins and ends: a limit met exactly, the same instant, what is already known, what nobody counts."""

from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.core.causes import UPLINK
from roundsman_collector.core.dating import TOLERANCE_MS, Base, event_time
from roundsman_collector.core.model import Change, Condition, DeviceState, Item, Piece, Ref, Ticket, newborn
from roundsman_collector.core.policy import Above, Below, Fails, Is, Policy, Restarts, judged
from roundsman_collector.core.rebuild import Telling, rebuild, resting
from roundsman_collector.core.rulebook import Function, Rulebook, RuleSet, Traits, book_of
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.timeline import ANSWERED, GAP, NO_ANSWER, cover
from roundsman_collector.core.turn import RUNS_KEPT, fold, turn
from roundsman_collector.core.waiting import Wiring
from tests.collector.core.desk import (
    GATEWAY,
    KIOSK,
    MINUTE,
    POLICY,
    SECOND,
    START,
    Desk,
    Recorder,
    at,
    from_nothing,
    rule,
    story,
)
from tests.collector.core.test_waiting import link

BOOK = book_of(POLICY)


def spans(desk: Desk) -> list[tuple[str, float, float | None, str]]:
    """What was wrong: code, from minute, to minute, cause."""
    found = sorted(desk.conditions.values(), key=lambda one: (one.from_ms, one.code))
    ends = [None if one.to_ms is None else (one.to_ms - START) / MINUTE for one in found]
    return [(one.code, (one.from_ms - START) / MINUTE, end, one.cause) for one, end in zip(found, ends, strict=True)]


# --- readings --------------------------------------------------------------------------------------------------------

CHARGE = Policy(
    rules=(rule("ups.low", Below(reading="ups.charge_ah", limit=0.2, clear=0.3, per="ups.full_ah"), effect=""),)
)
DISK = rule("disk.full", Above(reading="disk.used_mb", limit=0.9, clear=0.8, per="disk.size_mb"), effect="")
MIXED = Policy(rules=(DISK, rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=80), effect="")))


@pytest.mark.parametrize(("charge", "is_well"), [(1, False), (1.99, False), (2, True), (9, True)])
def test_a_share_below_its_limit_is_found_and_one_at_its_limit_is_well(charge: float, is_well: bool) -> None:
    readings: dict[str, Any] = {"ups.charge_ah": charge, "ups.full_ah": 10}
    sample = Recorder("gw-2-1", GATEWAY).sample(0, "ups-2", **readings)

    assert CHARGE.finds_well(readings) is is_well
    assert CHARGE.finds_wrong(readings) == (frozenset() if is_well else {"ups.charge_ah"})
    assert bool(Desk("gw-2", CHARGE).take_all([sample]).conditions) is not is_well


def test_beside_what_is_wrong_what_is_well_is_not_looked_at() -> None:
    readings = {"disk[/].used_mb": 50, "disk[/].size_mb": 100, "host.cpu_percent": 95}

    assert MIXED.finds_wrong(readings) == {"host.cpu_percent"}
    assert MIXED.finds_wrong({**readings, "disk[/].used_mb": 95, "host.cpu_percent": 5}) == {"disk[/].used_mb"}
    assert MIXED.finds_wrong({**readings, "disk[/].used_mb": 95}) == {"host.cpu_percent", "disk[/].used_mb"}


def test_only_a_share_of_zero_says_nothing() -> None:
    for size, verdict in ((100, True), (0, None), (-100, False)):
        readings = {"disk[/].used_mb": 95, "disk[/].size_mb": size}
        assert judged(DISK, "disk[/].used_mb", "disk[/]", readings, False) is verdict
    both = {"disk[/].used_mb": -95, "disk[/].size_mb": -100}
    assert judged(DISK, "disk[/].used_mb", "disk[/]", both, False) is True


def test_policies_of_the_same_rules_are_the_same_whatever_either_was_asked() -> None:
    asked, other = Policy(rules=MIXED.rules), Policy(rules=MIXED.rules)

    assert not asked.finds_well({"host.cpu_percent": 95})

    assert asked == other
    assert len({asked, other}) == 1


A_HUNDRED_YEARS_S = 100 * 366 * 86_400


@pytest.mark.parametrize(
    ("readings", "uptime_ms"),
    [
        ({"host.uptime_s": 5}, 5000),
        ({"host.uptime_s": 0}, 0),
        ({"host.uptime_s": -1}, None),
        ({"host.uptime_s": A_HUNDRED_YEARS_S}, A_HUNDRED_YEARS_S * 1000),
        ({"host.uptime_s": A_HUNDRED_YEARS_S + 1}, None),
        ({"host.cpu_percent": 5}, None),
        ({}, None),
    ],
)
def test_an_uptime_is_what_a_device_says_of_it_and_no_other_number(
    readings: dict[str, Any], uptime_ms: int | None
) -> None:
    assert MIXED.uptime_ms(readings) == uptime_ms


def test_a_device_that_says_nothing_of_its_uptime_never_starts_anew() -> None:
    storm = Policy(rules=(rule("host.reboot_storm", Restarts(count=1, within_ms=60 * MINUTE), effect=""),))
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(minute, "nvr-2", host__cpu_percent=cpu) for minute, cpu in enumerate((99, 5, 90, 1))]

    assert spans(Desk("gw-2", storm).take_all(items)) == []


def test_rules_of_functions_are_looked_up_for_each_kind_of_device() -> None:
    paper = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), effect="degraded")
    functions = (
        Function(name="cash", zh="现金", en="cash", kinds=("kiosk",)),
        Function(name="pictures", zh="图像", en="pictures", kinds=("nvr",)),
    )
    kinds = {"kiosk-7": "kiosk", "nvr-2": "nvr", "ups-2": "ups"}
    book = Rulebook([RuleSet(rules=(paper,), functions=functions)], lambda device: ((0, Traits(kinds[device])),))

    for order in (("kiosk-7", "nvr-2", "ups-2"), ("ups-2", "nvr-2", "kiosk-7")):
        effects = {device: book.at(device, at(0)).rules[0].effect for device in order}
        assert effects == {"kiosk-7": "down", "nvr-2": "", "ups-2": ""}


# --- clocks ----------------------------------------------------------------------------------------------------------


def test_a_wall_clock_is_believed_up_to_the_error_and_two_seconds_and_no_further() -> None:
    base = Base(START, 40, 1)

    def dated(ahead_ms: int) -> int | None:
        return event_time({"t": at(3) + ahead_ms, "mono": 3 * MINUTE, "ntp": False}, base)

    assert TOLERANCE_MS == 2000
    assert [dated(ahead_ms) for ahead_ms in (-2041, -2040, 2040, 2041)] == [at(3), at(3) - 2040, at(3) + 2040, at(3)]


# --- rebuilds --------------------------------------------------------------------------------------------------------


def silence(from_ms: int, to_ms: int | None, subject: str = "@kiosk-7") -> Condition:
    ref = Ref("k7-1", 1, from_ms)
    return Condition(subject, "agent", "agent.silent", from_ms, to_ms, ref, ref)


def test_what_was_told_and_taken_back_within_one_telling_was_never_told() -> None:
    state = newborn("kiosk-7")
    earlier, other, taken_back = silence(at(1), at(2)), silence(at(5), None, "@gw-2"), silence(at(5), None)
    telling = Telling(state)

    telling.add(Change(state=state, conditions=(earlier, other, taken_back)))
    telling.add(Change(state=state, whole=(("@kiosk-7", at(5)),)))

    assert telling.change().conditions == (earlier, other)
    assert telling.change().whole == (("@kiosk-7", at(5)),)


def test_a_rebuild_from_a_checkpoint_leaves_out_what_is_older_though_its_number_is_new() -> None:
    recorder = Recorder("k7-1", KIOSK)
    items = [recorder.sample(minute, "kiosk-7", printer__paper="ok") for minute in range(6)]
    start = resting(rebuild(newborn("kiosk-7"), items, BOOK).state)
    older = recorder.sample(3.5, "kiosk-7", printer__cover="open")

    found = rebuild(start, [*items, older], BOOK)

    assert older.n > start.n
    assert found.state == start
    assert found.conditions == ()


def test_a_rebuild_from_nothing_is_all_there_is_since_the_beginning_of_time() -> None:
    items = [Recorder("k7-1", KIOSK).sample(0, "kiosk-7", printer__paper="ok")]

    assert dict(rebuild(newborn("kiosk-7"), items, BOOK).whole) == {"kiosk-7": 0, "@kiosk-7": 0}


@pytest.mark.parametrize(("well", "mute"), [("k7-1", "k7-2"), ("k7-2", "k7-1")])
def test_of_two_streams_at_one_time_the_one_with_an_answer_wins_whatever_their_names(well: str, mute: str) -> None:
    items = [
        Recorder(well, KIOSK).sample(0, "kiosk-7", printer__paper="ok"),
        Recorder(mute, KIOSK).no_answer(0, "kiosk-7"),
    ]

    assert story(from_nothing("kiosk-7", items, at(1)).segments["kiosk-7"]) == [(0, None, "up", "")]


# --- tickets ---------------------------------------------------------------------------------------------------------

REF = Ref("k7-1", 1, at(0))
PAPER = Condition("kiosk-7", "printer", "printer.paper_end", at(0), None, REF, REF)
TICKET = Ticket(id=7, subject="kiosk-7", component="printer", code="printer.paper_end", fault_from_ms=at(0))
QUIET = book_of(Policy(rules=tuple(replace(one, ticket=False) for one in POLICY.rules)))


def verbs(
    *conditions: Condition, tickets: tuple[Ticket, ...] = (), book: Rulebook = BOOK, whole: bool = False
) -> list[tuple[str, int | None]]:
    change = Change(newborn("kiosk-7"), (), conditions, (("kiosk-7", at(0)),) if whole else ())
    return [(one.verb, one.ticket) for one in reconcile(change, tickets, book, settling=False, is_dirty=False)]


def test_a_fault_that_holds_opens_one_ticket_where_its_rule_wants_one() -> None:
    assert verbs(PAPER) == [("open", None)]
    assert verbs(PAPER, tickets=(TICKET,)) == []
    assert verbs(PAPER, book=QUIET) == []
    assert verbs(PAPER, tickets=(replace(TICKET, component="display"),)) == [("open", None)]


def test_a_fault_that_came_and_went_before_anybody_knew_opens_nothing() -> None:
    assert verbs(PAPER._replace(to_ms=at(5))) == []


def test_a_ticket_speaks_of_the_latest_fault_that_reaches_beyond_its_beginning() -> None:
    moved = PAPER._replace(from_ms=at(-2), first=REF._replace(t=at(-2)))
    before = PAPER._replace(from_ms=at(-9), to_ms=at(0), first=REF._replace(t=at(-9)))

    assert verbs(moved, tickets=(TICKET,)) == [("amend", 7)]
    assert verbs(moved._replace(to_ms=at(5)), tickets=(TICKET,)) == [("resolve", 7)]
    assert verbs(before, tickets=(TICKET,), whole=True) == [("void", 7)]
    assert verbs(before, PAPER, tickets=(TICKET,)) == []


def test_a_ticket_is_voided_only_where_all_is_told_again() -> None:
    assert verbs(tickets=(TICKET,), whole=True) == [("void", 7)]
    assert verbs(tickets=(TICKET,)) == []


# --- the timeline ----------------------------------------------------------------------------------------------------


def test_an_answer_cuts_what_was_covered_ahead_of_it_and_is_one_with_what_it_touches() -> None:
    pieces = (
        Piece(START, at(10), GAP, "missing"),
        Piece(at(10), at(20), ANSWERED, ""),
        Piece(at(20), None, NO_ANSWER, ""),
    )
    device = DeviceState("nvr-2", False, 3 * MINUTE, at(14), at(20), False, at(30), pieces, (), (), None, False)

    covered = cover(device, at(15), at(25), ANSWERED, ())

    assert covered.pieces == (pieces[0], Piece(at(10), None, ANSWERED, ""))
    assert covered.covered_to == at(25)


def test_a_device_that_answers_again_while_its_last_answer_still_speaks_was_up_all_the_time() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, "nvr-2", host__cpu_percent=5), recorder.sample(10, "nvr-2", host__cpu_percent=5)]
    items += [recorder.no_answer(10.5, "nvr-2"), recorder.sample(10.5, "ups-2", host__cpu_percent=5)]
    items += [recorder.sample(11, "nvr-2", host__cpu_percent=5)]

    desk = Desk("gw-2", BOOK).take_all(items)

    assert story(desk.segments["nvr-2"]) == [
        (0, 1.5, "up", ""),
        (1.5, 10, "unknown", "agent_stopped"),
        (10, None, "up", ""),
    ]
    assert desk.truth == from_nothing("gw-2", items, at(11)).truth


# --- one after the other ---------------------------------------------------------------------------------------------


def five_minutes(stream: str) -> tuple[Recorder, list[Item]]:
    recorder = Recorder(stream, KIOSK)
    return recorder, [recorder.sample(minute, "kiosk-7", printer__paper="ok") for minute in range(5)]


REBORN = KIOSK._replace(hash="77aa02", devices=(("kiosk-7", True, 9 * MINUTE),))


@pytest.mark.parametrize("what", ["another stream", "a later stream", "another birth", "another boot"])
def test_what_is_not_simply_the_next_sample_is_judged_the_long_way(what: str) -> None:
    recorder, items = five_minutes("k7-2")
    state = Desk("kiosk-7", BOOK).take_all(items).state
    match what:
        case "another stream":
            recorder.stream = "k7-1"
        case "a later stream":
            recorder.stream = "k7-3"
        case "another birth":
            recorder.spec = REBORN
        case _:
            recorder.boot, recorder.booted = "b2", at(4.5)
    item = recorder.sample(5, "kiosk-7", printer__paper="ok")

    found = turn(state, item, BOOK)

    assert found == fold(state, item, BOOK)
    assert found is not None
    assert (found.state.stream, found.state.boot) == (item.stream, item.record["boot"])
    assert found.state.birth == (item.spec.hash if item.spec is not None else "")


def test_who_is_heard_again_at_the_very_end_of_its_words_leaves_nothing_to_explain() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(minute, name, host__cpu_percent=1) for minute, name in ((0, "ups-2"), (0.5, "nvr-2"))]

    state = Desk("gw-2", BOOK).take_all(items).state

    assert fold(state, recorder.sample(2, "nvr-2", host__cpu_percent=95), BOOK).state.spans == ()


def test_a_gap_that_ends_before_it_begins_speaks_of_no_time() -> None:
    recorder, items = five_minutes("k7-1")
    state = Desk("kiosk-7", BOOK).take_all(items).state

    after = fold(state, recorder.gap(6, 5, (6, 7), "spool_full"), BOOK).state

    assert (after.spans, after.thinned) == ((), ())


def test_a_gap_that_nobody_can_date_speaks_of_no_time() -> None:
    recorder, items = five_minutes("k7-1")
    state = Desk("kiosk-7", BOOK).take_all(items).state
    gap = recorder.gap(7, 8, (6, 7), "spool_full")
    undated = gap._replace(record={**gap.record, "from_t": None, "to_t": None})

    after = fold(state, undated, BOOK).state

    assert (after.spans, after.thinned) == ((), ())


def test_an_old_hole_in_the_numbers_is_not_why_an_agent_is_silent_later() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(minute, name, host__cpu_percent=1) for minute, name in ((0, "nvr-2"), (1, "gw-2"))]
    recorder.n += 3
    items += [recorder.sample(minute, "gw-2", host__cpu_percent=1) for minute in (5, 6, 20)]

    assert spans(Desk("gw-2", BOOK).take_all(items)) == [
        ("agent.silent", 1, 5, "missing"),
        ("agent.silent", 6, 20, "agent_stopped"),
    ]


def test_a_neighbour_that_is_just_heard_again_vouches_for_the_road_at_once() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, name, host__cpu_percent=1) for name in ("ups-2", "nvr-2")]
    for minute in range(10, 14):
        items += [recorder.sample(minute, "ups-2", host__cpu_percent=1), recorder.no_answer(minute, "nvr-2")]

    assert ("host.unreachable", 10, None, "") in spans(Desk("gw-2", BOOK).take_all(items))


@pytest.mark.parametrize(("silent", "answering"), [("ups-2", "nvr-2"), ("nvr-2", "ups-2")])
def test_an_answer_of_the_same_instant_is_enough_for_a_good_road(silent: str, answering: str) -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, answering, host__cpu_percent=1), recorder.no_answer(0, silent)]
    items.append(recorder.sample(1, silent, host__cpu_percent=1))

    told = Desk("gw-2", BOOK).take_all(items).segments[silent]

    assert story(told) == [(0, 1, "unknown", "no_answer"), (1, None, "up", "")]


def test_a_neighbour_that_answers_on_vouches_for_a_poll_that_was_waiting() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, "nvr-2", host__cpu_percent=1), recorder.sample(0.1, "ups-2", host__cpu_percent=1)]
    for minute in range(1, 5):
        items += [recorder.no_answer(minute, "nvr-2"), recorder.sample(minute + 0.1, "ups-2", host__cpu_percent=1)]

    desk = Desk("gw-2", BOOK).take_all(items)

    assert spans(desk) == [("host.unreachable", 1, None, "")]
    assert all(device.pending is None for device in desk.state.devices)


@pytest.mark.parametrize(
    ("before", "polled", "after"),
    [
        pytest.param(0, 1, 3, id="it was not heard in between"),
        pytest.param(None, 1.5, 2, id="it did not answer before"),
    ],
)
def test_a_neighbour_whose_own_answers_have_a_break_vouches_for_nothing_in_it(
    before: float | None, polled: float, after: float
) -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, "nvr-2", host__cpu_percent=1)]
    items.append(recorder.no_answer(1, "ups-2") if before is None else recorder.sample(before, "ups-2", x__y=1))
    items += [recorder.no_answer(polled, "nvr-2"), recorder.sample(after, "ups-2", host__cpu_percent=1)]
    items += [recorder.sample(after + 0.1, "nvr-2", host__cpu_percent=1)]

    told = Desk("gw-2", BOOK).take_all(items).segments["nvr-2"]

    assert "no_answer" not in {one.cause for one in told}


@pytest.mark.parametrize("boot", ["b0", "b2"])
def test_another_boot_is_another_boot_whatever_its_name(boot: str) -> None:
    recorder = Recorder("k7-1", KIOSK)
    items = [recorder.sample(0, "kiosk-7", x__y=1)]
    recorder.boot, recorder.booted = boot, at(20)
    items.append(recorder.sample(21, "kiosk-7", x__y=1))

    desk = Desk("kiosk-7", BOOK).take_all(items)

    assert story(desk.segments["kiosk-7"]) == [
        (0, 1.5, "up", ""),
        (1.5, 20, "down", "off"),
        (20, 21, "unknown", "starting"),
        (21, None, "up", ""),
    ]


# --- what is counted, and what flaps ---------------------------------------------------------------------------------


def started(policy: Policy, starts: list[float], to_minute: int) -> Desk:
    recorder = Recorder("k7-1", KIOSK)
    items = [recorder.sample(-1, "kiosk-7", x__y=1)]
    for minute in range(to_minute + 1):
        items += [recorder.reboot(one) for one in starts if minute - 1 < one <= minute]
        items.append(recorder.sample(minute + 0.25, "kiosk-7", x__y=1))
    return Desk("kiosk-7", policy).take_all(items)


def test_starts_are_counted_by_each_rule_within_its_own_time_and_then_forgotten() -> None:
    policy = Policy(
        rules=(
            rule("host.crashing", Restarts(count=2, within_ms=10 * MINUTE), effect=""),
            rule("host.reboot_storm", Restarts(count=2, within_ms=60 * MINUTE), effect=""),
        )
    )

    storm = started(policy, [5, 30], 40)
    calm = started(policy, [5, 30], 95)

    assert [(code, begin) for code, begin, _, _ in spans(storm)] == [("host.reboot_storm", 30.25)]
    assert storm.state.devices[0].boots == (at(5), at(30))
    assert [(code, end) for code, _, end, _ in spans(calm)] == [("host.reboot_storm", 65.25)]
    assert calm.state.devices[0].boots == ()


def test_a_probe_that_was_not_asked_says_neither_that_it_fails_nor_that_it_is_well() -> None:
    recorder = Recorder("k7-1", KIOSK)
    failed = {"escpos": ["timeout", "1 s"]}
    policy = Policy(rules=(rule("printer.offline", Fails(probe="escpos", component="printer")),))
    items = [recorder.sample(0, "kiosk-7", failed, host__cpu_percent=5)]
    items += [recorder.sample(minute, "kiosk-7", host__cpu_percent=5) for minute in (1, 2)]
    asked = [*items, recorder.sample(3, "kiosk-7", printer__paper="ok")]

    assert spans(Desk("kiosk-7", policy).take_all(items)) == [("printer.offline", 0, None, "")]
    assert spans(Desk("kiosk-7", policy).take_all(asked)) == [("printer.offline", 0, 3, "")]


def test_what_flaps_is_calm_when_half_of_its_restlessness_has_leaked_away() -> None:
    policy = Policy(rules=(rule("printer.cover_open", Is(reading="printer.cover", words=("open",)), flap_s=60),))
    recorder = Recorder("k7-1", KIOSK)

    def said(second: int, word: str) -> Item:
        return recorder.sample(second / 60, "kiosk-7", printer__cover=word)

    desk = Desk("kiosk-7", policy)
    desk.take_all(said(second, word) for second, word in enumerate(("open", "closed") * 4))
    desk.take_all(said(second, "closed") for second in range(17, 127, 10))
    flapping = [one for one in desk.conditions.values() if one.flapping]
    desk.take(said(127, "closed"))

    assert [one.to_ms for one in flapping] == [None]
    assert [one.to_ms for one in desk.conditions.values() if one.flapping] == [START + 7 * SECOND]


def test_a_device_that_invents_components_has_so_many_faults_and_no_more() -> None:
    recorder = Recorder("k7-1", KIOSK)
    full: dict[str, Any] = {f"disk[{number}].used_percent": 95 for number in range(RUNS_KEPT + 50)}
    policy = Policy(rules=(rule("disk.full", Above(reading="disk.used_percent", limit=90, clear=80), effect=""),))
    suspects = Policy(rules=tuple(replace(one, for_ms=5 * MINUTE) for one in policy.rules))

    faulty = Desk("kiosk-7", policy).take_all([recorder.sample(0, "kiosk-7", **full)])
    suspected = Desk("kiosk-7", suspects).take_all([recorder.sample(1, "kiosk-7", **full)])
    one_is_over = faulty.take_all([recorder.sample(2, "kiosk-7", **{**full, "disk[0].used_percent": 5})])

    assert len(suspected.state.devices[0].tracks) == RUNS_KEPT
    assert len(one_is_over.conditions) == RUNS_KEPT
    assert [one.component for one in one_is_over.conditions.values() if one.to_ms is not None] == ["disk[0]"]


# --- who stands above ------------------------------------------------------------------------------------------------


def test_a_root_is_above_a_device_whatever_their_names() -> None:
    wiring = Wiring([link("ups-2", UPLINK, "gw-1"), link("gw-1", UPLINK, "switch-1")])

    assert [one.root for one in wiring.above("ups-2")] == ["switch-1", "gw-1"]
