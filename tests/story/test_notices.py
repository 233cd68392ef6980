"""Being told, with real processes and other ends: `kill -9` of who sends and of who decides, and servers that hang."""

import contextlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.store import Batch, Deed, Filter, NoticeRow, Office, Store, TicketResolve
from tests.brokers import until
from tests.collector.notify.servers import HANG, hook, smtp_server
from tests.collector.store.cast import TODAY, staffed, ticket
from tests.story.site import Program, Site

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0
DEED = Deed(who="wang", at_ms=1)
NOW = TODAY


class Post:
    """A data folder with a store, an office and the delivery as a process; the engine is the test itself."""

    def __init__(self, folder: Path, smtp_port: int) -> None:
        (folder / "data").mkdir()
        database = folder / "data" / "roundsman.sqlite3"
        (folder / "roundsman.toml").write_text(
            f'[data]\nfolder = "data"\n[mail]\nhost = "127.0.0.1"\nport = {smtp_port}\nsecurity = "none"\n'
            'sender = "rounds@example.com"\n[api]\npublic_url = "https://rounds.example.com"\n'
        )
        self.store: Store = staffed(database)
        self.office = Office.open(database)
        argv = [sys.executable, "-m", "roundsman_collector.notify", "--data", str(folder / "data")]
        argv += ["--config", str(folder / "roundsman.toml")]
        self.delivery = Program("notify", argv, folder / "notify.log", {})

    def way(self, kind: str, target: str, language: str = "zh") -> int:
        return self.office.add_way(kind=kind, name="duty", target=target, language=language, deed=DEED).id

    def open(self) -> None:
        self.store.commit(Batch(now_ms=NOW, tickets=[ticket()]))

    def newest(self, way: int) -> NoticeRow:
        return self.office.notices(way=way, limit=1)[0]

    def await_state(self, way: int, state: str) -> NoticeRow:
        until(
            lambda: self.newest(way).state == state,
            f"the newest notice of way {way} is {state}; the delivery says:\n{self.delivery.tail()}",
            PATIENCE_S,
        )
        return self.newest(way)

    def close(self) -> None:
        self.delivery.abandon()
        self.office.close()
        self.store.close()


@contextlib.contextmanager
def post(folder: Path, smtp_port: int = 25) -> Iterator[Post]:
    made = Post(folder, smtp_port)
    try:
        yield made
    finally:
        made.close()


def test_a_delivery_killed_between_sending_and_marking_sends_again_what_can_be_recognised(tmp_path: Path) -> None:
    with smtp_server() as server, hook() as elsewhere, post(tmp_path, server.port) as site:
        mail, webhook = site.way("mail", "duty@example.com"), site.way("webhook", elsewhere.url)
        site.delivery.start(fault="notify.sent:2")
        site.open()
        site.delivery.await_kill()
        assert "new" in {site.newest(mail).state, site.newest(webhook).state}

        site.delivery.start()
        site.await_state(mail, "sent")
        site.await_state(webhook, "sent")
        site.delivery.stop()

        keys = [one.headers["Idempotency-Key"] for one in elsewhere.told.posts]
        ids = [letter.message["Message-ID"] for letter in server.letters]
        assert len(keys) + len(ids) >= 3, "one of them was sent twice"
        assert (len(set(keys)), len(set(ids))) == (1, 1), "and can be recognised"
        assert "https://rounds.example.com/tickets/2026-000001" in server.letters[0].part("plain")


def test_a_group_that_is_told_twice_after_a_kill_sees_that_it_is_the_same_notice(tmp_path: Path) -> None:
    with hook() as elsewhere, post(tmp_path) as site:
        elsewhere.told.answers, elsewhere.told.body = [200], b'{"errcode":0,"errmsg":"ok"}'
        group = site.way("wecom", elsewhere.url)
        site.delivery.start(fault="notify.sent:1")
        site.open()
        site.delivery.await_kill()
        assert site.newest(group).state == "new"

        site.delivery.start()
        site.await_state(group, "sent")
        site.delivery.stop()

        contents = [json.loads(one.body)["markdown"]["content"] for one in elsewhere.told.posts]
        assert len(contents) == 2
        assert contents[0] == contents[1]
        assert contents[0].splitlines()[-1] == f"巡检员 · {site.store.epoch}-{site.newest(group).id}"
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "roundsman.sqlite3")) as database:
            assert database.execute("SELECT count(DISTINCT bot), count(*) FROM bot_message").fetchone() == (1, 2)


