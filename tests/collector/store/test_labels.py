"""Labels in the database: one that is good for each device, whatever two people do at once; codes in no log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from roundsman_collector.core.label import read
from roundsman_collector.roles import NOTHING, Scope
from roundsman_collector.store import Deed, EntryError, LabelRow, LabelWords, Office, Store, View
from roundsman_collector.store.labels import MADE_AT_ONCE, WORDS_LIMIT
from tests.collector.store.cast import TODAY

NOW = TODAY + 3_600_000
LI = Deed(who="li", at_ms=NOW, address="192.0.2.7")
LATER = Deed(who="wang", at_ms=NOW + 1000)
SOUTH = Scope(groups=frozenset({"south"}))
NAMES = {"name_zh": "地铁", "name_en": "Metro"}


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        opened.put_entry("customer", "metro", NAMES, deed=LI)
        opened.put_entry("site", "metro-a", {"customer": "metro", "group_id": "east", **NAMES}, deed=LI)
        yield opened


def made(office: Office, subject: str = "kiosk-7") -> LabelRow:
    ((row, is_new),) = office.make_labels([subject], deed=LI)
    assert is_new
    return row


def refused(wanted: object) -> tuple[str, str]:
    with pytest.raises(EntryError) as error:
        wanted()  # type: ignore[operator]
    return error.value.cause, error.value.field


def told(view: View) -> list[tuple[str, str, str]]:
    return [(one.who, one.verb, one.subject) for one in reversed(view.audit()) if one.verb.startswith("label.")]


def test_a_label_leads_to_what_it_was_made_for(office: Office, view: View) -> None:
    row = made(office)

    assert view.label_of_code(row.code) == view.label(row.id) == row
    assert read(row.code) == row.code
    assert (row.subject, row.made_ms, row.made_by, row.ended_ms, row.words) == (
        "kiosk-7",
        NOW,
        "li",
        None,
        LabelWords(),
    )


def test_who_has_a_label_keeps_it(office: Office, view: View) -> None:
    first = made(office)

    again = office.make_labels(["#metro-a", "kiosk-7", "kiosk-7"], deed=LATER)

    assert [(row.subject, is_new) for row, is_new in again] == [("#metro-a", True), ("kiosk-7", False)]
    assert again[1][0] == first
    assert told(view) == [("li", "label.make", "label:1"), ("wang", "label.make", "label:2")]


def test_a_label_that_was_lost_is_replaced_with_its_words(office: Office, view: View) -> None:
    old = made(office)
    words = LabelWords(name_zh="自助售票机", spot_zh="A 口")
    office.put_label_words(old.id, words, deed=LI)

    new = office.replace_label(old.id, deed=LATER)

    assert view.label_of_code(old.code) is None
    assert view.label_of_code(new.code) == new
    assert new.code != old.code
    assert new.words == words
    over = view.label(old.id)
    assert over is not None
    assert (over.ended_ms, over.ended_by, over.ended_how) == (LATER.at_ms, "wang", "replaced")
    assert [row.id for row in view.labels(subject="kiosk-7", with_ended=True)] == [new.id, old.id]
    assert view.labels() == [new]
    assert view.labels_of(["kiosk-7", "nvr-2"]) == {"kiosk-7": new}


def test_a_revoked_label_leads_nowhere_and_another_can_be_made(office: Office, view: View) -> None:
    old = made(office)

    gone = office.revoke_label(old.id, deed=LATER)

    assert view.label(old.id) == gone
    assert (gone.ended_ms, gone.ended_how) == (LATER.at_ms, "revoked")
    assert view.label_of_code(old.code) is None
    assert made(office).code != old.code


@pytest.mark.parametrize("verb", ["replace_label", "revoke_label"])
def test_what_is_over_does_not_end_again(office: Office, view: View, verb: str) -> None:
    old = made(office)
    getattr(office, verb)(old.id, deed=LI)
    before = view.labels(with_ended=True)

    assert refused(lambda: getattr(office, verb)(old.id, deed=LATER)) == ("conflict", "label")
    assert refused(lambda: office.put_label_words(old.id, LabelWords(), deed=LATER)) == ("conflict", "label")
    assert view.labels(with_ended=True) == before


def test_what_strangers_read_is_audited_and_a_change_that_is_none_is_not(office: Office, view: View) -> None:
    row = made(office)
    words = LabelWords(name_en=" Ticket machine ", spot_en="Gate A")

    office.put_label_words(row.id, words, deed=LATER)
    office.put_label_words(row.id, words, deed=LATER)

    (changed,) = [one for one in view.audit() if one.verb == "label.words"]
    assert changed.before == asdict(LabelWords())
    assert changed.after == asdict(LabelWords(name_en="Ticket machine", spot_en="Gate A"))


@pytest.mark.parametrize("text", ["x" * (WORDS_LIMIT + 1), "two\nlines", "turned \u202e round", "\0"])
def test_words_that_fit_on_no_label_are_refused(office: Office, view: View, text: str) -> None:
    row = made(office)

    assert refused(lambda: office.put_label_words(row.id, LabelWords(spot_zh=text), deed=LI)) == ("value", "spot_zh")
    assert view.label(row.id) == row


@pytest.mark.parametrize("subject", ["no-such", "#no-such", "@kiosk-7", "", "kiosk-7' OR 1=1", "x" * 200])
def test_a_label_is_made_for_what_is_there_or_none_of_them_is(office: Office, view: View, subject: str) -> None:
    assert refused(lambda: office.make_labels(["kiosk-7", subject], deed=LI)) == ("missing", "subject")
    assert view.labels(with_ended=True) == []


def test_no_more_than_a_page_of_labels_is_made_at_once(office: Office) -> None:
    many = [f"kiosk-{number}" for number in range(MADE_AT_ONCE + 1)]

    assert refused(lambda: office.make_labels(many, deed=LI)) == ("value", "subjects")


def test_what_a_scope_does_not_reach_is_not_there(office: Office, view: View) -> None:
    row = made(office, "#metro-a")

    assert view.label(row.id, scope=SOUTH) is None
    assert view.labels(scope=SOUTH, with_ended=True) == []
    assert view.labels(scope=NOTHING) == []
    assert refused(lambda: office.revoke_label(row.id, deed=LI, scope=SOUTH)) == ("missing", "label")
    assert refused(lambda: office.make_labels(["#metro-a"], deed=LI, scope=SOUTH)) == ("missing", "subject")
    assert view.label(row.id) == row


def test_two_people_who_make_a_label_at_once_get_the_same_one(office: Office, view: View, where: str) -> None:
    def make(who: str) -> LabelRow:
        with Office.open(where) as mine:
            return mine.make_labels(["kiosk-7"], deed=Deed(who=who, at_ms=NOW))[0][0]

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(make, [f"person-{number}" for number in range(8)]))

    assert len(set(rows)) == 1
    assert view.labels(with_ended=True) == rows[:1]


def test_two_people_who_replace_a_label_at_once_leave_one_good_label(office: Office, view: View, where: str) -> None:
    old = made(office)

    def replace(_: int) -> str:
        with Office.open(where) as mine:
            try:
                return mine.replace_label(old.id, deed=LATER).code
            except EntryError as error:
                return error.cause

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(replace, range(4)))

    (good,) = view.labels()
    assert sorted(answers, key=len) == ["conflict"] * 3 + [good.code]


def test_no_log_holds_a_code(office: Office, view: View) -> None:
    old = made(office)
    new = office.replace_label(old.id, deed=LATER)
    office.revoke_label(new.id, deed=LATER)

    assert len(told(view)) == 4
    assert not [one for one in view.audit() if old.code in repr(one) or new.code in repr(one)]


def test_labels_come_in_pages(office: Office, view: View) -> None:
    rows = [row for row, _ in office.make_labels(["kiosk-7", "nvr-2", "#metro-a"], deed=LI)]

    first = view.labels(limit=2)

    assert [row.id for row in first] == [3, 2]
    assert view.labels(before_id=first[-1].id) == rows[:1]
