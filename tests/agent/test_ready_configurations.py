"""The configurations of docs/examples can be copied: `check` accepts them, and no probe of their world is left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_agent import probes
from roundsman_agent.check import check

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples"
READY = sorted(FOLDER.glob("*.toml"))
WORLDS = {
    "camera-room": {"host", "isapi", "modbus", "rtsp", "snmp"},
    "kiosk": {
        *("app", "escpos", "host", "http", "megatec", "modbus", "nut", "ping", "smart", "snmp", "tcp", "usb"),
    },
    "vehicle": {"host", "modem", "nmea", "obd"},
}
"""What a ready configuration of each name shows."""


def uses(path: Path) -> Iterator[tuple[str, str]]:
    """Each probe of a configuration, with the comment above it or above the one before it."""
    comment = ""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        said = "\n".join(line for line in block.splitlines() if line.startswith("#"))
        comment = said or comment
        for name in re.findall(r'^\[\[device\.probe\]\]\nname = "(\w+)"', block, re.M):
            yield name, comment


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_a_ready_configuration_is_accepted_as_it_stands(path: Path) -> None:
    body = check(str(path))

    assert {one["name"] for device in body["device"] for one in device["probes"]} == WORLDS[path.stem]
    assert {one["name"] for device in body["device"] for one in device["probes"]} <= set(probes.names())


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_every_probe_of_a_ready_configuration_is_explained_in_both_languages(path: Path) -> None:
    unexplained = [
        name
        for name, comment in uses(path)
        if not (re.search(r"[a-z]{3}", comment) and re.search(r"[\u4e00-\u9fff]{2}", comment))
    ]

    assert unexplained == []
    assert len(list(uses(path))) == path.read_text(encoding="utf-8").count("[[device.probe]]")


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_a_ready_configuration_has_no_password_in_it(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))

    assert "password" not in table["broker"]
    assert all(isinstance(one, dict) for one in table.get("secrets", {}).values())


def test_there_is_a_ready_configuration_of_every_world_and_no_probe_is_in_none() -> None:
    assert {path.stem for path in READY} == set(WORLDS)
    assert set.union(*WORLDS.values()) == set(probes.names())
