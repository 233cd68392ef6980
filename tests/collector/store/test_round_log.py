"""What people find in rounds: written once, the last one counts, and nothing more once a round is finished."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from roundsman_collector.core.looking import Mode
from roundsman_collector.core.media import Media
from roundsman_collector.store import Deed, Office, Store, StoreError, View
from roundsman_collector.store.batch import Batch
from roundsman_collector.store.files import ROUNDS as SHELF
from roundsman_collector.store.files import FileLimits, NewFile
from roundsman_collector.store.round_log import KeyUsed, NewLine
from roundsman_collector.store.rounds import RoundAnswered, RoundBegun, RoundRow
from tests.collector.store.cast import TODAY

ASKED = TODAY + 1000
LI = Deed(who="li", at_ms=ASKED + 60_000)
WANG = Deed(who="wang", at_ms=ASKED + 60_000)
TICKS = {"kiosk": 2, "nvr": 1}
TICK = NewLine(verb="tick", device="kiosk-7", item="housing", verdict="pass", at_ms=ASKED + 50_000, key="k1")


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        yield opened


def begun(store: Store, office: Office, mode: Mode = "visit", task: int | None = None, *, over: bool = True) -> int:
    """A round of the group whose agents are through."""
    command = office.ask_round({"site": "south"}, LI)
    found = store.round_of("south")
    assert found is not None
    target, devices, _ = found
    new = RoundBegun(
        command=command,
        target=target,
        devices=devices,
        errands=[],
        from_ms=0,
        to_ms=ASKED,
        asked_ms=ASKED,
        asked_by="li",
        until_ms=ASKED + 1000,
        after_seq=0,
        year=2026,
        mode=mode,
        task=task,
    )
    store.commit(Batch(now_ms=ASKED, rounds=[new]))
    round_id = store.rounds_over(ASKED)[-1].id
    if over:
        store.commit(Batch(now_ms=ASKED + 1000, rounds_over=[RoundAnswered(round_id=round_id, heads={})]))
    return round_id


def row_of(view: View, round_id: int) -> RoundRow:
    return next(one for one in view.rounds() if one.id == round_id)


def photo(office: Office, round_id: int, body: bytes = b"a picture", kind: str = "photo") -> int:
    new = NewFile(
        owner_id=round_id,
        kind=kind,  # type: ignore[arg-type]
        name="a.jpg",
        media=Media("image/jpeg", ".jpg", 4, 3),
        size=len(body),
        sha256=f"{hash(body):064x}"[-64:],
        shelf=SHELF,
    )
    return office.add_file(new, iter([body]), limits=FileLimits(), deed=LI).id


@pytest.mark.parametrize(
    ("mode", "state"), [("remote", "answered"), ("phone", "open"), ("visit", "open"), ("call", "open")]
)
def test_a_round_in_which_people_look_stays_open_when_its_agents_are_through(
    store: Store, office: Office, view: View, mode: Mode, state: str
) -> None:
    round_id = begun(store, office, mode, task=7)

    row = row_of(view, round_id)
    assert (row.mode, row.state, row.task, row.version) == (mode, state, 7, 0)
    assert row.answered_ms == ASKED + 1000
    assert [one.id for one in view.rounds_of_task(7)] == [round_id]
    assert view.rounds_of_task(8) == []


def test_the_last_tick_counts_and_all_are_kept(store: Store, office: Office, view: View) -> None:
    round_id = begun(store, office)

    office.write_round_line(round_id, replace(TICK, verdict="fail", words="broken"), deed=LI)
    second = office.write_round_line(round_id, replace(TICK, key="k2"), deed=WANG)
    office.write_round_line(round_id, replace(TICK, device="", item="usage", key="k3"), deed=LI)

    assert [(one.verdict, one.who, one.at_ms, one.known_ms) for one in view.round_lines(round_id, "kiosk-7")] == [
        ("fail", "li", ASKED + 50_000, LI.at_ms),
        ("pass", "wang", ASKED + 50_000, WANG.at_ms),
    ]
    standing = view.round_standing(row_of(view, round_id), TICKS, questions=1)
    assert standing.progress == (2 + 1 + 1, 2, {"fail": 0, "attention": 0, "unseen": 0, "pass": 2})
    assert standing.version == standing.ticked == second.id + 1


def test_the_same_key_again_answers_as_the_first_time_and_writes_nothing(
    store: Store, office: Office, view: View
) -> None:
    round_id = begun(store, office)

    first = office.write_round_line(round_id, TICK, deed=LI)
    again = office.write_round_line(round_id, TICK, deed=replace(LI, at_ms=LI.at_ms + 5))
    other = office.write_round_line(round_id, TICK, deed=WANG)

    assert again == first
    assert other.id != first.id
    with pytest.raises(KeyUsed):
        office.write_round_line(round_id, replace(TICK, verdict="attention", words="x"), deed=LI)
    assert len(view.round_lines(round_id)) == 2


def test_a_key_answers_even_when_the_round_is_finished(store: Store, office: Office, view: View) -> None:
    round_id = begun(store, office)
    first = office.write_round_line(round_id, TICK, deed=LI)
    ended = office.finish_round(
        round_id, NewLine(verb="finish", item="", at_ms=LI.at_ms, data={"rest": "closed"}), deed=LI
    )

    assert office.write_round_line(round_id, TICK, deed=LI) == first
    row = row_of(view, round_id)
    assert (row.state, row.finished_ms, row.finished_by, row.version) == ("answered", LI.at_ms, "li", ended.id)
    with pytest.raises(StoreError, match="answered"):
        office.write_round_line(round_id, replace(TICK, key="k2"), deed=LI)
    assert view.round_lines(round_id)[-1].data == {"rest": "closed"}


def test_who_has_not_seen_the_last_line_neither_signs_nor_finishes(store: Store, office: Office, view: View) -> None:
    round_id = begun(store, office)
    seen = office.write_round_line(round_id, TICK, deed=LI)
    office.write_round_line(round_id, replace(TICK, item="cables", key="k2"), deed=WANG)

    with pytest.raises(StoreError, match="not"):
        office.finish_round(round_id, NewLine(verb="finish", item="", at_ms=LI.at_ms, version=seen.id), deed=LI)

    assert row_of(view, round_id).state == "open"
    assert len(view.round_lines(round_id)) == 2


def test_a_photo_belongs_to_the_round_and_to_no_other(store: Store, office: Office, view: View) -> None:
    first, second = begun(store, office, "visit"), begun(store, office, "phone")
    mine = photo(office, first)

    with pytest.raises(StoreError, match="no file"):
        office.write_round_line(second, replace(TICK, files=(mine,)), deed=LI)
    with pytest.raises(StoreError, match="no file"):
        office.write_round_line(first, NewLine(verb="sign", item="engineer", at_ms=1, files=(mine,)), deed=LI)
    office.write_round_line(first, replace(TICK, files=(mine,)), deed=LI)

    assert view.round_lines(second) == []
    assert [(one.id, one.named_ms) for one in view.round_files(first)] == [(mine, LI.at_ms)]
    assert view.round_file(second, mine) is None


def test_uploads_that_no_line_names_go_and_a_body_that_another_shelf_needs_stays(
    store: Store, office: Office, view: View
) -> None:
    round_id = begun(store, office)
    kept = photo(office, round_id, b"one")
    photo(office, round_id, b"one")
    office.write_round_line(round_id, replace(TICK, files=(kept,)), deed=LI)

    gone = store.drop_aged(LI.at_ms + 2 * 86_400_000)

    assert gone["file"] == 1
    (row,) = view.round_files(round_id)
    assert io.BytesIO(b"".join(view.file_pieces(row.sha256))).read() == b"one"


def test_devices_come_some_at_a_time_and_those_with_nothing_left_can_be_passed_over(
    store: Store, office: Office, view: View
) -> None:
    round_id = begun(store, office)
    office.write_round_line(round_id, TICK, deed=LI)
    office.write_round_line(round_id, replace(TICK, item="touch", verdict="fail", words="dead", key="k2"), deed=LI)

    every = view.round_devices(round_id, TICKS)
    left = view.round_devices(round_id, TICKS, only_open=True)

    assert [one.device for one in every] == ["bus-31", "kiosk-7", "nvr-2", "ups-2"]
    assert [(one.found, one.wrong) for one in every] == [(0, 0), (2, 1), (0, 0), (0, 0)]
    assert [one.device for one in left] == ["nvr-2"]
    assert [one.device for one in view.round_devices(round_id, TICKS, after="kiosk-7", limit=1)] == ["nvr-2"]
    assert view.round_devices(round_id, {}, only_open=True) == []
    assert (view.round_kind_of(round_id, "nvr-2"), view.round_kind_of(round_id, "nvr-3")) == ("nvr", None)


def test_many_at_once_lose_nothing(store: Store, office: Office, view: View, where: str) -> None:
    round_id = begun(store, office)

    def ticked(place: int) -> int:
        with Office.open(where) as other:
            return other.write_round_line(round_id, replace(TICK, item=f"i{place % 5}", key=f"k{place}"), deed=LI).id

    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(ticked, range(20)))

    assert len(set(ids)) == 20
    assert [one.id for one in view.round_lines(round_id)] == sorted(ids)
    assert row_of(view, round_id).version == max(ids)
    assert view.round_standing(row_of(view, round_id), TICKS, 0).progress.found == 5


def test_the_round_before_is_the_last_that_people_finished(store: Store, office: Office, view: View) -> None:
    first = begun(store, office, "visit")
    office.finish_round(first, NewLine(verb="finish", item="", at_ms=1), deed=LI)
    begun(store, office, "visit")
    begun(store, office, "remote")
    last = begun(store, office, "phone")

    found = view.round_before(row_of(view, last))

    assert found is not None
    assert found.id == first
    assert view.round_before(row_of(view, first)) is None
