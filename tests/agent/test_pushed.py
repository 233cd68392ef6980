"""The journal of pushed configurations: what follows what, and that a damaged file is as good as none."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_agent import pushed, sealed
from roundsman_agent.pushed import STARTS, Answer, Journal, Pushed
from tests.agent.cast import START, later

LOCAL = "10ca10ca10ca"


def one(name: str) -> Pushed:
    return Pushed(hash=name * 12, body={"uplink": {}}, tables={"uplink": {}}, local=LOCAL)


A, B = one("a"), one("b")
ON_TRIAL = pushed.tried(Journal(settled=A), B, 600, START)


def words(journal: Journal) -> list[str]:
    return [f"{answer.hash[0]} {'ok' if answer.ok else 'no'}: {answer.why}" for answer in journal.answers]


def test_what_is_confirmed_is_settled_and_told() -> None:
    journal = pushed.confirmed(ON_TRIAL)

    assert (journal.settled, journal.trial, words(journal)) == (B, None, ["b ok: in force"])


def test_what_fails_gives_way_to_what_was_settled_and_is_not_tried_again() -> None:
    journal = pushed.rolled_back(ON_TRIAL, "no acknowledgement within 600 s")

    assert (journal.in_force, journal.turned_down) == (A, B.hash)
    assert words(journal) == [
        "b no: rolled back: no acknowledgement within 600 s; aaaaaaaaaaaa is in force again",
    ]


def test_the_first_that_fails_gives_way_to_the_agents_own_file() -> None:
    journal = pushed.rolled_back(pushed.tried(Journal(), B, 600, START), "why")

    assert journal.in_force is None
    assert "the agent's own file is in force again" in words(journal)[0]


def test_another_one_ends_a_trial_and_lets_the_turned_down_come_again() -> None:
    journal = pushed.tried(replace(ON_TRIAL, turned_down="c" * 12), A, 60, START)

    assert (journal.in_force, journal.turned_down) == (A, "")
    assert words(journal) == ["b no: another one came before this one was confirmed"]


def test_a_trial_has_so_many_starts_and_no_more() -> None:
    journal = ON_TRIAL
    for _ in range(STARTS):
        journal = pushed.started(journal, LOCAL, START)
        assert journal.in_force == B

    journal = pushed.started(journal, LOCAL, START)

    assert (journal.in_force, journal.turned_down) == (A, B.hash)
    assert "started 3 times and was never confirmed" in words(journal)[0]


def test_a_settled_one_may_be_started_as_often_as_it_likes() -> None:
    journal = Journal(settled=A)

    for _ in range(10):
        journal = pushed.started(journal, LOCAL, START)

    assert journal == Journal(settled=A)


def test_in_the_same_boot_the_time_of_a_trial_goes_on_in_another_it_begins_again() -> None:
    same = pushed.started(ON_TRIAL, LOCAL, later(500)).trial
    other = pushed.started(ON_TRIAL, LOCAL, replace(later(500), boot="another", mono=7)).trial

    assert same is not None
    assert other is not None
    assert (pushed.is_overdue(same, later(599)), pushed.is_overdue(same, later(600))) == (False, True)
    assert (other.boot, other.mono) == ("another", 7)


@pytest.mark.parametrize("journal", [Journal(settled=A), ON_TRIAL], ids=["settled", "on trial"])
def test_what_the_operator_changed_wins_until_another_is_pushed(journal: Journal) -> None:
    now = pushed.started(journal, "another0file", START)

    assert now.in_force is None
    assert now.turned_down == (journal.in_force or A).hash
    assert "set aside: the agent's own file was changed" in words(now)[0]


def test_what_is_to_be_told_stays_little() -> None:
    journal = Journal()
    for n in range(30):
        journal = pushed.refused(journal, f"{n:012x}", "x" * 100_000)

    assert [answer.hash for answer in journal.answers] == [f"{n:012x}" for n in range(22, 30)]
    assert len(journal.answers[0].why) < 5_000


FULL = Journal(
    settled=A,
    trial=ON_TRIAL.trial,
    turned_down="c" * 12,
    ignored=17,
    answers=(Answer(hash="d" * 12, ok=False, why="schlecht 不好"),),
)


def test_the_file_gives_back_what_was_written_and_is_for_its_owners_eyes(tmp_path: Path) -> None:
    pushed.write(str(tmp_path), FULL)

    assert pushed.read(str(tmp_path)) == FULL
    assert stat.S_IMODE(os.stat(tmp_path / "pushed.json").st_mode) == 0o600


def test_a_folder_without_the_file_has_nothing_pushed(tmp_path: Path) -> None:
    assert pushed.read(str(tmp_path)) == Journal()


def test_a_file_that_is_damaged_anywhere_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pushed.write(str(tmp_path), FULL)
    path = tmp_path / "pushed.json"
    good = path.read_bytes()
    outcomes = set()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x15]) + good[at + 1 :])
        outcomes.add(pushed.read(str(tmp_path)) == Journal())
        path.write_bytes(good[:at])
        outcomes.add(pushed.read(str(tmp_path)) == Journal())

    assert outcomes == {True}
    assert "the agent's own file is in force" in caplog.text


@pytest.mark.parametrize("body", ["[]", "null", "{}", '{"crc": 0}', '{"crc": 0, "settled": 7}'])
def test_another_thing_in_its_place_counts_as_none(tmp_path: Path, body: str) -> None:
    (tmp_path / "pushed.json").write_text(body)

    assert pushed.read(str(tmp_path)) == Journal()


def test_a_checksum_that_is_right_over_wrong_content_helps_nothing(tmp_path: Path) -> None:
    body = {"settled": 7, "trial": None, "turned_down": "", "ignored": 0, "answers": []}
    sealed.write(str(tmp_path / "pushed.json"), body)

    assert pushed.read(str(tmp_path)) == Journal()
