"""The rota in the database: duties, patterns, swaps; who is refused, what a conflict tells, what the past keeps."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from roundsman_collector.core.duty import Shift, on_duty
from roundsman_collector.roles import Role, Scope
from roundsman_collector.store import Deed, EntryError, Office, Rota, RotaRefused, ShiftWish, Store, View
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
DAY = 24 * HOUR
SOUTH = Rota(group="south")
SOUTHERN = Scope(groups=frozenset({"south"}))
NORTHERN = Scope(groups=frozenset({"north"}))
PEOPLE: tuple[tuple[str, Role, Scope], ...] = (
    ("li", "engineer", SOUTHERN),
    ("wang", "engineer", SOUTHERN),
    ("zhao", "engineer", Scope(customers=frozenset({"metro"}))),
    ("qian", "engineer", NORTHERN),
    ("sun", "viewer", SOUTHERN),
)


def deed(hours: float = 0, who: str = "boss") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(hours * HOUR))


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """The office beside the store: two groups, a site of metro's and a point in the south, five people."""
    with Office.open(where) as opened:
        names = {"name_zh": "名", "name_en": "Name"}
        opened.put_entry("customer", "metro", names, deed=deed())
        opened.put_entry("site", "metro-1", {**names, "customer": "metro", "group_id": "south"}, deed=deed())
        opened.put_entry("group", "north", names, deed=deed())
        opened.put_entry("point", "tianhe", {**names, "group_id": "south"}, deed=deed())
        for login, role, scope in PEOPLE:
            opened.add_person(login, name=login.title(), role=role, scope=scope, deed=deed())
        yield opened


def wish(person: str = "li", begin: float = 24, end: float = 48, **more: Any) -> ShiftWish:
    facts: dict[str, Any] = {"rota": SOUTH, "kind": "primary", **more}
    return ShiftWish(person=person, from_ms=TODAY + round(begin * HOUR), to_ms=TODAY + round(end * HOUR), **facts)


def standing(view: View, group: str = "south") -> list[tuple[int, str]]:
    """The duties that count in the next fortnight: ids and whose they are."""
    return [(one.id, one.person) for one in view.shifts(TODAY, TODAY + 14 * DAY, group=group) if one.counts]


def one(view: View, shift: int) -> Shift:
    found = view.shift(shift)
    assert found is not None
    return found


# --- duties ----------------------------------------------------------------------------------------------------------


def test_a_duty_is_kept_with_who_made_it_and_told_in_the_audit_log(office: Office, view: View) -> None:
    made = office.add_shift(wish(note="国庆值班"), deed=deed(), scope=SOUTHERN)

    assert one(view, made) == Shift(
        id=made,
        group="south",
        point="",
        person="li",
        kind="primary",
        from_ms=TODAY + DAY,
        to_ms=TODAY + 2 * DAY,
        note="国庆值班",
        made_ms=TODAY,
        made_by="boss",
    )
    assert [(row.verb, row.subject) for row in view.audit(limit=1)] == [("duty.add", f"shift:{made}")]


def test_a_dispatcher_of_another_group_neither_sees_nor_writes_the_rota(office: Office, view: View) -> None:
    made = office.add_shift(wish(), deed=deed())

    with pytest.raises(EntryError) as entered:
        office.add_shift(wish("wang"), deed=deed(), scope=NORTHERN)
    with pytest.raises(EntryError) as removed:
        office.remove_shift(made, deed=deed(), scope=NORTHERN)

    assert (entered.value.cause, removed.value.cause) == ("missing", "missing")
    assert view.shifts(TODAY, TODAY + 14 * DAY, scope=NORTHERN) == []
    assert view.shift(made, scope=NORTHERN) is None
    assert view.duty_groups(NORTHERN) == ["north"]
    assert standing(view) == [(made, "li")]


def test_only_who_may_act_and_reaches_the_group_or_a_customer_of_it_is_put_on_duty(office: Office, view: View) -> None:
    for nobody in ("qian", "sun", "ghost"):
        with pytest.raises(RotaRefused) as caught:
            office.add_shift(wish(nobody), deed=deed())
        assert (caught.value.code, caught.value.facts["person"]) == ("unable", nobody)

    office.add_shift(wish("zhao"), deed=deed())

    assert [person.id for person in view.duty_people("south")] == ["li", "wang", "zhao"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (wish(begin=48, end=24), "to"),
        (wish(begin=24, end=24), "to"),
        (wish(begin=0, end=24 * 32), "to"),
        (wish(begin=24 * 800, end=24 * 801), "from"),
        (wish(kind="holiday"), "kind"),
        (wish(rota=Rota(group="west")), "group"),
        (wish("qian", rota=Rota(group="north", point="tianhe")), "id"),
        (wish(rota=Rota(group="south", point="nowhere")), "id"),
    ],
)
def test_what_no_rota_holds_is_refused(office: Office, view: View, wanted: ShiftWish, field: str) -> None:
    with pytest.raises(EntryError) as caught:
        office.add_shift(wanted, deed=deed())

    assert caught.value.field == field
    assert standing(view) == []


