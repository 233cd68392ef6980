"""Recordings of devices: what one said is written without secrets, and means today what it meant then.

A new case is a file that `roundsman-agent once --probe NAME --target … --record FILE` wrote, put into recordings/.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import cli, probes, recording
from roundsman_agent.probe import Answer, complete
from roundsman_agent.probes import escpos, host, snmp
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Talk
from roundsman_wire.catalogue import split
from tests.agent.probes.devices import Lines

pytestmark = pytest.mark.alone

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.json"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_means_what_it_meant(path: Path, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))

    answer = recording.replayed(body)

    assert dict(answer.readings) == body["readings"]
    assert {name: list(why) for name, why in answer.failed.items()} == body["failed"]
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_probe_gives_no_reading_that_it_does_not_declare(path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    declared = probes.load(body["probe"]).readings

    if declared:  # SNMP's are declared by its families
        assert {split(name).pattern for name in recording.replayed(body).readings} <= set(declared)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_says_what_device_it_was(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8"))["model"]


def test_a_visit_is_recorded_and_replayed(tmp_path: Path, line: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    printer = line(lambda asked: bytes(0x1E if n == 4 else 0x12 for n in asked[2::3]))
    path = tmp_path / "printer.json"

    assert cli.main(["once", "--probe", "escpos", "--target", printer.port, "--record", str(path), "--model", "X"]) == 0
    told = capsys.readouterr().out
    assert cli.main(["once", "--replay", str(path)]) == 0

    assert capsys.readouterr().out == told
    assert "near_end" in told
    assert printer.port not in path.read_text()
    assert json.loads(path.read_text())["model"] == "X"


def test_a_recording_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "host.json"
    path.write_text("precious")

    assert cli.main(["once", "--probe", "host", "--record", str(path)]) == 78

    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "precious"


def test_a_device_that_gave_no_answer_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "none.json"

    assert cli.main(["once", "--probe", "escpos", "--target", f"{tmp_path}/none", "--record", str(path)]) == 1

    assert not path.exists()


def test_no_secret_is_in_a_recording() -> None:
    settings = complete(snmp.probe, {"host": "192.0.2.7", "community": "open sesame"})
    oid = "1.3.6.1.2.1.33.1.2.1.0"
    raw = Talk(
        family="ups",
        answers={oid: Bound("number", 2), "1.3.6.1.2.1.1.5.0": Bound("text", b"<open sesame>")},
        stumbled={},
        cut=("timeout", "192.0.2.7 with open sesame"),
    )

    body = recording.made(snmp.probe, settings, raw)

    text = json.dumps(body)
    assert "open sesame" not in text
    assert b"open sesame".hex() not in text
    assert recording.replayed(json.loads(text)).readings["ups.battery_state"] == "normal"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"probe": "host"},
        {"probe": "none", "settings": {}, "raw": {}},
        {"probe": "host", "settings": {"unheard": 1}, "raw": {}},
        {"probe": "host", "settings": {}, "raw": {"is": "Popen", "of": {}}},
        {"probe": "host", "settings": {}, "raw": {"is": "Disk", "of": {"mount": "/"}}},
        {"probe": "host", "settings": {}, "raw": {"hex": "zz"}},
        {"probe": "host", "settings": {}, "raw": {"map": 7}},
        {"probe": "host", "settings": {}, "raw": 7},
    ],
    ids=str,
)
def test_what_is_no_recording_is_refused(body: Any) -> None:
    with pytest.raises((LookupError, ValueError, TypeError)):
        recording.replayed(body)


def test_what_is_no_data_is_not_recorded() -> None:
    with pytest.raises(TypeError, match="cannot be recorded"):
        recording._data(object())


def test_a_recording_of_this_machine_reads_the_same() -> None:
    settings = complete(host.probe, {})
    raw = host.fetch(settings)

    body = json.loads(json.dumps(recording.made(host.probe, settings, raw)))

    assert recording.replayed(body) == host.parse(raw, settings)
    assert escpos.probe.target == "port"
