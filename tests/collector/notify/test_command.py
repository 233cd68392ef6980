"""`roundsman notify`: who is told, tried and mended from the command line."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roundsman_collector.cli import app, notify
from roundsman_collector.config import DATABASE
from roundsman_collector.notify.delivery import Delivery
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject
from roundsman_collector.roles import Scope
from roundsman_collector.store import Batch, Deed, Office, Outbox, Store, WayRow
from tests.collector.store.cast import TODAY, staffed, ticket


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with staffed(tmp_path / DATABASE) as opened:
        yield opened


def roundsman(tmp_path: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["notify", *map(str, arguments), "--data", str(tmp_path)], prog_name="roundsman")


@pytest.fixture
def refusing(store: Store, tmp_path: Path) -> Iterator[list[str]]:
    """A delivery to an end that refuses whatever goes to `no@…`; returns who was told."""
    told: list[str] = []

    def post(_: Facts, way: WayRow) -> None:
        if way.target.startswith("no@"):
            raise Reject("550 no such user")
        told.append(way.target)

    stopping = threading.Event()
    with Outbox.open(tmp_path / DATABASE) as outbox:
        delivery = Delivery(outbox, {"mail": post}, {})
        thread = threading.Thread(target=delivery.run, args=(stopping,))
        thread.start()
        yield told
        stopping.set()
        thread.join(10)


def test_a_way_is_added_listed_disabled_and_enabled(store: Store, tmp_path: Path) -> None:
    added = roundsman(tmp_path, "add", "mail", "duty@example.com", "--name", "Duty", "--severity", "major")
    assert (added.exit_code, added.stdout) == (0, "way 1\n")
    hook = roundsman(tmp_path, "add", "webhook", "https://hooks.example.com/in?key=s3cret", "--group", "south")
    assert hook.stdout.startswith("way 2\nsecret ")
    roundsman(tmp_path, "disable", 1)

    listed = roundsman(tmp_path, "list").stdout
    assert "duty@example.com" in listed and "major  (disabled)" in listed
    assert "groups: south" in listed and "https://hooks.example.com/••••" in listed
    assert "s3cret" not in listed and hook.stdout.split()[-1] not in listed
    roundsman(tmp_path, "enable", 1)
    assert "(disabled)" not in roundsman(tmp_path, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pigeon", "roof"], "expected one of mail, webhook, wecom, dingtalk, feishu"),
        (["mail", "nobody"], "expected one mail address"),
        (["webhook", "ftp://x/"], r"expected http"),
        (["mail", "a@b.example", "--lang", "tlh"], "expected zh or en"),
        (["mail", "a@b.example", "--severity", "grave"], "expected one of urgent, major, minor"),
        (["mail", "a@b.example", "--quiet", "24x7"], "expected an hour in which something may be told"),
        (["mail", "a@b.example", "--daily", "noon"], "expected HH:MM"),
        (["mail", "a@b.example", "--person", "ghost"], "there is nobody ghost"),
        (["mail", "a@b.example", "--secret-file", "/nowhere"], "cannot be read"),
        (["mail", "a@b.example", "--secret-file", __file__], "this secret cannot be used"),
        (["mail", "a@b.example", "--event", "lost"], "expected some of opened, called_again, dispatched"),
    ],
)
def test_what_cannot_be_a_way_is_refused(store: Store, tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = roundsman(tmp_path, "add", *arguments)

    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_bot_that_is_told_by_night_only_of_what_nobody_answers(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECabc\n")
    target = "https://oapi.dingtalk.com/robot/send?access_token=s3cret"
    quiet = ("--quiet", "22:00-07:00", "--urgent-passes", "--after", 30, "--repeat", 10)
    added = roundsman(tmp_path, "add", "dingtalk", target, "--name", "Group", "--secret-file", secret, *quiet)

    assert (added.exit_code, added.stdout) == (0, "way 1\n")
    listed = roundsman(tmp_path, "list").stdout
    assert "quiet 22:00-07:00; after 30 min; again every 10 min" in listed
    assert "s3cret" not in listed and "SECabc" not in listed
    with Office.open(tmp_path / DATABASE) as office:
        assert office.ways()[0].secret == "SECabc"


def test_somebodys_own_way_hears_of_their_duty_and_their_sites_unless_told_otherwise(
    store: Store, tmp_path: Path
) -> None:
    with Office.open(tmp_path / DATABASE) as office:
        deed = Deed(who="boss", at_ms=TODAY)
        office.add_person("li", name="Li", role="engineer", scope=Scope(everything=True), deed=deed)
    usual = roundsman(tmp_path, "add", "mail", "li@example.com", "--person", "li")
    roundsman(tmp_path, "add", "mail", "li@example.com", "--person", "li", "--also", "duty", "--backup", 30)
    roundsman(tmp_path, "add", "mail", "li@example.com", "--person", "li", "--also", "nothing")
    wrong = roundsman(tmp_path, "add", "mail", "li@example.com", "--person", "li", "--also", "all")

    assert usual.exit_code == 0
    assert (wrong.exit_code, "expected some of responsible, duty" in wrong.stderr) == (2, True)
    lines = roundsman(tmp_path, "list").stdout.splitlines()
    assert [line.partition("of li")[2] for line in lines] == [
        "; also responsible, duty; backup after 15 min",
        "; also duty; backup after 30 min",
        "",
    ]


def test_a_test_says_what_became_of_it(refusing: list[str], tmp_path: Path) -> None:
    roundsman(tmp_path, "add", "mail", "duty@example.com")
    roundsman(tmp_path, "add", "mail", "no@example.com")

    good, bad = roundsman(tmp_path, "test", 1), roundsman(tmp_path, "test", 2)

    assert (good.exit_code, good.stdout) == (0, "sent: the other end has taken it\n")
    assert (bad.exit_code, bad.stderr) == (1, "error: 550 no such user\n")
    assert refusing == ["duty@example.com"]


def test_a_test_without_a_collector_says_so(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "TEST_WITHIN_S", 0.1)
    roundsman(tmp_path, "add", "mail", "duty@example.com")

    tried = roundsman(tmp_path, "test", 1)

    assert tried.exit_code == 75
    assert "does the collector run?" in tried.stderr


def test_the_dead_are_shown_and_tried_again(store: Store, tmp_path: Path) -> None:
    roundsman(tmp_path, "add", "mail", "no@example.com")
    store.commit(Batch(now_ms=TODAY, tickets=[ticket(), ticket()]))
    with Outbox.open(tmp_path / DATABASE) as outbox:
        for _ in range(2):
            waiting = outbox.next(1, TODAY, lately_ms=1, limit=30)
            assert waiting is not None
            outbox.dead(waiting.notice, TODAY, "550 no such user")

    dead = roundsman(tmp_path, "dead").stdout.splitlines()
    assert [line.split()[0] for line in dead] == ["2", "1"]
    assert "2026-000001" in dead[1] and dead[1].endswith("550 no such user")
    assert "2 could not be told" in roundsman(tmp_path, "list").stderr
    assert roundsman(tmp_path, "retry", 1).stdout == "1 will be tried now\n"
    assert roundsman(tmp_path, "retry", "--way", 1).stdout == "1 will be tried now\n"
    assert roundsman(tmp_path, "dead").stdout == ""
    again = roundsman(tmp_path, "retry", 1)
    assert (again.exit_code != 0, "not dead" in again.stderr) == (True, True)
    assert roundsman(tmp_path, "retry").exit_code == 2
    with Office.open(tmp_path / DATABASE) as office:
        assert office.count_notices() == {"new": 2, "dead": 0}
