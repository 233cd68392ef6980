"""SNMP: objects a second and CPU per object, beside Debian's snmpbulkwalk and prometheus-snmp-exporter; and idle CPU.

    make bench ONLY=snmp                              twenty seconds for each
    make bench ONLY="snmp --seconds 3 --idle 5"       a quick look

    Debian's snmpd on loopback: 60 single objects and a table of 12 columns and 64 rows, all integers
      <-- the agent's own visit: version 2c, and version 3 with authentication (sha) through pysnmp's engine
      <-- gufo-snmp, where it is installed (it is not needed; docs/decisions/0019-snmp-engine.md)
      <-- snmpbulkwalk -Cr20, a process each time: that is what a script does
      <-- prometheus-snmp-exporter, a scrape each time

All ask for the same objects, one after the other, in one run. CPU is the asking process's own, user and system; what
snmpd needs to answer is not in it, but limits the objects a second. A visit of the agent is measured with what is
known of the device from the visit before it, as in the second and every later round. Idle is a process that has made
visits in version 2c and 3 and then sleeps; beside it one in which pysnmp's loop goes on running.
"""

import argparse
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from roundsman_agent import snmp_engine
from roundsman_agent.probe import ProbeError
from roundsman_agent.snmp_session import Session, V2cSession, V3Session, V3User
from roundsman_agent.snmp_visit import Known, Visit
from tests.bench._machine import facts, use

ROOT = "1.3.6.1.4.1.50001.9"
SCALARS = [f"{ROOT}.1.{n}.0" for n in range(1, 61)]
COLUMNS = [f"{ROOT}.2.1.{n}" for n in range(1, 13)]
ROWS = 64
OBJECTS = len(SCALARS) + len(COLUMNS) * ROWS
COMMUNITY = "monitor"
USER = V3User(name="rounds", auth="sha", auth_password="check-password-1", priv="none", priv_password="", context="")
PATIENCE_S = 20.0

