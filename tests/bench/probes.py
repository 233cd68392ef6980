"""Probes: ms, CPU and bytes of a visit of each; CPU and memory of agents with each world's set, beside collectd.

    make bench ONLY=probes                                    each probe 50 times, then ten minutes of three agents
    make bench ONLY="probes --visits 10 --seconds 120"        a quick look; --seconds 0: the visits alone

    visits    in this process, one after the other, against a small device or server on this machine (_counterparts.py):
              milliseconds by the clock, CPU of the visiting thread and of programs it starts, bytes both ways. The
              first visit, which imports and learns, is told apart
    sets      three agents as they run on machines, each visiting once a minute, connected to a broker, acknowledged by
              a collector. CPU is the whole process tree's, ended children included, after the first half minute
                  kiosk-7   host, app, smart, escpos, usb, http, ping, nut
                  gw-2      host, a recorder of sixteen channels by isapi and rtsp, twenty devices by snmp
                  bus-31    host, nmea, modem, obd
    collectd  Debian's, with like work once a minute: cpu, memory, df, disk, interface, ping, into CSV files

A probe that does not exist yet, or whose other side is not installed, is left out and said to be.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from roundsman_agent import probes
from roundsman_agent.probe import complete
from roundsman_agent.probes import usb
from tests.bench._agents import COMMUNITY, agent_argv, cpu_s, memory, own, process, program, register, snmpd
from tests.bench._counterparts import COUNTERPARTS, Counterpart, Missing, toml
from tests.bench._machine import facts
from tests.brokers import nats_broker

SETS: Mapping[str, Sequence[str]] = {
    "kiosk-7": ("host", "app", "smart", "escpos", "usb", "http", "ping", "nut"),
    "gw-2": ("host", "isapi", "rtsp"),
    "bus-31": ("host", "nmea", "modem", "obd"),
}
"""Which probes visit the machine itself and what hangs on it."""
ROOM = 20
"""Devices that gw-2 asks by SNMP."""
AIMS = {"cpu_percent_of_a_core": 0.3, "pss_mb": {"kiosk-7": 22, "gw-2": 34, "bus-31": 22}}
PERIOD_S = 60
WARM_S = 30.0
AS_A_SERVICE = {"MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"}
"""As systemd/roundsman-agent.service says."""
COLLECTD = """
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
Interval 60
FQDNLookup false
Hostname "kiosk-7"
LoadPlugin cpu
LoadPlugin memory
LoadPlugin df
LoadPlugin disk
LoadPlugin interface
{ping}
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
</Plugin>
"""
PING = """
LoadPlugin ping
<Plugin ping>
  Host "127.0.0.1"
  Interval 60
</Plugin>
"""


class Watched(NamedTuple):
    """A program that is measured, and the probes it could not be given."""

    argv: list[str]
    left_out: list[str]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--visits", type=int, default=50, help="how often each probe visits")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the agents run before they are measured")
    parser.add_argument("--only", nargs="*", default=[], help="names of probes; default: all")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        visits = {name: _visits(name, folder, arguments.visits) for name in arguments.only or probes.names()}
        sets = _sets(folder, arguments.seconds) if arguments.seconds else {}
        return {"visits": visits, "sets": sets, "aims": AIMS, "machine": facts()}
    finally:
        shutil.rmtree(folder)


# --- visits -----------------------------------------------------------------------------------------------------------


def _visits(name: str, folder: Path, times: int) -> dict[str, object] | str:
    if name not in COUNTERPARTS:
        return "left out: it has no counterpart in tests/bench/_counterparts.py"
    place = folder / f"visit-{name}"
    place.mkdir()
    try:
        with COUNTERPARTS[name](place) as other:
            return _measured(name, other, times)
    except Missing as missing:
        return f"left out: {missing}"


def _measured(name: str, other: Counterpart, times: int) -> dict[str, object]:
    probe = probes.load(name)
    settings = complete(probe, other.settings)
    walls, before = [], 0
    used = 0.0
    for visit in range(times + 1):
        if visit == 1:
            used, before = _cpu(), other.moved() if other.moved else 0
        began = time.perf_counter()
        answer = probe.parse(probe.fetch(settings), settings)
        walls.append(1000 * (time.perf_counter() - began))
    if all(value is None for value in answer.readings.values()):
        raise SystemExit(f"{name} does not read its counterpart: {answer}")
    moved = (other.moved() - before) / times if other.moved else answer.bytes_moved
    return {
        "readings": len(answer.readings),
        "first_ms": round(walls[0], 1),
        "ms": round(statistics.median(walls[1:]), 2),
        "slowest_ms": round(max(walls[1:]), 1),
        "cpu_ms": round(1000 * (_cpu() - used) / times, 2),
        "bytes": None if moved is None else round(moved),
    }


def _cpu() -> float:
    """Of this thread, and of the programs that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.thread_time() + children.ru_utime + children.ru_stime


