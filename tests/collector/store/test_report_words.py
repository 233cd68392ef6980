"""What people write for a report: the newest counts, nothing is written over, and everything is audited."""

import pytest

from roundsman_collector.store import Deed, Office, Store, StoreError, View
from roundsman_collector.store.report_words import TEXT_LIMIT, Place
from tests.collector.store.cast import TODAY

AT = Place("statistics", "contract", "metro-c", "2026-Q4")


def deed(minute: int) -> Deed:
    return Deed(who="li", at_ms=TODAY + minute * 60_000)


def test_the_newest_words_count_as_they_stood_at_a_time(store: Store, view: View) -> None:
    with Office(view._place) as office:
        office.write_for_report(AT, "measures", "换电源\n\n  查接地 ", deed=deed(1))
        office.write_for_report(AT, "measures", "换电源", deed=deed(3))
        office.write_for_report(AT, "advice", "备 2 块硬盘", deed=deed(4))
        office.write_for_report(AT._replace(period="2027-Q1"), "advice", "another", deed=deed(4))

    early, late = (view.report_words(AT, TODAY + minute * 60_000) for minute in (2, 5))
    assert {section: one.paragraphs for section, one in early.items()} == {"measures": ("换电源", "查接地")}
    assert {section: one.words for section, one in late.items()} == {"measures": "换电源", "advice": "备 2 块硬盘"}
    assert [one.section for one in view.report_words_history(AT)] == ["advice", "measures", "measures"]
    assert view.audit(limit=1)[0].subject == "report:statistics/contract/metro-c/2027-Q1"


def test_words_that_were_taken_away_stand_nowhere(store: Store, view: View) -> None:
    with Office(view._place) as office:
        office.write_for_report(AT, "measures", "换电源", deed=deed(1))
        office.write_for_report(AT, "measures", "  ", deed=deed(2))

    assert view.report_words(AT, TODAY + 3 * 60_000) == {}
    assert len(view.report_words_history(AT)) == 2


def test_words_without_end_are_refused_and_nothing_is_kept(store: Store, view: View) -> None:
    with Office(view._place) as office, pytest.raises(StoreError):
        office.write_for_report(AT, "measures", "x" * (TEXT_LIMIT + 1), deed=deed(1))

    assert view.report_words_history(AT) == []
