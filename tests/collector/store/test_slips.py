"""Slips in both databases: numbers without gaps, one log for each, days on which devices were fitted."""

import pytest

from roundsman_collector.core.slips import Wish
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Deed, Office, Store, StoreError, View
from roundsman_collector.store.slips import Installed, SlipFilter, SlipNew
from tests.collector.store.cast import TODAY

SAID = {"name": "王", "question": "价格", "answer": "已答"}


def deed(minute: int, who: str = "li") -> Deed:
    return Deed(who=who, at_ms=TODAY + minute * 60_000)


def new(kind: str = "inquiry", day: str = "2026-11-20", key: str | None = None, **about: str) -> SlipNew:
    return SlipNew(
        kind=kind,
        day=day,
        site=about.get("site"),
        customer=about.get("customer"),
        group=about.get("group"),
        device=about.get("device"),
        engineer=about.get("engineer", "li"),
        key=key,
    )


def test_numbers_have_no_gap_and_a_key_writes_once(store: Store, view: View) -> None:
    with Office(view._place) as office:
        first = office.begin_slip(new(key="k"), SAID, deed=deed(1))
        again = office.begin_slip(new(key="k"), SAID, deed=deed(2))
        with pytest.raises(StoreError):
            office.begin_slip(new(), {"name": "王"}, deed=deed(3))
        second = office.begin_slip(new(), SAID, deed=deed(4, "wang"))

    assert again == first
    assert [first.number, second.number] == ["S2026-000001", "S2026-000002"]
    assert [one.number for one in view.slips(EVERYTHING, SlipFilter(kind="inquiry"))] == [second.number, first.number]


def test_who_saw_another_version_changes_nothing(store: Store, view: View) -> None:
    with Office(view._place) as office:
        row = office.begin_slip(new("training", site="s", customer="c"), {"hours": "1"}, deed=deed(1))
        late = office.write_slip(row.id, Wish("write", data={"hours": "2"}, version=row.version), deed=deed(2))
        with pytest.raises(StoreError) as refused:
            office.write_slip(row.id, Wish("write", data={"hours": "3"}, version=row.version), deed=deed(3))

    assert refused.value.where == "changed"
    assert [line.data for line in view.slip_log(row.id)] == [{"hours": "1"}, {"hours": "2"}]
    assert late.version == view.slip_log(row.id)[-1].id


def test_customers_and_centres_see_their_own(store: Store, view: View) -> None:
    with Office(view._place) as office:
        office.begin_slip(new("training", customer="metro", group="south", site="a"), {}, deed=deed(1))
        office.begin_slip(new(), SAID, deed=deed(2))

    for scope in (Scope(customers=frozenset({"metro"})), Scope(groups=frozenset({"south"}))):
        assert [one.kind for one in view.slips(scope, SlipFilter())] == ["training"]
    assert view.slips(Scope(customers=frozenset({"bank"})), SlipFilter()) == []
    assert view.slip("S2026-000002", Scope(groups=frozenset({"south"}))) is None


# Shows S3-29.
def test_devices_are_counted_on_the_day_they_were_fitted_once_each(store: Store, view: View) -> None:
    with Office(view._place) as office:
        for place, (device, day, who) in enumerate(
            [("a", "2026-11-20", "li"), ("a", "2026-11-20", "li"), ("b", "2026-11-20", "li"), ("c", "2026-11-21", "wu")]
        ):
            office.begin_slip(new("installation", day, device=device, engineer=who), {}, deed=deed(place))
        gone = office.begin_slip(new("installation", "2026-11-21", device="d", engineer="wu"), {}, deed=deed(9))
        office.write_slip(gone.id, Wish("void", words="写错"), deed=deed(10))

    assert view.slips_installed(EVERYTHING, ("2026-11-01", "2026-11-30"), "engineer") == [
        Installed("2026-11-20", "li", 2, 0),
        Installed("2026-11-21", "wu", 1, 0),
    ]


# Shows S3-36.
def test_who_saw_whole_numbers_is_written_down_once_a_day(store: Store, view: View) -> None:
    with Office(view._place) as office, Office(view._place) as other:
        for minute in (1, 2, 24 * 60 + 1):
            office.numbers_seen("slip:S2026-000001", deed(minute))
        other.numbers_seen("slip:S2026-000001", deed(3))
        other.numbers_seen("slip:S2026-000001", deed(4, "wu"))

    found = [(one.who, one.at_ms) for one in view.audit(limit=9) if one.verb == "numbers.seen"]
    assert sorted(found) == [("li", deed(1).at_ms), ("li", deed(24 * 60 + 1).at_ms), ("wu", deed(4).at_ms)]