# --- sets -------------------------------------------------------------------------------------------------------------


def _sets(folder: Path, seconds: float) -> dict[str, object]:
    with contextlib.ExitStack() as parts:
        broker = parts.enter_context(nats_broker(folder))
        room = parts.enter_context(snmpd(folder, ROOM))
        devices = {agent: [agent] for agent in SETS} | {"gw-2": ["gw-2", *(f"ups-{n}" for n in range(1, ROOM + 1))]}
        config = register(folder, broker, devices)
        parts.enter_context(process([own("roundsman"), "up", "--config", str(config)], folder / "collector.log"))
        watched: dict[str, Watched] = {}
        for agent, names in SETS.items():
            said, left_out = parts.enter_context(_machine(folder, agent, names))
            if agent == "gw-2":
                said += "".join(_asked_by_snmp(n, room) for n in range(1, ROOM + 1))
            argv = agent_argv(folder, broker, agent, said)
            _answers(argv[-1])
            watched[agent] = Watched(argv, left_out)
        if (collectd := _collectd(folder)) is not None:
            watched["collectd"] = collectd
        running = {
            name: parts.enter_context(process(one.argv, folder / f"{name}.log", {**os.environ, **AS_A_SERVICE}))
            for name, one in watched.items()
        }
        time.sleep(min(WARM_S, seconds / 2))
        cpu, begin = {name: cpu_s(one.pid) for name, one in running.items()}, time.monotonic()
        time.sleep(max(0.0, seconds - WARM_S))
        passed = time.monotonic() - begin
        found = {
            name: {
                **memory(one.pid),
                "cpu_percent_of_a_core": round(100 * (cpu_s(one.pid) - cpu[name]) / passed, 3),
                "left_out": watched[name].left_out,
            }
            for name, one in running.items()
        }
    return {"seconds": seconds, **found, "over_collectd": _ratios(found)}


@contextlib.contextmanager
def _machine(folder: Path, agent: str, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """TOML of a machine with all probes of its set that there are; and those that there are not."""
    said, left_out = f'[[device]]\nid = "{agent}"\nkind = "kiosk"\nlocal = true\nperiod_s = {PERIOD_S}.0\n', []
    with contextlib.ExitStack() as parts:
        for name in names:
            place = folder / f"{agent}-{name}"
            place.mkdir()
            try:
                if name not in probes.names():
                    raise Missing("there is no such probe")
                if name == "usb" and not Path("/", usb.FOLDER).is_dir():
                    raise Missing("this machine has no USB")
                if name not in COUNTERPARTS:
                    raise Missing("it has no counterpart here")
                other = parts.enter_context(COUNTERPARTS[name](place))
                said += f'[[device.probe]]\nname = "{name}"\n{toml(other.settings)}'
            except Missing as missing:
                left_out.append(f"{name}: {missing}")
        yield said, left_out


def _asked_by_snmp(n: int, port: int) -> str:
    settings = {"name": "snmp", "host": f"127.0.0.{n}", "port": port, "community": COMMUNITY, "family": "ups"}
    return f'[[device]]\nid = "ups-{n}"\nkind = "ups"\nperiod_s = {PERIOD_S}.0\n[[device.probe]]\n{toml(settings)}'


def _answers(config: str) -> None:
    """Every probe reads something, or the bench ends: what only fails costs less. Each gets a second chance."""
    once = [own("roundsman-agent"), "once", "--json", config]
    for _ in range(3):
        done = subprocess.run(once, capture_output=True, text=True, check=False)
        samples = json.loads(done.stdout) if done.stdout else []
        silent = [name for one in samples for name in one.get("failed", {}) if name.partition("#")[0] in probes.names()]
        if samples and not silent:
            return
    raise SystemExit(f"{config}: {silent or 'no sample'}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def _collectd(folder: Path) -> Watched | None:
    daemon = program("collectd")
    if daemon is None:
        return None
    has_ping = (
        "not found"
        not in subprocess.run(["ldd", "/usr/lib/collectd/ping.so"], capture_output=True, text=True, check=False).stdout
    )
    config = folder / "collectd.conf"
    config.write_text(COLLECTD.format(folder=folder, ping=PING if has_ping else ""))
    return Watched([daemon, "-f", "-C", str(config)], [] if has_ping else ["ping (liboping0 is not installed)"])


def _ratios(found: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, float]]:
    beside = found.get("collectd")
    if beside is None:
        return {}
    return {
        agent: {
            figure: round(float(str(one[figure])) / max(float(str(beside[figure])), 1e-9), 1)
            for figure in ("cpu_percent_of_a_core", "pss_mb")
        }
        for agent, one in found.items()
        if agent != "collectd"
    }
