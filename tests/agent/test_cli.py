"""The program as people and supervisors see it: words, exit codes, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import cli, probes
from roundsman_agent.spool import Spool
from tests.agent.cast import START
from tests.agent.tiny_broker import TinyBroker, until

pytestmark = pytest.mark.alone

CONFIG = """
[agent]
id = "gw-2"
group = "south"
data = "data"
[broker]
host = "127.0.0.1"
port = {port}
[spool]
free_floor_bytes = 0
[uplink]
reconnect_min_s = 0.1
[[device]]
id = "kiosk-7"
kind = "kiosk"
local = true
period_s = 1
[[device.probe]]
name = "host"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(port=1))
    return path


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


def started(*arguments: object, **more: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "roundsman_agent", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def ended(process: "subprocess.Popen[str]", number: int | None = None) -> tuple[int, str]:
    if number is not None:
        process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def test_check_writes_the_normalised_form_and_says_where(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(config)]) == 0

    path = capsys.readouterr().out.strip()
    assert path == str(config.parent / "data" / "config.json")
    assert json.loads(Path(path).read_text())["agent"]["id"] == "gw-2"


def test_check_tells_mistakes_and_exits_as_a_supervisor_understands(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.format(port=99_999))

    assert cli.main(["check", str(config)]) == 78
    assert capsys.readouterr().err == f"{config}:8: broker.port: expected less than or equal to 65535, got 99999\n"


def test_run_does_not_start_on_a_wrong_configuration(config: Path) -> None:
    config.write_text(CONFIG.format(port=1).replace('name = "host"', 'name = "hots"'))

    code, errors = ended(started("run", config))

    assert code == 78
    assert "device kiosk-7, probe hots: there is no such probe; expected 'host'?" in errors


def test_run_reports_until_it_is_stopped_in_order(config: Path, broker: TinyBroker) -> None:
    config.write_text(CONFIG.format(port=broker.port))
    process = started("run", config)
    until(lambda: len(broker.leaf("report")) >= 2, "two reports")

    code, errors = ended(process, signal.SIGTERM)

    assert (code, broker.leaf("state")[-1]["state"]) == (0, "offline"), errors
    assert broker.leaf("birth")[0]["devices"][0]["device"] == "kiosk-7"
    assert "Traceback" not in errors
    spool = Spool.open(str(config.parent / "data"), now=START, free_floor_bytes=0)
    assert spool.losses() == []
    spool._abandon()


def test_a_killed_agent_goes_on_with_everything_it_had_taken(config: Path, broker: TinyBroker) -> None:
    config.write_text(CONFIG.format(port=broker.port))
    process = started("run", config)
    until(lambda: len(broker.leaf("report")) >= 2, "two reports")
    ended(process, signal.SIGKILL)
    before = broker.leaf("birth")[0]
    broker.published.clear()

    again = started("run", config)
    until(lambda: broker.leaf("birth") and broker.leaf("history"), "the second life and its backlog")
    code, _ = ended(again, signal.SIGINT)

    after = broker.leaf("birth")[0]
    assert code == 0
    assert after["session"] > before["session"]
    assert after["streams"][0]["id"] == before["streams"][0]["id"]
    assert after["streams"][0]["oldest"] == 1


def test_a_fault_kills_at_its_point(config: Path, broker: TinyBroker) -> None:
    config.write_text(CONFIG.format(port=broker.port))

    code, _ = ended(started("run", config, env={**os.environ, "ROUNDSMAN_FAULT": "uplink.after_birth"}))

    assert code == -signal.SIGKILL
    until(lambda: broker.leaf("birth"), "the birth came through")


def test_an_unknown_fault_is_refused(config: Path) -> None:
    code, errors = ended(started("run", config, env={**os.environ, "ROUNDSMAN_FAULT": "nowhere"}))

    assert code == 2
    assert "there is no point 'nowhere'; there are start.after_lock" in errors


def test_a_second_agent_in_the_same_folder_is_sent_away(config: Path) -> None:
    first = started("run", config)
    until((config.parent / "data" / "head.json").exists, "the first one has its spool")

    code, errors = ended(started("run", config))

    assert code == 75
    assert "another agent works in this data folder" in errors
    ended(first, signal.SIGTERM)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's: use Linux")
def test_with_die_with_parent_the_agent_ends_when_its_parent_is_killed(config: Path) -> None:
    parent_code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-m', 'roundsman_agent', 'run', '--die-with-parent', sys.argv[1]])\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code, config], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until((config.parent / "data" / "head.json").exists, "the agent runs")

    parent.kill()
    parent.communicate()

    def is_gone() -> bool:
        with suppress(ProcessLookupError):
            os.kill(child, 0)
            return "\nState:\tZ" in Path(f"/proc/{child}/status").read_text()
        return True

    until(is_gone, "the agent ended")


def test_once_reads_this_machine_without_any_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["once", "--probe", "host", "--json"]) == 0

    (sample,) = json.loads(capsys.readouterr().out)
    assert sample["readings"]["host.cpu_percent"] is not None


def test_once_reads_every_device_of_a_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["once", str(config)]) == 0

    assert capsys.readouterr().out.splitlines()[0] == "kiosk-7"
    assert not (config.parent / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["once"], 2, "expected a configuration, --probe NAME or --replay FILE"),
        (["once", "--probe", "hots"], 78, "there is no probe 'hots'"),
        (["once", "--probe", "host", "--set", "x"], 78, "expected KEY=VALUE"),
        (["once", "--probe", "host", "--set", "x=1"], 78, "has no setting 'x'"),
        (["once", "--probe", "host", "--target", "here"], 78, "probe host reads this machine, it has no target"),
        (["once", "--probe", "host", "--replay", "x"], 2, "expected a configuration, --probe NAME or --replay FILE"),
        (["once", "--replay", "missing", "--model", "x"], 2, "go with --probe NAME"),
        (["once", "--replay", "missing.json"], 78, "--replay missing.json: cannot be read"),
        (["run", "missing.toml"], 78, "missing.toml: No such file"),
        (["run", "missing.json"], 78, "missing.json: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_wrong_words_are_answered_with_what_was_expected(
    arguments: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == code
    assert said in capfd.readouterr().err


def test_a_device_that_does_not_answer_makes_once_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["once", "--probe", "escpos", "--set", f"port={tmp_path}/none"]) == 1

    assert "no_port" in capsys.readouterr().out


def test_probes_lists_every_probe_with_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["probes"]) == 0

    listed = capsys.readouterr().out
    assert [line for line in listed.splitlines() if not line.startswith(" ")] == list(probes.names())
    assert "required" in listed


def test_an_idle_agent_costs_next_to_nothing(config: Path) -> None:
    config.write_text(CONFIG.format(port=1).replace("period_s = 1", "period_s = 60"))
    process = started("run", config)
    until((config.parent / "data" / "head.json").exists, "the agent runs")

    def ticks() -> int:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def rests() -> bool:
        before = ticks()
        time.sleep(2.0)
        return ticks() - before <= 10  # of 200 ticks

    until(rests, "its start is over, its first poll done, and it does not spin while nobody listens")
    ended(process, signal.SIGTERM)
