"""The units for systemd and the script that installs the agent: hardened, complete, and telling the truth."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from roundsman_collector import enrol

ROOT = Path(__file__).resolve().parents[2]
UNITS = ("roundsman-agent.service", "roundsman-collector.service")
EXPOSURE_LIMIT = 2.5


def parsed(name: str) -> dict[str, dict[str, list[str]]]:
    """Sections, keys and all their values: a key may stand there several times."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (ROOT / "systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section].setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="module")
def systemd_analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")
    return program


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_exposes_little(systemd_analyze: str, name: str) -> None:
    said = subprocess.run(
        [systemd_analyze, "security", "--offline=yes", "--no-pager", str(ROOT / "systemd" / name)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= EXPOSURE_LIMIT, said


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line_of_a_unit(systemd_analyze: str, name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    text = (ROOT / "systemd" / name).read_text()
    unit.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.M))

    said = subprocess.run(
        [systemd_analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert [line for line in said.stderr.splitlines() if str(unit) in line or name in line] == []


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_a_user_of_its_own_a_watchdog_and_a_memory_limit(name: str) -> None:
    service = parsed(name)["Service"]

    who = name.removesuffix(".service").replace("roundsman-collector", "roundsman")
    assert (service["Type"], service["Restart"], service["User"]) == (["notify"], ["always"], [who])
    assert service["StateDirectory"] == [who]
    assert {"WatchdogSec", "MemoryMax", "TasksMax"} <= set(service)
    assert service["RestartPreventExitStatus"] == ["78"]
    assert service["CapabilityBoundingSet"] == [""]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_lets_the_clock_be_read(name: str) -> None:
    """ProtectClock forbids adjtimex(2) even for reading, and without it nobody knows whether NTP keeps the clock."""
    service = parsed(name)["Service"]

    assert "ProtectClock" not in service
    assert service["SystemCallFilter"][-1].split() == ["adjtimex", "clock_adjtime"]


def test_the_agents_unit_leaves_the_probes_what_they_read() -> None:
    service = parsed("roundsman-agent.service")["Service"]

    assert {"PrivateDevices", "PrivateNetwork", "ProcSubset"} & set(service) == set()
    assert {"char-ttyS rw", "char-ttyUSB rw", "char-ttyACM rw", "char-usb rw"} <= set(service["DeviceAllow"])
    assert "dialout" in service["SupplementaryGroups"][0].split()
    assert {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"} == set(service["RestrictAddressFamilies"][0].split())
    assert service["ProtectHome"] == ["read-only"]


def test_the_unit_and_the_script_agree_on_every_place() -> None:
    script = dict(re.findall(r"^([A-Z_]+)=(\S+)$", enrol.unit("install.sh"), re.M))
    service = parsed("roundsman-agent.service")["Service"]

    start = f"{script['PROGRAMS']}/bin/roundsman-agent run {script['SETTINGS']}/agent.toml"
    assert service["ExecStart"] == [start]
    assert (service["User"], service["Group"]) == ([script["USER_NAME"]], [script["USER_NAME"]])
    assert script["DATA"] == enrol.DATA_ON_DEVICE == f"/var/lib/{service['StateDirectory'][0]}"


def test_what_stands_in_systemd_is_what_travels_with_the_program() -> None:
    for name in (*UNITS, "install.sh"):
        assert (ROOT / "systemd" / name).read_text() == enrol.unit(name)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda kit, wheels: (kit / "agent.toml").unlink(), "agent.toml is not there"),
        (
            lambda kit, wheels: (wheels / "roundsman_agent-1-py3-none-any.whl").unlink(),
            "holds no roundsman_agent-*.whl",
        ),
        (
            lambda kit, wheels: (wheels / "roundsman_agent-2-py3-none-any.whl").touch(),
            "holds more than one roundsman_agent-*.whl",
        ),
        (
            lambda kit, wheels: (kit / "agent.toml").write_text('host = "..."\n'),
            "agent.toml has ... that nobody has filled in yet",
        ),
    ],
)
def test_the_script_changes_nothing_where_something_is_missing(tmp_path: Path, spoil: object, said: str) -> None:
    kit, wheels = tmp_path / "kit", tmp_path / "wheels"
    wheels.mkdir()
    for name in ("roundsman_wire", "roundsman_agent"):
        (wheels / f"{name}-1-py3-none-any.whl").touch()
    enrol.write_kit(kit, '[agent]\nid = "kiosk-7"\n')
    spoil(kit, wheels)  # type: ignore[operator]
    # Root's id and none of its powers: whatever would change the system is refused by name.
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("useradd", "install", "systemctl", "runuser"):
        (tools / name).write_text(f"#!/bin/sh\necho CHANGED {name} >&2\nexit 1\n")
        (tools / name).chmod(0o755)
    (tools / "id").write_text("#!/bin/sh\necho 0\n")
    (tools / "id").chmod(0o755)

    done = subprocess.run(
        ["sh", str(kit / "install.sh"), str(wheels)],
        env={"PATH": f"{tools}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert said in done.stderr
    assert "CHANGED" not in done.stderr