def test_the_same_request_twice_makes_one_duty(office: Office, view: View) -> None:
    made = office.add_shift(wish(), deed=deed())

    with pytest.raises(RotaRefused) as caught:
        office.add_shift(wish(), deed=deed())

    assert (caught.value.code, caught.value.facts) == ("duty", {"person": "li", "shift": str(made)})
    assert standing(view) == [(made, "li")]


def test_a_day_off_and_a_duty_never_meet_wherever_they_were_entered(office: Office) -> None:
    office.add_shift(wish(kind="off"), deed=deed())

    with pytest.raises(RotaRefused) as caught:
        office.add_shift(wish(rota=Rota(group="south", point="tianhe"), begin=40, end=50), deed=deed())

    assert caught.value.code == "off"


def test_a_duty_that_was_taken_back_counted_up_to_then(office: Office, view: View) -> None:
    made = office.add_shift(wish(begin=0, end=24), deed=deed())

    office.remove_shift(made, deed=deed(6, who="chief"), scope=SOUTHERN)

    found = one(view, made)
    assert (found.until_ms, found.void_by) == (TODAY + 6 * HOUR, "chief")
    assert on_duty([found], TODAY + 5 * HOUR) == (found,)
    assert on_duty([found], TODAY + 6 * HOUR) == ()


def test_what_is_over_or_was_taken_back_stays_as_it_was(office: Office) -> None:
    over = office.add_shift(wish(begin=-24, end=0), deed=deed(-25))
    gone = office.add_shift(wish(), deed=deed())
    office.remove_shift(gone, deed=deed(1))

    with pytest.raises(RotaRefused) as first:
        office.remove_shift(over, deed=deed(1))
    with pytest.raises(RotaRefused) as second:
        office.remove_shift(gone, deed=deed(2))

    assert (first.value.code, second.value.code) == ("over", "taken_back")


# --- patterns --------------------------------------------------------------------------------------------------------

PATTERN: dict[str, Any] = {
    "from_day": "2024-10-04",
    "calendar": "cn",
    "lines": [
        {"days": "1-5", "times": "18:00-08:00", "people": ["li", "wang"]},
        {"days": "6, 7, holidays", "times": "08:00-08:00", "people": ["wang"]},
    ],
}
FIRST, LAST = date(2024, 10, 7), date(2024, 10, 13)


def test_a_week_is_filled_as_its_pattern_says_and_filling_again_changes_nothing(office: Office, view: View) -> None:
    office.put_duty_pattern(SOUTH, PATTERN, deed=deed(), scope=SOUTHERN)

    looked = view.duty_plan(SOUTH, FIRST, LAST, now_ms=TODAY)
    filled = office.fill_duty(SOUTH, FIRST, LAST, deed=deed(), scope=SOUTHERN)
    again = office.fill_duty(SOUTH, FIRST, LAST, deed=deed(), scope=SOUTHERN)

    assert looked == filled
    assert (len(filled.add), filled.void, filled.left_out) == (7, (), ())
    assert (again.add, again.void, again.same) == ((), (), 7)
    assert [person for _, person in standing(view)][-2:] == ["wang", "wang"]


def test_another_pattern_takes_the_place_of_what_the_first_one_made_ahead(office: Office, view: View) -> None:
    office.put_duty_pattern(SOUTH, PATTERN, deed=deed())
    office.fill_duty(SOUTH, FIRST, LAST, deed=deed())
    office.add_shift(wish("zhao", 24 * 4, 24 * 4 + 8), deed=deed())
    alone = {**PATTERN, "lines": [{"days": "每天", "times": "09:00-17:00", "people": ["li"]}]}

    office.put_duty_pattern(SOUTH, alone, deed=deed(1))
    office.fill_duty(SOUTH, FIRST, LAST, deed=deed(1))

    # The fourth day is zhao's from 00:00 to 08:00 UTC, which is over noon in Shanghai: li's turn there is left out.
    assert sorted(person for _, person in standing(view)) == ["li"] * 6 + ["zhao"]


