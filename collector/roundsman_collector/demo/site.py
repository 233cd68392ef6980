"""Who is in the demo, and how they are configured: pure text and tables.

    agents(ports) -> AgentSpec of this-machine, kiosk-7, gw-2 and bus-31      agent_toml(...)   collector_toml(...)

Everything is quick here: polls every 1 to 5 seconds, faults after 4, silence after 8. A real site polls once
a minute and waits for minutes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from roundsman_collector.store import DeviceEntry
from roundsman_collector.store.entry_kinds import KindName

GROUP: Final = "south"
SLOW_ARRIVE_BY_S: Final = 20.0
QUICK_ARRIVE_BY_S: Final = 8.0
# The collector's own waits, as short as the agents'.
COLLECTOR: Final = (
    ("listen_grace_s", 15.0, "whoever starts with us has 15 s to say something before it is called silent"),
    ("ack_every_s", 1.0, "acknowledge soon: a demo's spool should be short"),
    ("rebuild_pause_s", 2.0, "reckon a backlog two seconds after its last report"),
    ("rebuild_at_latest_s", 5.0, ""),
)
# Recordings of real devices in the package snmpsim-data, by device.
RECORDINGS: Final[Mapping[str, str]] = {
    "nvr-2": "camera/hikvision-network-video-recorder",
    "ups-2": "UPS/ingrasys-power-switch",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceSpec:
    """A device as its agent and the register know it. `probes`: the tables [[device.probe]]."""

    id: str
    kind: str
    zh: str
    en: str
    probes: Sequence[Mapping[str, object]]
    model: str | None = None
    is_local: bool = False
    period_s: float = 2.0
    valid_s: float = 6.0
    arrive_by_s: float = SLOW_ARRIVE_BY_S
    behind: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def entry(self) -> DeviceEntry:
        """For the register."""
        return DeviceEntry(id=self.id, kind=self.kind, name_zh=self.zh, name_en=self.en, model=self.model)


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSpec:
    """An agent and the devices it speaks for."""

    id: str
    devices: Sequence[DeviceSpec]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where the made-up devices are found: two pseudo-terminals, and the UDP ports of the simulators by device."""

    printer: Path
    receiver: Path
    snmp: Mapping[str, int]


NOWHERE: Final = Ports(printer=Path("-"), receiver=Path("-"), snmp=dict.fromkeys(RECORDINGS, 0))
"""Before the devices are there: who they are does not depend on it."""

# Where everything stands and for whom: made-up customers, said so by their names.
REGISTER: Final[Sequence[tuple[KindName, str, Mapping[str, str]]]] = (
    ("group", GROUP, {"name_zh": "南片监控中心（演示）", "name_en": "South centre (demo)"}),
    ("customer", "hall", {"name_zh": "示例政务服务中心", "name_en": "Example Service Hall"}),
    ("customer", "park", {"name_zh": "示例科技园物业", "name_en": "Example Park Estates"}),
    ("customer", "bus", {"name_zh": "示例公交公司", "name_en": "Example Bus Company"}),
    *(
        (
            "contract",
            f"{customer}-2026",
            {
                "customer": customer,
                "name": f"HT-2026-{number:03d}",
                "accepted_on": "2026-01-01",
                "warranty_until": until,
                "maintenance_until": "2029-12-31",
                "service_level": level,
            },
        )
        for number, (customer, until, level) in enumerate(
            (("hall", "2027-12-31", "kiosk"), ("park", "2028-12-31", "security"), ("bus", "2026-06-30", "vehicle")), 1
        )
    ),
    *(
        (
            "site",
            name,
            {
                "customer": customer,
                "group_id": GROUP,
                "contract": f"{customer}-2026",
                "name_zh": zh,
                "name_en": en,
                "zone": zone,
            },
        )
        for name, customer, zh, en, zone in (
            ("hall-a", "hall", "政务大厅 A 区", "Service hall, area A", "urban"),
            ("building-3", "park", "科技园 3 号楼", "Park, building 3", "suburban"),
            ("line-31", "bus", "31 路车队", "Fleet of line 31", "elsewhere"),
        )
    ),
    ("place", "hall-a-7", {"site": "hall-a", "name_zh": "7 号机位", "name_en": "Position 7"}),
    ("place", "room-b1", {"site": "building-3", "name_zh": "B1 监控室", "name_en": "Room B1"}),
    ("place", "bus-31", {"site": "line-31", "name_zh": "31 路 1 号车", "name_en": "Line 31, bus 1"}),
    *(
        ("installation", device, {"place": place})
        for device, place in (
            ("kiosk-7", "hall-a-7"),
            ("gw-2", "room-b1"),
            ("nvr-2", "room-b1"),
            ("ups-2", "room-b1"),
            ("bus-31", "bus-31"),
        )
    ),
)


