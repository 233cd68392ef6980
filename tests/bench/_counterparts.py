"""What probes are measured against: small devices and servers on this machine, healthy and quick.

    COUNTERPARTS["escpos"](folder) -> context of Counterpart(settings, moved)

A counterpart that is not installed here raises Missing. `moved` counts the bytes that went both ways, where the probe
cannot.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from roundsman_agent import probes
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import usb
from roundsman_collector.demo.fakes.escpos_printer import EscposPrinter
from roundsman_collector.demo.fakes.nmea_source import NmeaSource
from tests.agent.probes.devices import Line, Reply
from tests.agent.probes.modbus_peers import Tcp, Units
from tests.agent.probes.nut_site import DRIVERS, Site
from tests.agent.probes.recorder import Recorder, usual
from tests.agent.probes.rtsp_server import VIDEO, RtspServer
from tests.agent.probes.test_modem import Modem
from tests.agent.probes.test_obd import Adapter
from tests.bench._agents import COMMUNITY, process, snmpd
from tests.bench._counting import CountingProxy

__all__ = ["COUNTERPARTS", "Counterpart", "Missing", "printer", "toml"]


PATIENCE_S: Final = 20.0
SSD: Final = {
    "smartctl": {"exit_status": 0},
    "device": {"name": "/dev/sda", "type": "sat"},
    "smart_status": {"passed": True},
    "temperature": {"current": 38},
    "power_on_time": {"hours": 12000},
    "ata_smart_attributes": {
        "table": [
            {
                "id": number,
                "name": name,
                "value": 100,
                "worst": 100,
                "thresh": 5,
                "when_failed": "",
                "flags": {"prefailure": True},
                "raw": {"value": raw, "string": str(raw)},
            }
            for number, name, raw in (
                (5, "Reallocated_Sector_Ct", 0),
                (9, "Power_On_Hours", 12000),
                (194, "Temperature_Celsius", 38),
                (197, "Current_Pending_Sector", 0),
                (198, "Offline_Uncorrectable", 0),
            )
        ]
    },
}
"""What smartctl says of an SSD that is well, in short."""


class Missing(Exception):
    """A program that plays the other side is not installed."""


class Counterpart(NamedTuple):
    """What the probe is told, and how many bytes have gone to and fro so far (None: ask the probe)."""

    settings: Mapping[str, object]
    moved: Callable[[], int] | None = None


@contextlib.contextmanager
def _turning(turn: Callable[[], None], pause_s: float = 0.0) -> Iterator[None]:
    """A device of the demo, turned by a thread of this process."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(pause_s):
            turn()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def printer() -> Iterator[str]:
    """A printer on a pseudo-terminal that says it is well; its device's path."""
    device = EscposPrinter()
    with _turning(lambda: device.turn(wait_s=0.1)):
        yield str(device.port)
    device.close()


@contextlib.contextmanager
def _serial(reply: Reply) -> Iterator[tuple[str, Callable[[], int]]]:
    """A device on a pseudo-terminal; its path, and what went over the line."""
    said = 0

    def counted(asked: bytes) -> bytes | None:
        nonlocal said
        answer = reply(asked)
        said += len(answer or b"")
        return answer

    line = Line(counted)
    try:
        yield line.port, lambda: len(line.asked) + said
    finally:
        line.close()


@contextlib.contextmanager
def _host(_folder: Path) -> Iterator[Counterpart]:
    yield Counterpart({})


@contextlib.contextmanager
def _escpos(_folder: Path) -> Iterator[Counterpart]:
    with _serial(lambda asked: b"\x12" * asked.count(b"\x10\x04")) as (port, moved):
        yield Counterpart({"port": port}, moved)


@contextlib.contextmanager
def _nmea(_folder: Path) -> Iterator[Counterpart]:
    device = NmeaSource(now=lambda: datetime.now(UTC))
    with _turning(device.turn, pause_s=1.0):
        yield Counterpart({"port": str(device.port), "listen_s": 1.5})
    device.close()


@contextlib.contextmanager
def _snmp(folder: Path) -> Iterator[Counterpart]:
    with snmpd(folder) as port:
        yield Counterpart({"host": "127.0.0.1", "port": port, "community": COMMUNITY})


@contextlib.contextmanager
def _app(folder: Path) -> Iterator[Counterpart]:
    """A program that sleeps and has a log of 2,000 transactions, among the processes of this machine."""
    log = folder / "kiosk.log"
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    log.write_text(f"{stamp} INFO screen idle\n{stamp} INFO TXN OK 12.50\n" * 2000)
    program = folder / "till.py"
    program.write_text("import time\ntime.sleep(86400)\n")
    with process([sys.executable, str(program)], folder / "till.log"):
        yield Counterpart(
            {"program": sys.executable, "arguments": str(program), "log": str(log), "transaction": "TXN OK"}
        )


@contextlib.contextmanager
def _smart(folder: Path) -> Iterator[Counterpart]:
    """A script in the place of smartctl that prints what a healthy SSD says; for this process and those it starts."""
    (folder / "sda.json").write_text(json.dumps(SSD))
    script = folder / "smartctl"
    script.write_text(f"#!/bin/sh\ncat {folder}/sda.json\n")
    script.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield Counterpart({"devices": ["root=/dev/null"]})
    finally:
        os.environ["PATH"] = before


