"""Reports in the database: each revision once, made by one, frozen when issued, confirmed by whoever holds a link."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import Deed, Office, ReportDesk, Store, StoreError, View
from roundsman_collector.store.issued import LEASE_MS, Confirmed, Made, NewBody, ReportFilter, ReportRow, State, Wish
from roundsman_collector.store.report_desk import CONFIRM
from roundsman_collector.store.report_mails import NewSchedule
from tests.collector.store.cast import TODAY

DAY = 86_400_000
NOW = TODAY + DAY
LI = Deed(who="li", at_ms=NOW)
PDF = b"%PDF-1.7 " + bytes(range(256)) * 2000


@pytest.fixture
def desk(store: Store, where: str) -> Iterator[ReportDesk]:
    with ReportDesk.open(where) as opened:
        yield opened


def wish(about: str = "metro-c", *, period: str = "2024-09", **more: object) -> Wish:
    said = {"customer": "metro", **more}
    return Wish(
        kind="sla",
        scope="contract",
        about=about,
        period=period,
        number=f"SLA-{period}-{about}",
        from_ms=TODAY - 30 * DAY,
        to_ms=TODAY,
        **said,  # type: ignore[arg-type]
    )


def made(body: str = "[]", *, content: bytes = PDF) -> Made:
    sha = hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256(body.encode()).hexdigest()
    return Made(known_ms=NOW, body=body, digest=digest, versions="{}", files=[NewBody("pdf", sha, content)])


def make(desk: ReportDesk, state: State = "final", body: str = "[]", now_ms: int = NOW) -> ReportRow:
    row = desk.claim("a", now_ms)
    assert row is not None
    assert desk.keep(row, made(body), state=state, wake_at_ms=None, now_ms=now_ms)
    return row


def issued(desk: ReportDesk) -> ReportRow:
    desk.ask(wish(), deed=LI)
    return desk.issue(make(desk).id, deed=LI)


def test_a_report_is_asked_for_once_however_many_ask(desk: ReportDesk, view: View) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: desk.ask(wish(), deed=LI), range(8)))

    assert sum(is_new for _, is_new in told) == 1
    assert len({row.id for row, _ in told}) == 1
    assert [row.number for row in view.reports(EVERYTHING, ReportFilter())] == ["SLA-2024-09-metro-c"]


def test_of_many_who_look_one_makes_it(desk: ReportDesk) -> None:
    desk.ask(wish(), deed=LI)

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda number: desk.claim(str(number), NOW), range(8)))

    assert sum(row is not None for row in claimed) == 1


def test_what_a_killed_maker_left_is_made_by_the_next_and_the_dead_store_nothing(desk: ReportDesk, view: View) -> None:
    desk.ask(wish(), deed=LI)
    dead = desk.claim("dead", NOW)
    assert dead is not None and desk.claim("b", NOW + LEASE_MS - 1) is None

    living = desk.claim("b", NOW + LEASE_MS)
    assert living is not None
    assert not desk.hold(dead, "page", NOW + LEASE_MS)
    assert not desk.keep(dead, made("old"), state="final", wake_at_ms=None, now_ms=NOW)
    assert desk.keep(living, made("new"), state="final", wake_at_ms=None, now_ms=NOW)
    assert view.report_body(living.id) == "new"


def test_files_come_back_byte_by_byte_and_tell_whose_they_are(desk: ReportDesk, view: View) -> None:
    row = issued(desk)
    (file,) = view.report_files(row.id)

    assert b"".join(view.file_pieces(file.sha256)) == PDF
    assert view.reports_of_sha256(file.sha256) == [(row, "pdf")]
    assert view.reports_of_sha256("0" * 64) == []


def test_what_is_issued_never_changes(desk: ReportDesk, view: View) -> None:
    row = issued(desk)
    again = desk.claim("a", NOW + 10 * DAY)

    assert again is not None and again.id == row.id
    assert not desk.keep(again, made("other"), state="final", wake_at_ms=None, now_ms=NOW)
    assert view.report_body(row.id) == "[]"
    assert desk.ask(wish(), deed=LI) == (again, False)
    with pytest.raises(StoreError, match="not final"):
        desk.issue(row.id, deed=LI)


def test_only_what_was_seen_is_issued(desk: ReportDesk) -> None:
    desk.ask(wish(), deed=LI)
    row = make(desk)

    with pytest.raises(StoreError, match="something else by now"):
        desk.issue(row.id, deed=LI, digest="what stood there before")
    assert desk.issue(row.id, deed=LI, digest=made().digest).state == "issued"


def test_a_provisional_report_cannot_be_issued(desk: ReportDesk) -> None:
    desk.ask(wish(), deed=LI)

    with pytest.raises(StoreError, match="not final"):
        desk.issue(make(desk, "provisional").id, deed=LI)


def test_a_schedule_that_says_so_issues_by_itself_and_writes_to_each(desk: ReportDesk, view: View) -> None:
    new = NewSchedule(kind="sla", scope="contract", about="metro-c", cycle="month", recipients=("a@x.cn", "b@x.cn"))
    schedule = desk.put_schedule(new, deed=LI)
    desk.ask(wish(is_auto=True, schedule=schedule), deed=LI)
    row = view.report(make(desk).id)

    assert row is not None and (row.state, row.issued_by) == ("issued", "roundsman")
    assert [(one.recipient, one.state) for one in view.report_letters(row.id)] == [("a@x.cn", "new"), ("b@x.cn", "new")]


def test_a_letter_is_sent_by_one_and_told_when_it_fails(desk: ReportDesk, view: View) -> None:
    desk.ask(wish(), deed=LI)
    row = desk.issue(make(desk).id, deed=LI, recipients=("a@x.cn",))
    with ThreadPoolExecutor(4) as pool:
        taken = [one for one in pool.map(lambda _: desk.due_letter(NOW), range(8)) if one is not None]
    assert len(taken) == 1

    desk.letter_again(taken[0].id, NOW + 60_000, "no answer")
    assert [(one.state, one.tries, one.error) for one in view.report_letters(row.id)] == [("new", 1, "no answer")]
    assert desk.due_letter(NOW) is None
    assert desk.due_letter(NOW + 60_000) is not None
    desk.letter_sent(taken[0].id, NOW + 61_000)
    assert [(one.state, one.done_ms) for one in view.report_letters(row.id)] == [("sent", NOW + 61_000)]


def test_an_issued_report_is_restated_once_whoever_notices(desk: ReportDesk, view: View) -> None:
    row = issued(desk)

    first, second = desk.restate(row, NOW + DAY), desk.restate(row, NOW + DAY)

    assert first is not None and (first.revision, first.state, first.number) == (2, "provisional", row.number)
    assert second is None
    assert [(one.revision, one.state) for one in view.report_revisions(row)] == [(2, "provisional"), (1, "issued")]


def test_the_customer_confirms_once_by_a_link(desk: ReportDesk, store: Store, where: str, view: View) -> None:
    row = issued(desk)
    (file,) = view.report_files(row.id)
    said = Confirmed(how="drawn", name="钱女士", sha256=file.sha256, picture=b"png", picture_sha256="f" * 64)
    with Office.open(where) as office:
        _, key = office.make_link(CONFIRM, f"report:{row.id}:1", expires_ms=NOW + DAY, deed=LI)

    confirmed = desk.confirm_by_link(key, said, at_ms=NOW, address="198.51.100.3")
    assert confirmed is not None and confirmed.state == "confirmed"
    assert desk.confirm_by_link(key, said, at_ms=NOW, address="198.51.100.3") is None
    (kept,) = view.report_confirmations(row.id)
    assert (kept.name, kept.how, kept.sha256, kept.at_ms) == ("钱女士", "drawn", file.sha256, NOW)
    assert kept.who.startswith("link:")
    assert b"".join(view.file_pieces("f" * 64)) == b"png"


def test_what_was_confirmed_is_the_file_that_was_issued(desk: ReportDesk, store: Store, where: str, view: View) -> None:
    row = issued(desk)
    with Office.open(where) as office:
        _, key = office.make_link(CONFIRM, f"report:{row.id}:1", expires_ms=NOW + DAY, deed=LI)

    with pytest.raises(StoreError, match="not its"):
        desk.confirm_by_link(key, Confirmed(how="link", name="x", sha256="0" * 64), at_ms=NOW, address="")
    assert view.good_link(CONFIRM, key, NOW) is not None, "nothing of it was kept: the link can still be used"
    assert view.report(row.id) == row


def test_a_customer_sees_its_own_and_only_what_was_issued(desk: ReportDesk, view: View) -> None:
    issued(desk)
    desk.ask(wish("hush-c", customer="hush"), deed=LI)
    metro = Scope(customers=frozenset({"metro"}))

    assert [row.about for row in view.reports(metro, ReportFilter(is_frozen=True))] == ["metro-c"]
    assert [row.about for row in view.reports(EVERYTHING, ReportFilter())] == ["hush-c", "metro-c"]
    assert view.reports(NOTHING, ReportFilter()) == []
    assert [row.about for row in view.reports(EVERYTHING, ReportFilter(is_frozen=True))] == ["metro-c"]


def test_an_ended_schedule_is_over(desk: ReportDesk, view: View) -> None:
    schedule = desk.put_schedule(NewSchedule(kind="sla", scope="contract", about="*", cycle="month"), deed=LI)
    assert [one.about for one in view.report_schedules()] == ["*"]

    desk.end_schedule(schedule, deed=LI)

    assert view.report_schedules() == []
    with pytest.raises(StoreError, match="no schedule"):
        desk.end_schedule(schedule, deed=LI)
