"""`roundsman push-config`: what is wrong is told, what would change is shown, what is pushed is audited."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roundsman_collector.cli import app
from roundsman_collector.store import Batch, ErrandAnswer, PushRow, Store, View
from tests.collector.store.cast import TODAY, staffed

TOML = "[uplink]\nbatch_s = 900\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    staffed(tmp_path / "roundsman.sqlite3").close()
    (tmp_path / "new.toml").write_text(TOML, "utf-8")
    return tmp_path


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(app, ["push-config", *args, "--data", str(folder)])


def pushes(folder: Path, agent: str = "kiosk-7") -> list[PushRow]:
    with View.open(folder / "roundsman.sqlite3") as view:
        return view.pushes(agent, limit=10)


def test_a_file_is_pushed_and_stands_in_the_audit_log(folder: Path) -> None:
    done = run(folder, "kiosk-7", str(folder / "new.toml"), "--rollback-s", "300", "--note", "less")
    (row,) = pushes(folder)

    assert done.exit_code == 0, done.output
    assert "waits for the collector's engine" in done.output
    assert (row.body, row.rollback_s, row.note, row.made_by[:3]) == ({"uplink": {"batch_s": 900}}, 300, "less", "cli")
    with View.open(folder / "roundsman.sqlite3") as view:
        assert [one.verb for one in view.audit(limit=5, subject="agent:kiosk-7")] == ["config.push"]


def test_a_dry_run_shows_the_difference_and_pushes_nothing(folder: Path) -> None:
    done = run(folder, "kiosk-7", str(folder / "new.toml"), "--dry-run")

    assert done.exit_code == 0
    assert '+     "batch_s": 900' in done.output
    assert pushes(folder) == []


def test_a_secret_in_plain_is_refused_with_its_place_and_not_shown(folder: Path) -> None:
    file = folder / "bad.toml"
    file.write_text('[[device]]\nid = "a"\n[[device.probe]]\nname = "snmp"\ncommunity = "hunter2"\n', "utf-8")
    done = run(folder, "kiosk-7", str(file))

    assert done.exit_code == 2
    assert "device[1].probe[1].community" in done.output
    assert "hunter2" not in done.output
    assert pushes(folder) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("kiosk-9", "new.toml"), "there is no agent 'kiosk-9'"),
        (("kiosk-7", "missing.toml"), "cannot be read"),
        (("kiosk-7", "new.toml", "--rollback-s", "5"), "60 to 86400 s"),
        (("kiosk-7",), "give a file"),
        (("kiosk-7", "new.toml", "--withdraw"), "give a file"),
        (("kiosk-7", "--withdraw"), "nothing is pushed to it"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_reason(folder: Path, args: tuple[str, ...], said: str) -> None:
    done = run(folder, *(str(folder / one) if one.endswith(".toml") else one for one in args))

    assert done.exit_code == 2
    assert said in done.output
    assert pushes(folder) == []


def test_the_answer_of_the_agent_is_waited_for_and_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(_: float) -> None:
        (row,) = pushes(folder)
        with Store.open(folder / "roundsman.sqlite3") as store:
            said = ErrandAnswer(f"config:{row.hash}", 1, False, "refused: batch_s", TODAY)
            store.commit(Batch(now_ms=TODAY, errand_answers=[said]))

    monkeypatch.setattr("roundsman_collector.cli.push.time.sleep", answered)
    done = run(folder, "kiosk-7", str(folder / "new.toml"), "--wait", "5")

    assert done.exit_code == 1
    assert "was refused by the agent: refused: batch_s" in done.output


def test_what_was_pushed_is_withdrawn(folder: Path) -> None:
    run(folder, "kiosk-7", str(folder / "new.toml"))
    done = run(folder, "kiosk-7", "--withdraw")

    assert done.exit_code == 0
    assert pushes(folder)[0].state == "withdrawing"
