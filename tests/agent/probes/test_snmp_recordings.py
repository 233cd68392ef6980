"""Recorded devices are visited as they would be alive: which family they are found to be, and what matters of them.

What is read of every recording, value by value, is a page: docs/probes/snmp-recordings.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import snmp
from tests.agent.probes.snmprec import recorded, visited

snmpsim_data = pytest.importorskip("snmpsim_data", reason="pip install 'roundsman-agent[simulators]'")
FOLDER = Path(next(iter(snmpsim_data.__path__))) / "data"
SETTINGS = complete(snmp.probe, {"host": "recorded"})


def answered(name: str) -> tuple[str, Answer]:
    """The family and the answer of a recording of snmpsim-data."""
    plain = FOLDER / f"{name}.snmprec"
    talk = visited(recorded(plain if plain.is_file() else FOLDER / f"{name}.snmprec.bz2"))
    return talk.family, snmp.parse(talk, SETTINGS)


def states(answer: Answer) -> Counter[object]:
    return Counter(value for name, value in answer.readings.items() if name.endswith("].state"))


@pytest.mark.parametrize(
    ("name", "family", "matters", "refused"),
    [
        (
            "UPS/phoenixtec-power",
            "xppc",
            {
                "ups.output_source": "normal",
                "ups.battery_celsius": 31.5,
                "input[1].volts": 239,
                "output[1].volts": 230.7,
                "ups.load_percent": 2,
                "ups.battery_volts": 41,
            },
            {"ups.runtime_min": "absent", "output[1].watts": "absent"},
        ),
        (
            "UPS/huawei-gse200m",
            "huawei_ups",
            {
                "ups.output_source": "normal",
                "input[1].volts": 236.9,
                "input[1].hertz": 50,
                "output[1].volts": 219.9,
                "ups.output_hertz": 49.99,
                "ups.battery_volts": 538.5,
                "ups.load_percent": 8,
            },
            {
                "ups.runtime_min": "absent",
                "ups.charge_percent": "absent",
                "ups.battery_celsius": "absent",
                "output[1].watts": "implausible",
            },
        ),
        (
            "UPS/eaton-93e-80",
            "ups",
            {"ups.runtime_min": 1092, "ups.battery_volts": 521, "output[1].watts": 5100, "ups.load_percent": 21},
            {},
        ),
        (
            "UPS/ingrasys-power-switch",
            "ups",
            {"ups.input_bads": 15, "input[1].volts": 228, "output[3].watts": 7700, "output[3].amperes": 41},
            {"ups.runtime_min": "absent", "ups.output_hertz": "absent"},
        ),
        (
            "UPS/eastpower-istars-swv053",
            "east",
            {"ups.charge_percent": 100, "input[3].volts": 234, "output[1].volts": 219, "ups.load_percent": 30},
            {"ups.runtime_min": "absent", **{f"output[{n}].watts": "absent" for n in (1, 2, 3)}},
        ),
        ("network/appliance/tripplite-poweralert", "ups", {"ups.alarms": 0}, {}),
        (
            "camera/hikvision-network-video-recorder",
            "hikvision_nvr",
            {"nvr.state": "online", "disk[1].state": "normal", "disk[1].capacity_mb": 2861588, "disk[1].free_mb": 100},
            {},
        ),
        (
            "camera/hikvision",
            "hikvision_camera",
            {"camera.cpu_percent": 52, "camera.memory_percent": 75},
            {"camera.storage_percent": "absent"},
        ),
    ],
)
def test_what_matters_of_a_recorded_device(
    name: str,
    family: str,
    matters: dict[str, object],
    refused: dict[str, str],
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    found, answer = answered(name)

    assert found == family
    assert {reading: answer.readings.get(reading) for reading in matters} == matters
    assert {reading: code for reading, (code, _) in answer.failed.items()} == refused
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("name", "ports", "matters"),
    [
        ("ruijie-s5750-24gt12sfp", {"up": 12, "down": 1}, {"port[Gi0/1].mbit": 1000, "port[Gi0/3].state": "down"}),
        ("cisco-c3750", {"up": 6}, {"port[Gi1/0/1].mbit": 1000}),
        ("cisco-c3560", {"up": 4}, {"port[Gi0/49].state": "up"}),
        ("h3c-e528-2", {"up": 1, "down": 1}, {"port[GigabitEthernet1/0/24].mbit": 1000}),
        ("h3c-wx6103", {"up": 1}, {"port[Ten-GigabitEthernet2/0/1].mbit": 10000}),
        ("dlink-des3038", {"up": 13}, {"port[1/2].mbit": 100, "port[1/25].mbit": 1000}),
        ("zte-zxr10-5250", {"up": 28, "down": 6}, {"port[1/5].state": "down", "port[2/1].mbit": 1000}),
        ("dcrs-5980-28t-dc", {"up": 11, "disabled": 6}, {"port[Ethernet1/0/1].state": "disabled"}),
        ("dcs-3726c", {"up": 1, "down": 3}, {"port[Port1].mbit": 100, "port[Port2].state": "down"}),
        ("metel-poe-box", {"up": 2}, {"port[P1].mbit": 100}),
        ("maipu-sm4200-16gef8ge-ac", {"up": 1}, {"port[Ethernet1/1].mbit": 1000}),
        ("hpe-procurve-516733-b21", {"up": 15, "down": 1}, {"port[1].mbit": 10000}),
    ],
)
def test_what_matters_of_a_recorded_switch(
    name: str, ports: dict[str, int], matters: dict[str, object], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    found, answer = answered(f"network/switch/{name}")

    assert found == "switch"
    assert states(answer) == ports
    assert {reading: answer.readings.get(reading) for reading in matters} == matters
    assert answer.readings["switch.ports"] == sum(ports.values())
    assert answer.failed == {}
    belongs_to_the_catalogue(answer)


def test_of_a_wireless_controller_only_the_real_ports_are_told() -> None:
    """It shows 1300 "Ethernet ports" that are up, have a connector, carry frames, and have no speed."""
    found, answer = answered("network/switch/h3c-comware-lsq1wcmd0-2509p61")

    assert found == "switch"
    assert [name for name in answer.readings if name.endswith("].state")] == ["port[Ten-GigabitEthernet1/0/1].state"]


@pytest.mark.parametrize(
    "name",
    ["UPS/apc-7902b", "UPS/apc-8641", "UPS/vertiv-power", "UPS/emerson-network-power", "camera/semac-ipcam-500"],
)
def test_a_device_of_no_family_says_so_and_is_nothing_else(name: str) -> None:
    with pytest.raises(ProbeError) as caught:
        answered(name)

    assert caught.value.code == "not_supported"


def test_a_media_converter_is_read_when_its_ports_are_named() -> None:
    answers = recorded(FOLDER / "network/switch/cts-media-converter.snmprec.bz2")

    answer = snmp.parse(visited(answers, "switch"), complete(snmp.probe, {"host": "x", "ports": ["port0", "port2"]}))

    assert states(answer) == {"up": 2}


def test_a_switch_of_the_projects_references_is_read(shared: Path) -> None:
    talk = visited(recorded(shared / "data/snmp/switch-maipu-sm4200.snmprec"))

    assert (talk.family, states(snmp.parse(talk, SETTINGS))) == ("switch", {"up": 1})