Ask = Callable[[], int]
"""Asks for everything once; how many objects came."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured")
    parser.add_argument("--idle", type=float, default=30.0, help="how long idling is measured, in seconds")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    for program in ("snmpd", "snmpbulkwalk", "prometheus-snmp-exporter"):
        if not _program(program):
            raise SystemExit(f"{program} is not installed: apt-get install snmpd snmp prometheus-snmp-exporter")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with contextlib.ExitStack() as parts:
            port = parts.enter_context(_device(folder))
            exporter, url = parts.enter_context(_exporter(folder, port))
            known = {version: Known(since=0.0) for version in ("2c", "3")}
            asked = {
                "agent_v2c": _measured(lambda: _visited(_v2c(port), known["2c"]), arguments.seconds, _own_cpu),
                "agent_v3": _measured(lambda: _visited(_v3(port), known["3"]), arguments.seconds, _own_cpu),
                "snmpbulkwalk": _measured(lambda: _walked(port), arguments.seconds, _children_cpu),
                "snmp_exporter": _measured(lambda: _scraped(url), arguments.seconds, lambda: use(exporter).cpu_s),
            }
            with contextlib.suppress(ImportError):
                asked["gufo_snmp"] = _measured(_gufo(port), arguments.seconds, _own_cpu)
            known_at_first = Known(since=0.0)
            asked["agent_v2c_first_visit"] = _measured(lambda: _visited(_v2c(port), known_at_first), 0.0, _own_cpu)
            idle = {"agent": _idle(arguments.idle)}
            with snmp_engine.shared().awake():
                idle["pysnmp_loop_left_running"] = _idle(arguments.idle)
        ours = asked["agent_v2c"]
        return {
            "objects": OBJECTS,
            "asked": asked,
            "cpu_of_agent_v2c_over": {
                name: round(ours["cpu_us_per_object"] / other["cpu_us_per_object"], 3)
                for name, other in asked.items()
                if not name.startswith("agent_v2c")
            },
            "idle_cpu_s_per_minute": idle,
            "machine": facts(),
        }
    finally:
        shutil.rmtree(folder)


def _measured(ask: Ask, seconds: float, cpu: Callable[[], float]) -> dict[str, float]:
    if seconds:
        ask()  # what is learned at the first time is not measured
    began, used = time.monotonic(), cpu()
    objects = times = 0
    while not times or time.monotonic() - began < seconds:
        objects += ask()
        times += 1
    wall, used = time.monotonic() - began, cpu() - used
    if objects != OBJECTS * times:
        raise SystemExit(f"{objects / times:.1f} objects came instead of {OBJECTS}")
    return {
        "objects_per_s": round(objects / wall),
        "cpu_us_per_object": round(1e6 * used / objects, 2),
        "ms_per_visit": round(1000 * wall / times, 1),
    }


def _own_cpu() -> float:
    return time.process_time()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _idle(seconds: float) -> float:
    before = time.process_time()
    time.sleep(seconds)
    return round((time.process_time() - before) / seconds * 60, 3)


# --- who asks ---------------------------------------------------------------------------------------------------------


def _v2c(port: int) -> V2cSession:
    deadline = time.monotonic() + PATIENCE_S
    return V2cSession(host="127.0.0.1", port=port, community=COMMUNITY, try_s=2.0, tries=3, deadline=deadline)


def _v3(port: int) -> V3Session:
    deadline = time.monotonic() + PATIENCE_S
    return V3Session(host="127.0.0.1", port=port, user=USER, try_s=2.0, tries=3, deadline=deadline)


def _visited(session: V2cSession | V3Session, known: Known) -> int:
    with session:
        asking: Session = session
        visit = Visit(asking, known, repetitions=20)
        visit.get(SCALARS)
        visit.walk(COLUMNS)
    return len(visit.answers)


def _gufo(port: int) -> Ask:
    """gufo-snmp has no GETBULK over several columns: the columns one after the other."""
    from gufo.snmp.sync import SnmpSession  # type: ignore[import-not-found]

    def ask() -> int:
        with SnmpSession("127.0.0.1", port=port, community=COMMUNITY, max_repetitions=20, timeout=5.0) as session:
            return len(session.get_many(SCALARS)) + sum(1 for column in COLUMNS for _ in session.getbulk(column))

    return ask


def _walked(port: int) -> int:
    command = ["snmpbulkwalk", "-v2c", "-c", COMMUNITY, "-On", "-Oq", "-Cr20", "-m", "", f"127.0.0.1:{port}", ROOT]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return len(done.stdout.splitlines())


def _scraped(url: str) -> int:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        text: str = answer.read().decode()
    return sum(line.startswith("ups") for line in text.splitlines())


# --- who answers ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _device(folder: Path) -> Iterator[int]:
    """snmpd with the objects; its port."""
    port = _free_port(socket.SOCK_DGRAM)
    objects = [*SCALARS, *(f"{column}.{row}" for column in COLUMNS for row in range(1, ROWS + 1))]
    lines = [
        f"agentAddress udp:127.0.0.1:{port}",
        f"rocommunity {COMMUNITY} 127.0.0.1",
        f"createUser {USER.name} SHA {USER.auth_password}",
        f"rouser {USER.name} auth",
        *(f"override {oid} integer {1000 + number}" for number, oid in enumerate(objects)),
    ]
    (folder / "snmpd.conf").write_text("\n".join([*lines, ""]))
    program = _program("snmpd") or "snmpd"
    command = [program, "-f", "-Lf", str(folder / "snmpd.log"), "-C", "-c", str(folder / "snmpd.conf")]
    state = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "SNMPCONFPATH": str(folder)}
    with _process([*command, "-p", str(folder / "pid")], folder / "snmpd.out", state):
        _until(lambda: _visited(_v2c(port), Known(since=0.0)) == OBJECTS, folder / "snmpd.log")
        yield port


@contextlib.contextmanager
def _exporter(folder: Path, port: int) -> Iterator[tuple[int, str]]:
    """prometheus-snmp-exporter with a module for exactly these objects; its process and the address of a scrape."""
    web = _free_port(socket.SOCK_STREAM)
    metrics = [f"  - {{name: ups_scalar_{n}, oid: {oid[:-2]}, type: gauge, help: x}}" for n, oid in enumerate(SCALARS)]
    index = "indexes: [{labelname: row, type: gauge}]"
    metrics += [f"  - {{name: ups_{n}, oid: {oid}, type: gauge, help: x, {index}}}" for n, oid in enumerate(COLUMNS)]
    gets = "\n".join(f"  - {oid}" for oid in SCALARS)
    (folder / "snmp.yml").write_text(
        f"bench:\n  get:\n{gets}\n  walk:\n  - {ROOT}.2\n  metrics:\n" + "\n".join(metrics) + "\n"
        f"  version: 2\n  max_repetitions: 20\n  auth:\n    community: {COMMUNITY}\n"
    )
    command = ["prometheus-snmp-exporter", f"--config.file={folder / 'snmp.yml'}", "--log.level=warn"]
    url = f"http://127.0.0.1:{web}/snmp?module=bench&target=127.0.0.1:{port}"
    with _process([*command, f"--web.listen-address=127.0.0.1:{web}"], folder / "exporter.log", None) as process:
        _until(lambda: _scraped(url) == OBJECTS, folder / "exporter.log")
        yield process.pid, url


def _until(happened: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ProbeError):
            if happened():
                return
        time.sleep(0.1)
    raise SystemExit(f"it did not come up:\n{log.read_text()[-2000:]}")


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@contextlib.contextmanager
def _process(argv: list[str], log: Path, environment: dict[str, str] | None) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, env=environment)
    try:
        yield process
        if process.poll() is not None:
            raise SystemExit(f"{argv[0]} ended by itself:\n{log.read_text()[-3000:]}")
    finally:
        process.kill()
        process.wait()