def test_a_rota_of_a_point_is_another_one_than_its_groups(office: Office, view: View) -> None:
    tianhe = Rota(group="south", point="tianhe")
    office.put_duty_pattern(SOUTH, PATTERN, deed=deed())
    office.put_duty_pattern(tianhe, {**PATTERN, "lines": PATTERN["lines"][1:]}, deed=deed())

    office.fill_duty(tianhe, FIRST, LAST, deed=deed())

    found = view.duty_pattern(tianhe)
    assert found is not None
    assert len(found.pattern.lines) == 1
    assert {one.point for one in view.shifts(TODAY, TODAY + 14 * DAY)} == {"tianhe"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"calendar": "moon"}, "calendar"),
        ({"lines": []}, "lines"),
        ({"lines": [{"days": "1", "times": "08:00-18:00", "people": ["li", "qian"]}]}, "lines.0.people"),
    ],
)
def test_a_pattern_that_cannot_be_is_not_kept(office: Office, view: View, more: dict[str, Any], field: str) -> None:
    with pytest.raises(EntryError) as caught:
        office.put_duty_pattern(SOUTH, {**PATTERN, **more}, deed=deed())

    assert caught.value.field == field
    assert view.duty_pattern(SOUTH) is None


def test_days_without_a_pattern_are_not_filled(office: Office) -> None:
    with pytest.raises(EntryError) as caught:
        office.fill_duty(SOUTH, FIRST, LAST, deed=deed())

    assert caught.value.field == "pattern"


def test_somebody_who_was_shut_out_since_is_not_put_on_duty_by_a_pattern(office: Office, view: View) -> None:
    office.put_duty_pattern(SOUTH, PATTERN, deed=deed())
    office.add_person("root", name="Root", role="administrator", scope=Scope(everything=True), deed=deed())
    office.disable_person("wang", is_disabled=True, deed=deed())

    with pytest.raises(RotaRefused) as caught:
        office.fill_duty(SOUTH, FIRST, LAST, deed=deed())

    assert caught.value.facts["person"] == "wang"
    assert standing(view) == []


# --- swaps -----------------------------------------------------------------------------------------------------------


def test_a_swap_that_was_agreed_to_exchanges_two_duties_and_keeps_what_was(office: Office, view: View) -> None:
    mine = office.add_shift(wish("li", 24, 48), deed=deed())
    theirs = office.add_shift(wish("wang", 48, 72), deed=deed())

    swap = office.ask_swap(mine, other="wang", other_shift=theirs, note="家里有事", deed=deed(1, "li"))
    waiting = [person for _, person in standing(view)]
    done = office.answer_swap(swap, "agreed", deed=deed(2, "wang"))

    assert waiting == ["li", "wang"]
    assert (done.state, done.done_by, done.done_ms) == ("agreed", "wang", TODAY + 2 * HOUR)
    assert [person for _, person in standing(view)] == ["wang", "li"]
    assert [(one.person, one.counts, one.swap) for one in view.shifts(TODAY, TODAY + 14 * DAY)] == [
        ("li", False, None),
        ("wang", True, swap),
        ("wang", False, None),
        ("li", True, swap),
    ]


