"""Reports as they are made: provisional, final, issued, restated when late truth comes; whole, or not at all."""

import json
import os
from dataclasses import dataclass, replace

import pytest

from roundsman_collector.issuing.about import asked
from roundsman_collector.issuing.clockwork import due, wish_of
from roundsman_collector.issuing.kinds import KINDS
from roundsman_collector.issuing.making import DAY_MS, Maker, NoPaper, Setting, Step, Trouble
from roundsman_collector.reports.document import Document, Heading, Table
from roundsman_collector.reports.restated import TITLE
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Batch, Deed, ReportDesk, Store, StoreError, View
from roundsman_collector.store.issued import LEASE_MS, ReportFilter, ReportRow
from roundsman_collector.store.report_mails import NewSchedule
from tests.collector.api import world
from tests.collector.api.world import NOW, at

OVER = 1730390400000
"""The end of October 2024 in Shanghai."""
SETTLED = OVER + DAY_MS
DEED = Deed(who="li", at_ms=NOW)


@dataclass
class Clock:
    now_ms: int = OVER

    def __call__(self) -> int:
        return self.now_ms


class Press:
    """Sets nothing, and remembers the documents it was given."""

    def __init__(self) -> None:
        self.documents: list[Document] = []

    def page(self, document: Document, language: str) -> str:
        self.documents.append(document)
        return f"{language} {document.number}/{document.revision} {document.known_ms}"

    def setting(self) -> Setting:
        return Setting(
            page=self.page,
            workbook=lambda document, language: b"xlsx",
            pdf=lambda page, say: b"%PDF " + page.encode(),
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def press() -> Press:
    return Press()


@pytest.fixture
def maker(view: View, desk: ReportDesk, clock: Clock, press: Press) -> Maker:
    return Maker(view=view, desk=desk, setting=press.setting(), name="a", faults=world.FAULTS, now_ms=clock)


def ask(view: View, desk: ReportDesk, **more: object) -> ReportRow:
    kind = KINDS["sla"]
    wish = wish_of(kind, asked(view, "contract", "metro-c", "2024-10", now_ms=NOW))
    return desk.ask(replace(wish, **more), deed=DEED)[0]  # type: ignore[arg-type]


def newest(view: View) -> ReportRow:
    return view.reports(EVERYTHING, ReportFilter())[0]


def late_truth(store: Store, now_ms: int) -> None:
    """kiosk-7 was down for an hour more than anybody knew."""
    tells = [world.ledger("kiosk-7", (12, 15, "down", "fault", "printer.paper_end"), (15, None, "up", "", ""))]
    store.commit(Batch(now_ms=now_ms, tells=tells))


def test_nothing_is_made_before_the_period_is_over(maker: Maker, view: View, desk: ReportDesk, clock: Clock) -> None:
    ask(view, desk)
    clock.now_ms = OVER - 1

    assert not maker.step()
    clock.now_ms = OVER
    assert maker.step()


def test_a_report_is_provisional_until_late_news_has_settled(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock, press: Press
) -> None:
    ask(view, desk)
    assert maker.step()
    row = newest(view)
    assert (row.state, row.known_ms, row.wake_at_ms, row.lease_by) == ("provisional", OVER, SETTLED, "")
    assert press.documents[-1].mark is not None
    assert not maker.step()

    clock.now_ms = SETTLED
    assert maker.step()

    row = newest(view)
    assert (row.state, row.known_ms, row.wake_at_ms) == ("final", SETTLED, None)
    assert press.documents[-1].mark is None
    assert json.loads(row.versions)["algorithm"] == 1
    assert [file.form for file in view.report_files(row.id)] == ["page", "pdf", "xlsx"]
    assert not maker.step()


# Shows S3-19.
def test_the_report_of_a_week_is_final_on_monday_noon(maker: Maker, view: View, desk: ReportDesk, clock: Clock) -> None:
    week = wish_of(KINDS["weekly"], asked(view, "company", "", "2024-W43", now_ms=OVER))
    desk.ask(week, deed=DEED)
    clock.now_ms = week.to_ms
    assert maker.step()

    row = newest(view)

    assert (row.state, row.wake_at_ms) == ("provisional", week.to_ms + DAY_MS // 2)
    clock.now_ms = week.to_ms + DAY_MS // 2
    assert maker.step()
    assert newest(view).state == "final"


def test_the_older_an_issued_report_the_more_rarely_it_is_compared(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock
) -> None:
    ask(view, desk, is_auto=True)
    clock.now_ms = SETTLED
    assert maker.step()

    days = []
    while (wake_at_ms := newest(view).wake_at_ms) is not None:
        clock.now_ms = wake_at_ms
        days.append((wake_at_ms - OVER) // DAY_MS)
        assert maker.step()

    assert days[:7] == [2, 3, 4, 5, 6, 7, 8] and 350 < days[-2] < 400 < days[-1]
    assert len(days) < 50
    assert [row.revision for row in view.reports(EVERYTHING, ReportFilter())] == [1]


def test_a_restart_makes_nothing_twice(maker: Maker, view: View, desk: ReportDesk, clock: Clock) -> None:
    ask(view, desk)
    killed = desk.claim("killed", OVER)
    assert killed is not None

    assert not maker.step()
    clock.now_ms = OVER + LEASE_MS
    assert maker.step()

    assert [row.revision for row in view.reports(EVERYTHING, ReportFilter())] == [1]
    assert newest(view).state == "provisional"


@pytest.mark.parametrize(
    "error",
    [Trouble("the template is broken, line 3"), OSError(28, "No space left on device")],
    ids=["a broken template", "a full disk"],
)
def test_what_goes_wrong_is_told_and_nothing_is_kept_by_halves(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock, press: Press, error: Exception
) -> None:
    row = ask(view, desk, is_auto=True)
    clock.now_ms = SETTLED

    def broken(page: str, say: Step) -> bytes:
        raise error

    maker.setting = replace(press.setting(), pdf=broken)
    assert maker.step()

    found = newest(view)
    assert (found.state, found.known_ms, found.tries, found.problem) == ("provisional", None, 1, str(error))
    assert view.report_files(row.id) == []
    assert not maker.step()
    clock.now_ms += 60_000
    maker.setting = press.setting()
    assert maker.step()
    assert (newest(view).state, newest(view).problem) == ("issued", "")


def test_a_disk_that_is_really_full_leaves_no_half_report(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock, press: Press
) -> None:
    row = ask(view, desk, is_auto=True)
    clock.now_ms = SETTLED

    def onto_a_full_disk(page: str, say: Step) -> bytes:
        with open("/dev/full", "wb", buffering=0) as file:
            os.write(file.fileno(), page.encode())
        return b"never"

    maker.setting = replace(press.setting(), pdf=onto_a_full_disk)
    assert maker.step()

    assert "No space left" in newest(view).problem
    assert (newest(view).state, view.report_files(row.id), view.report_body(row.id)) == ("provisional", [], None)


def test_a_database_without_room_keeps_what_was_there(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(view, desk)
    maker.step()
    before = newest(view)
    clock.now_ms = SETTLED
    full = StoreError(what="the disk is full", where="x", do="make room", cause="full", again=False)

    def no_room(*_: object, **__: object) -> bool:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr(desk, "keep", no_room)
        assert maker.step()

    found = newest(view)
    assert (found.state, found.known_ms, found.digest) == (before.state, before.known_ms, before.digest)
    assert "the disk is full" in found.problem


def test_without_the_paper_press_the_report_goes_without_and_says_so(
    maker: Maker, view: View, desk: ReportDesk, press: Press
) -> None:
    row = ask(view, desk)

    def nothing(page: str, say: Step) -> bytes:
        raise NoPaper("no PDF: install roundsman-collector[pdf]")

    maker.setting = replace(press.setting(), pdf=nothing)
    maker.step()

    assert [file.form for file in view.report_files(row.id)] == ["page", "xlsx"]
    assert newest(view).problem == "no PDF: install roundsman-collector[pdf]"


def test_one_that_lost_its_lease_stores_nothing(
    maker: Maker, view: View, desk: ReportDesk, clock: Clock, press: Press
) -> None:
    row = ask(view, desk)

    def slow(page: str, say: Step) -> bytes:
        clock.now_ms += LEASE_MS
        assert desk.claim("another", clock.now_ms) is not None
        return b"too late"

    maker.setting = replace(press.setting(), pdf=slow)
    assert maker.step()

    assert view.report_files(row.id) == []
    assert newest(view).lease_by == "another"


def test_late_truth_after_issuing_makes_the_next_revision_with_its_differences(
    maker: Maker, store: Store, view: View, desk: ReportDesk, clock: Clock, press: Press
) -> None:
    schedule = NewSchedule(kind="sla", scope="contract", about="metro-c", cycle="month", recipients=("q@metro.cn",))
    number = desk.put_schedule(schedule, deed=DEED)
    ask(view, desk, is_auto=True, schedule=number)
    clock.now_ms = SETTLED
    assert maker.step()
    first = newest(view)
    files = view.report_files(first.id)
    assert first.state == "issued"

    clock.now_ms += DAY_MS
    assert maker.step()
    assert newest(view) == view.report(first.id), "nothing new is known: no revision"

    late_truth(store, clock.now_ms)
    clock.now_ms += DAY_MS
    assert maker.step()
    second = newest(view)
    assert (second.revision, second.state, second.number) == (2, "provisional", first.number)
    assert maker.step()
    clock.now_ms += 3 * DAY_MS
    assert maker.step()

    second = newest(view)
    assert (second.revision, second.state) == (2, "issued")
    assert [one.recipient for one in view.report_letters(second.id)] == ["q@metro.cn"]
    parts = press.documents[-1].parts
    assert any(isinstance(one, Heading) and one.label == TITLE for one in parts)
    (table,) = [one for one in parts if isinstance(one, Table) and one.title == TITLE]
    changed = {str(row[2].en) for row in table.rows if hasattr(row[2], "en")}
    assert {"Availability", "Down"} <= changed
    now = view.report(first.id)
    assert now is not None and (now.state, now.digest) == (first.state, first.digest)
    assert view.report_files(first.id) == files
    clock.now_ms += DAY_MS
    while maker.step():
        pass
    assert [row.revision for row in view.reports(EVERYTHING, ReportFilter())] == [2, 1]


def test_a_schedule_wants_each_period_once_and_makes_up_for_what_passed(view: View, desk: ReportDesk) -> None:
    new = NewSchedule(kind="sla", scope="contract", about="*", cycle="month", from_ms=at(0))
    desk.put_schedule(new, deed=DEED)

    def asks(now_ms: int) -> list[str]:
        return [desk.ask(wish, deed=DEED)[0].number for wish in due(view, now_ms)]

    assert asks(OVER - 1) == []
    assert asks(OVER) == ["SLA-2024-10-hush-c", "SLA-2024-10-metro-c"]
    assert asks(OVER) == []
    december = OVER + 45 * DAY_MS
    assert asks(december) == ["SLA-2024-11-hush-c", "SLA-2024-11-metro-c"]


def test_a_schedule_of_what_is_no_more_wants_nothing(view: View, desk: ReportDesk) -> None:
    new = NewSchedule(kind="sla", scope="contract", about="nowhere", cycle="month", from_ms=at(0))
    desk.put_schedule(new, deed=DEED)

    assert list(due(view, SETTLED)) == []
