"""What the agent is asked: done at most once, answered, remembered, written down; also across kills and reboots."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import errands
from roundsman_agent.agent import Agent
from roundsman_agent.clock import Moment
from roundsman_agent.config import Commands
from roundsman_agent.deeds import BYTES, Deeds
from roundsman_agent.remembered import Memory
from tests.agent.cast import BOOT, START, T0, ToldClock, config, device, later, probe

pytestmark = pytest.mark.alone

CONSENT = "wang, by phone, kiosk-7: the screen is frozen"


class Desk:
    """An agent without a broker that is handed commands."""

    def __init__(self, folder: Path, allowed: Commands | None = None, *, at: Moment | None = None) -> None:
        self.folder = folder
        self.clock = ToldClock(at or START)
        asked = replace(config(str(folder / "data"), device("kiosk-7", "host")), commands=allowed or Commands())
        named = {"host": probe("host", lambda: {"host.cpu_percent": 1.0})}
        self.agent = Agent(asked, clock=self.clock, load=named.__getitem__, stopping=lambda: True)
        self.clock.advance(1)

    def ask(self, verb: str, name: str = "c-1", **said: Any) -> None:
        body = {"v": 1, "id": name, "verb": verb, "args": {}, "at": self.clock.now().wall, "expires_s": 600}
        body |= {"issued_by": "li", "consent": CONSENT}
        self.agent._errands.take(json.dumps({**body, **said}).encode(), self.clock.now())

    def play(self, happened: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline, f"not within 10 s: {what}"
            self.agent.step()
            time.sleep(0.002)

    def results(self) -> list[tuple[str, bool, str]]:
        return [(r["command"], r["ok"], r["detail"]) for r in self.records()]

    def records(self) -> list[dict[str, Any]]:
        return [dict(one) for one in self.agent.spool.unsettled(0, 10_000) if one["kind"] == "result"]

    def answer(self, count: int = 1) -> list[tuple[str, bool, str]]:
        self.play(lambda: len(self.results()) >= count, f"{count} results")
        return self.results()

    def deeds(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "data" / "commands.log").read_text().splitlines()]

    def kill(self) -> None:
        self.agent.uplink.close()
        self.agent.spool._abandon()
        self.agent._isolation.close()


def marks(folder: Path) -> Commands:
    """Restarting and rebooting leave a mark; neither does anything else."""
    mark = "import sys; open(sys.argv[1], 'a').write('x'); print('password=geheim')"
    return Commands(
        restart_app=(sys.executable, "-c", mark, str(folder / "restarted")),
        reboot=(sys.executable, "-c", mark, str(folder / "rebooted")),
    )


def made(folder: Path, name: str) -> int:
    path = folder / name
    return len(path.read_text()) if path.exists() else 0


# --- doing ------------------------------------------------------------------------------------------------------------


def test_an_application_is_restarted_once_however_often_it_is_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))

    desk.ask("restart_app")
    desk.ask("restart_app")
    assert desk.answer() == [("c-1", True, "restart_app: exit code 0")]
    desk.ask("restart_app")

    assert made(tmp_path, "restarted") == 1
    assert desk.records()[0]["output"] == "password=***"
    assert [(one["what"], one.get("by"), one.get("consent")) for one in desk.deeds()] == [
        ("accepted", "li", CONSENT),
        ("done", None, None),
    ]
    assert (tmp_path / "data" / "commands.log").stat().st_mode & 0o077 == 0
    desk.kill()


def test_what_fails_says_how(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Commands(restart_app=("/bin/sh", "-c", "echo no such unit; exit 5"), reboot=("/no/such",)))

    desk.ask("restart_app", "c-1")
    desk.answer(1)
    desk.ask("reboot", "c-2")
    found = desk.answer(2)

    assert found[0] == ("c-1", False, "restart_app: exit code 5")
    assert desk.records()[0]["output"] == "no such unit"
    assert found[1][:2] == ("c-2", False)
    assert "No such file" in found[1][2]
    desk.kill()


def test_a_log_is_shown_masked(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntel 13812345678\npwd=geheim\n")
    desk = Desk(tmp_path, Commands(logs={"app": str(log)}))

    desk.ask("log_tail", args={"log": "app", "lines": 2})

    assert desk.answer()[0][:2] == ("c-1", True)
    assert desk.records()[0]["output"] == "tel ***********\npwd=***\n"
    desk.kill()


def test_a_log_that_cannot_be_read_is_answered(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Commands(logs={"app": str(tmp_path / "gone.log")}))

    desk.ask("log_tail", args={"log": "app"})

    assert desk.answer() == [("c-1", False, f"log_tail: {tmp_path}/gone.log: No such file or directory")]
    desk.kill()


def test_the_agent_says_what_it_finds_in_itself(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    desk.ask("diagnose", args={"checks": "line, clock,disk"})

    assert desk.answer() == [("c-1", True, "3 checks: 2 ok, 0 warn, 1 fail")]
    lines = desk.records()[0]["output"].splitlines()
    assert lines[0] == "FAIL  line: not connected to the broker"
    assert lines[1] == "OK    clock: kept by NTP; no acknowledgement has told yet how far it is off"
    assert lines[2].startswith("OK    disk: ")
    desk.kill()


def test_an_inspection_that_gets_no_sample_ends(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask("inspect")
    desk.agent._errands.tend(later(errands.INSPECT_MS / 1000 + 2))

    assert desk.results() == [("c-1", False, "no sample yet of kiosk-7")]
    desk.kill()


# --- at most once -----------------------------------------------------------------------------------------------------


def test_a_reboot_has_its_result_after_the_boot(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))
    desk.ask("reboot")
    desk.play(lambda: made(tmp_path, "rebooted"), "the machine was told to reboot")
    desk.play(lambda: not desk.agent._errands._verbs, "it came back")
    assert desk.results() == []
    desk.kill()

    again = Desk(tmp_path, marks(tmp_path), at=replace(later(90), boot="another", mono=20_000))

    assert again.results() == [("c-1", True, "reboot: the machine has started again")]
    again.ask("reboot", at=T0 + 1_000)
    assert made(tmp_path, "rebooted") == 1
    again.kill()
    third = Desk(tmp_path, marks(tmp_path), at=replace(later(200), boot="third", mono=20_000))
    assert len(third.results()) == 1
    third.kill()


def test_a_reboot_that_does_not_come_is_said_after_five_minutes_also_by_the_next_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))
    desk.ask("reboot")
    desk.play(lambda: made(tmp_path, "rebooted"), "the machine was told to reboot")
    desk.kill()

    again = Desk(tmp_path, marks(tmp_path), at=later(100))
    again.agent.step()
    assert again.results() == []
    again.clock.advance(300)
    again.agent.step()

    assert again.results() == [("c-1", False, "reboot: the machine was told to and did not go down within 5 minutes")]
    assert made(tmp_path, "rebooted") == 1
    again.kill()


def test_one_thing_is_changed_at_a_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))

    desk.ask("reboot", "c-1")
    desk.ask("restart_app", "c-2")

    assert desk.results() == [("c-2", False, "another command that changes something is not over yet")]
    assert made(tmp_path, "restarted") == 0
    desk.play(lambda: made(tmp_path, "rebooted"), "the first goes on")
    desk.kill()


def test_with_its_memory_lost_the_agent_does_nothing_that_was_asked_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))
    desk.ask("restart_app")
    desk.answer()
    desk.kill()
    (tmp_path / "data" / "commands.json").unlink()

    again = Desk(tmp_path, marks(tmp_path), at=later(60))
    again.ask("restart_app", at=T0 + 1_000)

    assert "it was asked before" in again.results()[-1][2]
    assert made(tmp_path, "restarted") == 1
    again.ask("restart_app", "c-2")
    assert again.answer(3)[-1] == ("c-2", True, "restart_app: exit code 0")
    again.kill()


def test_what_cannot_be_remembered_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path, marks(tmp_path))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("roundsman_agent.sealed.replace_file", full)
    desk.ask("restart_app")

    assert desk.results() == [("c-1", False, "it cannot be remembered: No space left on device")]
    assert made(tmp_path, "restarted") == 0
    desk.kill()


def test_what_cannot_be_written_down_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path))
    (tmp_path / "data" / "commands.log").mkdir()

    desk.ask("restart_app")

    assert "cannot be written" in desk.results()[0][2]
    assert made(tmp_path, "restarted") == 0
    desk.kill()


CHILD = """
import json, sys, time
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from roundsman_agent import fault
from tests.agent.test_errands import Desk, marks
folder = Path(sys.argv[1])
fault.arm(sys.argv[2])
desk = Desk(folder, marks(folder))
desk.ask("restart_app", at=desk.clock.now().wall)
desk.answer()
"""


@pytest.mark.parametrize(
    ("point", "times", "ok"),
    [("command.after_accept", 0, False), ("command.after_deed", 1, False), ("command.after_result", 1, True)],
)
def test_killed_at_any_point_it_is_done_at_most_once_and_has_one_result(
    tmp_path: Path, point: str, times: int, ok: bool
) -> None:
    root = str(Path(__file__).resolve().parents[2])
    killed = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), point, root], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL

    desk = Desk(tmp_path, marks(tmp_path), at=later(30))
    desk.ask("restart_app", at=T0 + 1_000)  # the broker brings it again

    (found,) = desk.results()
    assert found[:2] == ("c-1", ok)
    assert ok or "not known" in found[2]
    assert made(tmp_path, "restarted") == times
    assert Memory(str(tmp_path / "data"), desk.clock.now()).pending() == []
    desk.kill()


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_flood_is_answered_at_a_bounded_rate_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(tmp_path)
    for n in range(5_000):
        desk.ask("shell", f"f-{n}")
    desk.clock.advance(10)
    desk.ask("birth", "c-after")

    found = desk.results()
    assert len(found) == errands.BURST + 1
    assert found[-1] == (
        "c-after", True, f"said ({5_000 - errands.BURST} other commands were neither done nor answered: too many came)",
    )  # fmt: skip
    assert sum("too many come" in one.getMessage() for one in caplog.records) == 1
    assert (tmp_path / "data" / "commands.log").stat().st_size < BYTES
    desk.kill()


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"[]", b'{"id": {}}', b"[" * 5_000, b"x" * 1_000_000])
def test_garbage_is_told_once_and_changes_nothing(
    tmp_path: Path, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    for _ in range(100):
        desk.agent._errands.take(payload, desk.clock.now())

    assert desk.results() == []
    assert sum("is no command" in one.getMessage() for one in caplog.records) == 1
    assert not os.path.exists(tmp_path / "data" / "commands.json")
    desk.kill()


def test_a_clock_that_steps_makes_no_old_command_fresh(tmp_path: Path) -> None:
    desk = Desk(tmp_path, marks(tmp_path), at=replace(START, ntp=False))
    from roundsman_agent.clock import offset

    now = desk.clock.now()
    found = offset(at=now.wall, echo=now.mono - 100, now=now)
    assert found is not None
    desk.agent._take_offset(found, now)
    asked = now.wall
    desk.clock.moment = replace(later(86_400), wall=T0, ntp=False)  # a day later, the clock set back by it

    desk.ask("restart_app", at=asked)

    assert "expired" in desk.results()[0][2]
    assert made(tmp_path, "restarted") == 0
    desk.kill()


def test_the_record_of_deeds_is_bounded(tmp_path: Path) -> None:
    deeds = Deeds(str(tmp_path))
    for n in range(2_000):
        assert deeds.write(START, id=f"c-{n}", what="accepted", consent="x" * 100)

    sizes = [(tmp_path / name).stat().st_size for name in ("commands.log", "commands.log.1")]
    assert all(0 < size <= BYTES for size in sizes)
    assert json.loads((tmp_path / "commands.log").read_text().splitlines()[-1])["id"] == "c-1999"
    assert BOOT in (tmp_path / "commands.log").read_text()