def agents(ports: Ports) -> tuple[AgentSpec, ...]:
    """The whole site."""
    host = {"name": "host", "every_s": 5.0}
    this_machine = DeviceSpec(
        id="this-machine",
        kind="host",
        zh="本机",
        en="this machine",
        is_local=True,
        probes=[{"name": "host", "every_s": 2.0}],
    )
    kiosk = DeviceSpec(
        id="kiosk-7",
        kind="kiosk",
        zh="7 号自助终端",
        en="kiosk 7",
        is_local=True,
        period_s=1.0,
        probes=[{"name": "escpos", "every_s": 1.0, "tries": 2, "port": str(ports.printer)}, host],
    )
    gateway = DeviceSpec(
        id="gw-2",
        kind="gateway",
        zh="2 号机房网关",
        en="gateway of room 2",
        is_local=True,
        period_s=5.0,
        valid_s=12.0,
        probes=[host],
    )
    recorder = DeviceSpec(
        id="nvr-2",
        kind="nvr",
        zh="2 号录像机",
        en="recorder 2",
        model="Hikvision NVR",
        behind={"power": ["ups-2"]},
        probes=[_snmp(ports, "nvr-2", "hikvision_nvr")],
    )
    ups = DeviceSpec(
        id="ups-2",
        kind="ups",
        zh="2 号机房 UPS",
        en="UPS of room 2",
        model="Santak Array 3A3",
        probes=[_snmp(ports, "ups-2", "ups")],
    )
    bus = DeviceSpec(
        id="bus-31",
        kind="vehicle",
        zh="31 路公交车载终端",
        en="terminal of bus 31",
        is_local=True,
        valid_s=5.0,
        arrive_by_s=QUICK_ARRIVE_BY_S,
        probes=[{"name": "nmea", "every_s": 2.0, "timeout_s": 2.0, "listen_s": 1.2, "port": str(ports.receiver)}, host],
    )
    return (
        AgentSpec(id="this-machine", devices=[this_machine]),
        AgentSpec(id="kiosk-7", devices=[kiosk]),
        AgentSpec(id="gw-2", devices=[gateway, recorder, ups]),
        AgentSpec(id="bus-31", devices=[bus]),
    )


def _snmp(ports: Ports, device: str, family: str) -> dict[str, object]:
    """A simulator names its recordings by community."""
    return {
        "name": "snmp",
        "host": "127.0.0.1",
        "port": ports.snmp[device],
        "community": device,
        "family": family,
        "try_s": 0.8,
        "tries": 2,
        "timeout_s": 1.9,
    }


def agent_toml(agent: AgentSpec, *, broker_port: int, user: str, password: str) -> str:
    """The agent's configuration; its data lie beside the file."""
    lines = [
        "# Written by `roundsman demo`; changes made here are lost.",
        *_table("agent", {"id": agent.id, "group": GROUP, "data": "data"}),
        *_table(
            "broker",
            {"host": "127.0.0.1", "port": broker_port, "user": user, "password": password, "keepalive_s": 10},
        ),
        *_table("spool", {"free_floor_bytes": 0}),
        *_table(
            "uplink", {"reconnect_max_s": 2.0, "reconnect_spread_s": 1.0, "ack_expected_s": 3.0, "epoch_jitter_s": 2.0}
        ),
    ]
    for device in agent.devices:
        shown: dict[str, object] = {"id": device.id, "kind": device.kind}
        if device.model is not None:
            shown["model"] = device.model
        shown |= {
            "local": device.is_local,
            "period_s": device.period_s,
            "valid_s": device.valid_s,
            "arrive_by_s": device.arrive_by_s,
        }
        lines += _table("device", shown, is_list=True)
        if device.behind:
            lines += _table("device.behind", device.behind)
        for probe in device.probes:
            lines += _table("device.probe", probe, is_list=True)
    return "\n".join(lines) + "\n"


def collector_toml(*, overrides: Path, api_port: int) -> str:
    """The collector's configuration; its data lie beside the file."""
    waits = [f"{name} = {value}" + (f"  # {why}" if why else "") for name, value, why in COLLECTOR]
    return "\n".join(
        [
            "# Written by `roundsman demo`; changes made here are lost.",
            *_table("data", {"folder": "collector"}),
            *_table("api", {"port": api_port}),
            *_table("policy", {"overrides": [str(overrides)]}),
            "",
            "[collector]",
            *waits,
            "",
        ]
    )


def _table(name: str, values: Mapping[str, object], *, is_list: bool = False) -> list[str]:
    """A table of TOML. JSON writes text, numbers, truth and lists as TOML does."""
    head = f"[[{name}]]" if is_list else f"[{name}]"
    return ["", head, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())]
