"""Reports made and sent as they are in life: schedules, real pages, a real PDF, a talk with a real mail server."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from roundsman_collector import clock
from roundsman_collector.config import Config, load
from roundsman_collector.issuing.making import DAY_MS
from roundsman_collector.issuing.post import GIVEN_UP_MS, Later, Never, Post
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed, ReportDesk, View
from roundsman_collector.store.issued import Made, ReportFilter, ReportRow
from roundsman_collector.store.report_desk import CONFIRM
from roundsman_collector.store.report_mails import MailRow, NewSchedule
from roundsman_collector.web.issuing import LEFT_MS, Bureau, bureau, sweep
from tests.collector.api import world
from tests.collector.api.world import at
from tests.collector.issuing.test_making import OVER, SETTLED, Clock, Press, ask
from tests.collector.notify.servers import SmtpServer, smtp_server

DEED = Deed(who="li", at_ms=OVER)
TO = ("qian@metro.example", "zhao@metro.example")
CONFIGURED = """
[api]
public_url = "https://rounds.example"
[company]
name = "华君"
[mail]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "rounds@example.com"
"""


def configured(folder: Path, server: SmtpServer) -> Config:
    file = folder / "roundsman.toml"
    file.write_text(CONFIGURED.format(port=server.port), "utf-8")
    return load(file, folder)


def scheduled(desk: ReportDesk) -> None:
    new = NewSchedule(
        kind="sla", scope="contract", about="metro-c", cycle="month", recipients=TO, auto_issue=True, from_ms=at(0)
    )
    desk.put_schedule(new, deed=DEED)


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock(SETTLED)
    monkeypatch.setattr(clock, "now_ms", told)
    return told


# Shows S1-9.
def test_each_contact_gets_the_report_of_the_month_in_a_letter_of_their_own(
    view: View, desk: ReportDesk, tmp_path: Path, clock_at: Clock
) -> None:
    scheduled(desk)
    with smtp_server() as server:
        made = bureau(configured(tmp_path, server), view, world.desk(view).office)
        made.ask()
        made.ask()
        while made.maker.step() or made.post.step():
            pass

    (row,) = view.reports(EVERYTHING, ReportFilter())
    assert (row.state, row.problem) == ("issued", "")
    files = {one.form: b"".join(view.file_pieces(one.sha256)) for one in view.report_files(row.id)}
    assert set(files) == {"page", "pdf", "xlsx"}
    assert files["pdf"].startswith(b"%PDF-") and "SLA-2024-10-metro-c" in files["page"].decode()
    assert [one.to for one in server.letters] == [[one] for one in TO]
    for letter, other in zip(server.letters, reversed(TO), strict=True):
        assert other.encode() not in letter.raw
        parts = list(letter.message.iter_attachments())
        assert [part.get_filename() for part in parts] == ["SLA-2024-10-metro-c-1.pdf", "SLA-2024-10-metro-c-1.xlsx"]
        assert hashlib.sha256(parts[0].get_content()).digest() == hashlib.sha256(files["pdf"]).digest()
        text = letter.message.get_body(("plain",)).get_content()
        key = text.partition("https://rounds.example/confirm/")[2].split()[0]
        link = view.good_link(CONFIRM, key, SETTLED)
        assert link is not None and link.subject.startswith(f"report:{row.id}:")
    assert [one.state for one in view.report_letters(row.id)] == ["sent", "sent"]


def test_it_goes_on_until_it_is_told_to_stop(
    view: View, desk: ReportDesk, tmp_path: Path, clock_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled(desk)
    stopping, turns = threading.Event(), 0
    with smtp_server() as server:
        made = bureau(configured(tmp_path, server), view, world.desk(view).office)
        made.maker.setting = Press().setting()
        whole = Bureau.step

        def step(self: Bureau) -> bool:
            nonlocal turns
            turns += 1
            if turns == 1:
                raise RuntimeError("a bug")
            is_busy = whole(self)
            if not is_busy:
                stopping.set()
            return is_busy

        monkeypatch.setattr(Bureau, "step", step)
        monkeypatch.setattr("roundsman_collector.web.issuing.AFTER_TROUBLE_S", 0.0)
        made.run(stopping)

    assert [row.state for row in view.reports(EVERYTHING, ReportFilter())] == ["issued"]


# --- letters that do not go ------------------------------------------------------------------------------------------


def waiting(view: View, desk: ReportDesk) -> ReportRow:
    row = ask(view, desk)
    maker_row = desk.claim("a", SETTLED)
    assert maker_row is not None
    made = Made(known_ms=SETTLED, body="[]", digest="d", versions="{}", files=())
    desk.keep(maker_row, made, state="final", wake_at_ms=None, now_ms=SETTLED)
    return desk.issue(row.id, deed=Deed(who="li", at_ms=SETTLED), recipients=("a@x.cn",))


def test_a_letter_that_does_not_go_is_tried_again_ever_more_rarely_and_given_up(view: View, desk: ReportDesk) -> None:
    row, clock_ = waiting(view, desk), Clock(SETTLED)

    def down(letter: MailRow, report: ReportRow) -> None:
        raise Later("no answer")

    post = Post(view=view, desk=desk, send=down, now_ms=clock_)
    waits = []
    for _ in range(3):
        assert post.step()
        (letter,) = view.report_letters(row.id)
        assert letter.wake_at_ms is not None and (letter.state, letter.error) == ("new", "no answer")
        waits.append(letter.wake_at_ms - clock_.now_ms)
        clock_.now_ms = letter.wake_at_ms
    assert waits == [60_000, 120_000, 240_000]
    clock_.now_ms = letter.made_ms + GIVEN_UP_MS
    assert post.step()
    assert [one.state for one in view.report_letters(row.id)] == ["dead"]
    clock_.now_ms += 30 * DAY_MS
    assert not post.step()


def test_a_recipient_that_is_refused_is_told_at_once(view: View, desk: ReportDesk) -> None:
    row = waiting(view, desk)

    def refused(letter: MailRow, report: ReportRow) -> None:
        raise Never("no such mailbox")

    assert Post(view=view, desk=desk, send=refused, now_ms=Clock(SETTLED)).step()
    assert [(one.state, one.error) for one in view.report_letters(row.id)] == [("dead", "no such mailbox")]


def test_what_a_killed_maker_left_on_the_disk_is_removed_when_nobody_can_be_at_it(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("press-old", "press-young", "photos"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / ".report.pdf.1").write_bytes(b"%PDF half")
    long_ago = (clock.now_ms() - LEFT_MS) / 1000 - 60
    for folder in (old, other):
        os.utime(folder, (long_ago, long_ago))

    sweep(tmp_path)

    assert sorted(one.name for one in tmp_path.iterdir()) == ["photos", "press-young"]
