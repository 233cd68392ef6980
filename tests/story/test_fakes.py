"""The demo's made-up devices are read by the agent's real probes as the real ones are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import escpos, nmea
from roundsman_collector.demo.fakes import nmea_source
from roundsman_collector.demo.fakes.escpos_printer import MODES, EscposPrinter, switch
from roundsman_collector.demo.fakes.nmea_source import NmeaSource

NOON = datetime(2026, 11, 21, 4, 0, 0, tzinfo=UTC)


@contextmanager
def running(turn: Callable[[], None]) -> Iterator[None]:
    """Turn the device again and again beside the test."""
    done = threading.Event()

    def run() -> None:
        while not done.is_set():
            turn()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(5)


def speaking(source: NmeaSource) -> Callable[[], None]:
    """Rounds quicker than once a second: a test has no time."""

    def turn() -> None:
        source.turn()
        source._line.hear(0.05)

    return turn


def read_printer(port: Path) -> Answer:
    settings = complete(escpos.probe, {"port": str(port), "tries": 1})
    return escpos.parse(escpos.fetch(settings), settings)


def read_bus(port: Path, listen_s: float = 0.5) -> Answer:
    settings = complete(nmea.probe, {"port": str(port), "listen_s": listen_s, "position": True})
    return nmea.parse(nmea.fetch(settings), settings)


WELL = {"printer.paper": "ok", "printer.cover": "closed", "printer.error": "none", "printer.state": "online"}


def test_kiosk_7s_printer_runs_out_of_paper_and_is_repaired(tmp_path: Path) -> None:
    control, port = tmp_path / "mode", tmp_path / "ports/printer"
    printer = EscposPrinter(control=control, link=port)

    with running(lambda: printer.turn(wait_s=0.05)):
        before = read_printer(port).readings
        switch(control, "paper_end")
        without = read_printer(port).readings
        switch(control, "ok")
        after = read_printer(port).readings
    printer.close()

    assert before == WELL
    assert without == {**WELL, "printer.paper": "end", "printer.state": "offline"}
    assert after == WELL
    assert not port.is_symlink()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("near_end", {"printer.paper": "near_end"}),
        ("cover_open", {"printer.cover": "open", "printer.state": "offline"}),
        ("cutter", {"printer.error": "cutter", "printer.state": "offline"}),
    ],
)
def test_a_printer_in_trouble_says_which(mode: str, expected: dict[str, str], tmp_path: Path) -> None:
    switch(tmp_path / "mode", mode)
    printer = EscposPrinter(control=tmp_path / "mode", link=tmp_path / "printer")

    with running(lambda: printer.turn(wait_s=0.05)):
        readings = read_printer(tmp_path / "printer").readings
    printer.close()

    assert readings == {**WELL, **expected}


def test_a_dead_printer_is_silent(tmp_path: Path) -> None:
    switch(tmp_path / "mode", "dead")
    printer = EscposPrinter(control=tmp_path / "mode", link=tmp_path / "printer")

    with running(lambda: printer.turn(wait_s=0.05)), pytest.raises(ProbeError) as caught:
        read_printer(tmp_path / "printer")
    printer.close()

    assert caught.value.code == "timeout"


def test_a_mode_that_does_not_exist_is_named(tmp_path: Path) -> None:
    switch(tmp_path / "mode", "on_fire")

    with pytest.raises(ValueError, match=f"'on_fire' is no mode of this device; it has {', '.join(MODES)}"):
        EscposPrinter(control=tmp_path / "mode").turn(wait_s=0)


def test_bus_31_drives_its_generated_circle(tmp_path: Path) -> None:
    source = NmeaSource(now=lambda: NOON, link=tmp_path / "gnss")

    with running(speaking(source)):
        answer = read_bus(tmp_path / "gnss")
    source.close()

    readings = dict(answer.readings)
    assert abs(float(readings.pop("gnss.latitude") or 0) - 31.0) < 0.01
    assert abs(float(readings.pop("gnss.longitude") or 0) - 121.0) < 0.01
    assert float(readings.pop("gnss.sentences_per_s") or 0) > 1
    assert readings == {
        "gnss.fix": "3d",
        "gnss.fix_percent": 100.0,
        "gnss.satellites_used": 9,
        "gnss.hdop": 0.8,
        "satellites[beidou].used": 4,
        "satellites[gps].used": 5,
        "satellites[beidou].in_view": 4,
        "satellites[gps].in_view": 5,
        "gnss.snr_db": 43.5,
        "gnss.checksum_errors_percent": 0.0,
    }


@pytest.mark.parametrize(("mode", "fix", "damaged"), [("no_fix", "none", False), ("bad_line", "3d", True)])
def test_bus_31_in_trouble_says_which(mode: str, fix: str, damaged: bool, tmp_path: Path) -> None:
    switch(tmp_path / "mode", mode)
    source = NmeaSource(now=lambda: NOON, control=tmp_path / "mode", link=tmp_path / "gnss")

    with running(speaking(source)):
        readings = read_bus(tmp_path / "gnss").readings
    source.close()

    assert readings["gnss.fix"] == fix
    assert (float(readings["gnss.checksum_errors_percent"] or 0) > 20) == damaged


def test_a_silent_receiver_is_a_timeout(tmp_path: Path) -> None:
    switch(tmp_path / "mode", "silent")
    source = NmeaSource(now=lambda: NOON, control=tmp_path / "mode", link=tmp_path / "gnss")

    with running(speaking(source)), pytest.raises(ProbeError) as caught:
        read_bus(tmp_path / "gnss")
    source.close()

    assert caught.value.code == "timeout"


def test_a_round_carries_the_time_it_was_told() -> None:
    rmc = next(nmea_source.sentences(0, NOON))

    assert rmc.startswith(b"$GNRMC,040000.00,A,3100.2695,N,12100.0000,E,19.44,90.0,211126,,,A,V*")