def test_a_duty_that_has_begun_is_parted_where_it_is_given_away(office: Office, view: View) -> None:
    mine = office.add_shift(wish("li", 0, 24), deed=deed())

    office.set_swap(mine, other="wang", other_shift=None, deed=deed(6), scope=SOUTHERN)

    hours = [
        (one.person, (one.from_ms - TODAY) // HOUR, (one.until_ms - TODAY) // HOUR)
        for one in view.shifts(0, TODAY + DAY)
    ]
    assert hours == [("li", 0, 6), ("wang", 6, 24)]


def test_nobody_swaps_for_somebody_else_and_nobody_answers_what_was_not_asked_of_them(office: Office) -> None:
    mine = office.add_shift(wish("li"), deed=deed())
    swap = office.ask_swap(mine, other="wang", other_shift=None, deed=deed(1, "li"))

    with pytest.raises(EntryError) as foreign:
        office.ask_swap(mine, other="zhao", other_shift=None, deed=deed(1, "wang"))
    with pytest.raises(EntryError) as own:
        office.answer_swap(swap, "agreed", deed=deed(1, "li"))
    with pytest.raises(EntryError) as stranger:
        office.answer_swap(swap, "agreed", deed=deed(1, "zhao"))
    with pytest.raises(EntryError) as theirs:
        office.answer_swap(swap, "withdrawn", deed=deed(1, "wang"))

    assert [one.value.cause for one in (foreign, own, stranger, theirs)] == ["missing", "closed", "missing", "closed"]


def test_the_same_is_asked_once_and_may_be_withdrawn_or_refused(office: Office, view: View) -> None:
    mine = office.add_shift(wish("li"), deed=deed())
    first = office.ask_swap(mine, other="wang", other_shift=None, deed=deed(1, "li"))

    with pytest.raises(RotaRefused) as caught:
        office.ask_swap(mine, other="wang", other_shift=None, deed=deed(1, "li"))
    office.answer_swap(first, "withdrawn", deed=deed(2, "li"))
    second = office.ask_swap(mine, other="wang", other_shift=None, deed=deed(3, "li"))
    office.answer_swap(second, "refused", deed=deed(4, "wang"))
    with pytest.raises(RotaRefused) as late:
        office.answer_swap(second, "agreed", deed=deed(5, "wang"))

    assert (caught.value.code, caught.value.facts) == ("asked", {"swap": str(first)})
    assert (late.value.code, late.value.facts["state"]) == ("decided", "refused")
    assert [(one.id, one.state) for one in view.swaps()] == [(second, "refused"), (first, "withdrawn")]
    assert standing(view) == [(mine, "li")]


def test_who_agrees_to_what_is_no_longer_so_is_told_what_became_of_it(office: Office, view: View) -> None:
    mine = office.add_shift(wish("li"), deed=deed())
    of_wang = office.ask_swap(mine, other="wang", other_shift=None, deed=deed(1, "li"))
    of_zhao = office.ask_swap(mine, other="zhao", other_shift=None, deed=deed(1, "li"))

    office.answer_swap(of_wang, "agreed", deed=deed(2, "wang"))
    with pytest.raises(RotaRefused) as caught:
        office.answer_swap(of_zhao, "agreed", deed=deed(2, "zhao"))

    assert caught.value.code == "swapped"
    assert caught.value.facts == {"person": "li", "shift": str(mine), "swap": str(of_wang)}
    assert [person for _, person in standing(view)] == ["wang"]
    assert [one.state for one in view.swaps()] == ["asked", "agreed"]


def test_a_swap_gives_nobody_two_duties_at_once(office: Office, view: View) -> None:
    mine = office.add_shift(wish("li", 24, 48), deed=deed())
    busy = office.add_shift(wish("wang", 40, 60), deed=deed())

    with pytest.raises(RotaRefused) as caught:
        office.set_swap(mine, other="wang", other_shift=None, deed=deed(1))
    office.set_swap(mine, other="wang", other_shift=busy, deed=deed(1))

    assert (caught.value.code, caught.value.facts["shift"]) == ("duty", str(busy))
    assert [person for _, person in standing(view)] == ["wang", "li"]


@pytest.mark.parametrize("other", ["li", "qian", "sun"])
def test_a_duty_goes_to_somebody_else_who_can_have_it(office: Office, other: str) -> None:
    mine = office.add_shift(wish("li"), deed=deed())

    with pytest.raises(EntryError):
        office.set_swap(mine, other=other, other_shift=None, deed=deed(1))


def test_a_day_off_is_not_swapped(office: Office) -> None:
    off = office.add_shift(wish("li", kind="off"), deed=deed())

    with pytest.raises(EntryError) as caught:
        office.set_swap(off, other="wang", other_shift=None, deed=deed(1))

    assert caught.value.field == "shift"


def test_of_two_who_take_the_same_duty_at_once_one_gets_it_and_the_other_is_told(
    office: Office, where: str, view: View
) -> None:
    mine = office.add_shift(wish("li"), deed=deed())
    swaps = {
        other: office.ask_swap(mine, other=other, other_shift=None, deed=deed(1, "li")) for other in ("wang", "zhao")
    }
    gate = threading.Barrier(2)
    answers: dict[str, str] = {}

    def agree(person: str) -> None:
        with Office.open(where) as mine_alone:
            gate.wait()
            try:
                mine_alone.answer_swap(swaps[person], "agreed", deed=deed(2, person))
                answers[person] = "agreed"
            except RotaRefused as refused:
                answers[person] = refused.code

    threads = [threading.Thread(target=agree, args=(person,)) for person in swaps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers.values()) == ["agreed", "swapped"]
    winner = next(person for person, answer in answers.items() if answer == "agreed")
    assert [person for _, person in standing(view)] == [winner]