def test_a_mail_server_that_hangs_holds_up_neither_the_engine_nor_another_way(tmp_path: Path) -> None:
    with smtp_server() as server, hook() as elsewhere, post(tmp_path, server.port) as site:
        server.answers["CONNECT"] = HANG
        mail, webhook = site.way("mail", "duty@example.com"), site.way("webhook", elsewhere.url)
        site.delivery.start()
        site.open()
        until(lambda: server.connections == 1, "the mail server is asked", PATIENCE_S)
        for _ in range(3):
            site.open()
        until(lambda: len(elsewhere.told.posts) == 4, "the other way is told of all", PATIENCE_S)
        assert site.newest(mail).state == "new"

        site.delivery.stop()
        assert site.newest(webhook).state == "sent"


def test_dead_letters_are_seen_and_rise_again(tmp_path: Path) -> None:
    with smtp_server() as server, post(tmp_path, server.port) as site:
        server.answers["RCPT"] = "550 5.1.1 no such user"
        mail = site.way("mail", "duty@example.com", "en")
        site.delivery.start()
        site.open()
        dead = site.await_state(mail, "dead")
        assert dead.error == "127.0.0.1 refuses the recipient: 550 5.1.1 no such user"

        server.answers.clear()
        site.office.retry_notice(dead.id, Deed(who="wang", at_ms=NOW))
        site.await_state(mail, "sent")
        assert server.letters[0].message["Subject"].strip().startswith("[New] Kiosk 7 (kiosk-7)")


def test_two_deliveries_on_one_folder_never_send_twice(tmp_path: Path) -> None:
    with hook() as elsewhere, post(tmp_path) as site:
        webhook = site.way("webhook", elsewhere.url)
        site.delivery.start()
        site.open()
        site.await_state(webhook, "sent")
        second = Program("second", site.delivery._argv, tmp_path / "second.log", {})
        second.start()
        until(lambda: not second.runs, "the second one ends", PATIENCE_S)

        assert "another delivery runs" in second.words()
        assert site.delivery.runs


def test_what_was_decided_before_the_power_went_is_told_after_it(tmp_path: Path) -> None:
    with hook() as elsewhere, post(tmp_path) as site:
        webhook = site.way("webhook", elsewhere.url)
        site.open()
        site.store.commit(Batch(now_ms=NOW + 5, tickets=[ticket("bus-31")]))
        site.store.commit(Batch(now_ms=NOW + 9, tickets=[TicketResolve(ticket=1, at_ms=NOW + 9, outcome="recovered")]))
        site.delivery.start()
        site.await_state(webhook, "sent")

        events = [one.headers["X-Roundsman-Event"] for one in elsewhere.told.posts]
        assert events == ["opened", "resolved"], "what was over by then is told once, as such"


def test_a_collector_killed_again_and_again_tells_of_every_ticket_once(tmp_path: Path) -> None:
    with hook() as elsewhere, Site.on("nats", tmp_path) as site:
        with Office.open(site.database) as office:
            every = Filter(events=("opened",))
            office.add_way(kind="webhook", name="all", target=elsewhere.url, filter_=every, deed=DEED)
        site.start()
        for point in ("store.in_commit:30", "store.after_commit:30"):
            site.until(lambda: len(elsewhere.told.posts) > 0, "somebody is told")
            site.collector.kill9()
            site.collector.start(fault=point)
            with site.explained():
                site.collector.await_kill()
            site.collector.start()
        site.await_records(20)
        site.until(lambda: _waiting(site.database) == 0, "all is told")
        site.settle()

        with contextlib.closing(sqlite3.connect(site.database)) as database:
            tickets = {row[0] for row in database.execute("SELECT id FROM ticket")}
            noticed = Counter(int(row[0].partition(":")[2]) for row in database.execute("SELECT key FROM notice"))
            states = {row[0] for row in database.execute("SELECT state FROM notice")}
        assert tickets, "there was something to tell"
        assert noticed == Counter(tickets), "a notice for each ticket, and no other"
        assert states <= {"sent", "over", "gathered"}


def _waiting(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        (count,) = opened.execute("SELECT count(*) FROM notice WHERE state = 'new'").fetchone()
        return int(count)