@contextlib.contextmanager
def _usb(folder: Path) -> Iterator[Counterpart]:
    """Twelve devices in a tree of files; a real agent cannot be shown one, so it looks at this machine's own."""
    for n in range(12):
        place = folder / usb.FOLDER / f"1-{n + 1}"
        place.mkdir(parents=True)
        for name, said in (("idVendor", "0eef"), ("idProduct", f"{n + 1:04x}"), ("serial", f"S{n}")):
            (place / name).write_text(said + "\n")
    before, usb.ROOT = usb.ROOT, str(folder)
    try:
        yield Counterpart({"devices": ["touch=0eef:0001", "scanner=0eef:0002", "card=0eef:0003"]})
    finally:
        usb.ROOT = before


class _Page(BaseHTTPRequestHandler):
    """A page of 4 kB that says that all is well."""

    protocol_version = "HTTP/1.1"
    body = b"<html><title>kiosk</title>" + b"<p>ready to serve</p>" * 190 + b"ok</html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def _http(_folder: Path) -> Iterator[Counterpart]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with CountingProxy(server.server_port) as proxy:
            yield Counterpart({"url": f"http://127.0.0.1:{proxy.port}/health", "text": "ok"}, lambda: proxy.cost.bytes)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def _tcp(_folder: Path) -> Iterator[Counterpart]:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as server:  # the kernel takes every connection
        yield Counterpart({"host": "127.0.0.1", "port": server.getsockname()[1]})


@contextlib.contextmanager
def _ping(_folder: Path) -> Iterator[Counterpart]:
    yield Counterpart({"host": "127.0.0.1"})


@contextlib.contextmanager
def _megatec(_folder: Path) -> Iterator[Counterpart]:
    with _serial(lambda asked: b"(226.0 195.0 226.0 014 49.0 27.5 30.0 00001000\r" * asked.count(b"Q1\r")) as (
        port,
        moved,
    ):
        yield Counterpart({"port": port, "battery_volts": 24.0}, moved)


@contextlib.contextmanager
def _nut(_folder: Path) -> Iterator[Counterpart]:
    """Debian's upsd with its driver dummy-ups."""
    if not (DRIVERS / "upsd").exists():
        raise Missing("Network UPS Tools is not installed: apt-get install nut-server")
    with Site() as site:
        site.add(
            "ups-2", "ups.status: OL\nups.load: 10\nbattery.charge: 90\nbattery.runtime: 3690\ninput.voltage: 230.0\n"
        )
        site.start()
        settings = {"host": "127.0.0.1", "port": site.port, "ups": "ups-2"}
        _wait(lambda: "ups.load_percent" in _visit("nut", settings).readings)
        with CountingProxy(site.port) as proxy:
            yield Counterpart({**settings, "port": proxy.port}, lambda: proxy.cost.bytes)


@contextlib.contextmanager
def _modbus(_folder: Path) -> Iterator[Counterpart]:
    units = Units({1: {"input": {1: 231, 2: 555}, "discrete": {0: 0, 1: 0}}})
    with contextlib.closing(Tcp(units.tcp)) as gateway:
        points = [
            "air[cabinet].celsius = input:1 int16 x0.1",
            "air[cabinet].humidity_percent = input:2 uint16 x0.1",
            "door[front].state = discrete:0 closed/open",
            "water[floor].state = discrete:1 dry/wet",
        ]
        yield Counterpart({"at": gateway.at, "points": points})


@contextlib.contextmanager
def _modem(_folder: Path) -> Iterator[Counterpart]:
    with _serial(Modem()) as (port, moved):
        yield Counterpart({"port": port}, moved)


@contextlib.contextmanager
def _obd(_folder: Path) -> Iterator[Counterpart]:
    with _serial(Adapter()) as (port, moved):
        yield Counterpart({"port": port}, moved)


@contextlib.contextmanager
def _isapi(_folder: Path) -> Iterator[Counterpart]:
    """A recorder with sixteen channels; the days that have recordings are asked for once, in the first visit."""
    with contextlib.closing(Recorder(usual())) as recorder, CountingProxy(recorder.port) as proxy:
        settings = {"host": "127.0.0.1", "port": proxy.port, "user": recorder.user, "password": recorder.password}
        yield Counterpart({**settings, "channels": ["1-16"]}, lambda: proxy.cost.bytes)


@contextlib.contextmanager
def _rtsp(_folder: Path) -> Iterator[Counterpart]:
    streams = {f"/Streaming/Channels/{n}02": VIDEO for n in range(1, 17)}
    with contextlib.closing(RtspServer(streams)) as server, CountingProxy(server.port) as proxy:
        settings = {"host": "127.0.0.1", "port": proxy.port, "path": "/Streaming/Channels/{channel}02"}
        yield Counterpart({**settings, "channels": ["1-16"]}, lambda: proxy.cost.bytes)


def _visit(name: str, given: Mapping[str, object]) -> Answer:
    probe = probes.load(name)
    settings = complete(probe, given)
    return probe.parse(probe.fetch(settings), settings)


def _wait(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(ProbeError):
            if happens():
                return
        time.sleep(0.05)
    raise Missing("it does not answer")


COUNTERPARTS: Mapping[str, Callable[[Path], AbstractContextManager[Counterpart]]] = MappingProxyType(
    {
        "app": _app,
        "escpos": _escpos,
        "host": _host,
        "http": _http,
        "isapi": _isapi,
        "megatec": _megatec,
        "modbus": _modbus,
        "modem": _modem,
        "nmea": _nmea,
        "nut": _nut,
        "obd": _obd,
        "ping": _ping,
        "rtsp": _rtsp,
        "smart": _smart,
        "snmp": _snmp,
        "tcp": _tcp,
        "usb": _usb,
    }
)


def toml(settings: Mapping[str, object]) -> str:
    """Settings as lines of TOML."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())
