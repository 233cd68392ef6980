"""What the SNMP probe reads of recorded devices, as a page: `page()`; None where the recordings are not at hand.

The recordings are those of the project's references (../shared/data/snmp) and of the package snmpsim-data. Each is
visited as a device would be: the family is found, its objects are asked for, what they say becomes readings. A list of
what is left out of snmpsim-data, and why, stands in the page.
"""

from __future__ import annotations

import os
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import snmp
from tests.agent.probes.snmprec import recorded, visited

ROOT = Path(__file__).resolve().parents[2]

OF_SNMPSIM = (
    *("camera/hikvision", "camera/hikvision-network-video-recorder", "camera/samsung-ipolis"),
    *("camera/semac-ipcam-500", "camera/wds-ips-1022"),
    *("UPS/apc-7902b", "UPS/apc-8641", "UPS/apc-8932", "UPS/eastpower-istars-swv053", "UPS/eaton-93e-80"),
    *("UPS/eaton-9px-partial", "UPS/emerson-network-power", "UPS/huawei-gse200m", "UPS/ingrasys-power-switch"),
    *("UPS/phoenixtec-power", "UPS/vertiv-power", "network/appliance/tripplite-poweralert"),
    *(
        f"network/switch/{name}"
        for name in (
            *("bdcom-s5612", "brocade-ds-5100b", "brocade-fiber-channel", "brocade-icx6430-24", "cisco-c3560"),
            *("cisco-c3750", "cisco-n5000", "cisco-n5000-uk9", "cts-media-converter", "dcrs-5980-28t-dc", "dcs-3726c"),
            *("dlink-des3038", "dlink-des3200", "dptech-dpx800-a5", "h3c-comware-7-1-075", "h3c-comware-lsq1wcmd0"),
            *("h3c-comware-lsq1wcmd0-2509p61", "h3c-e528-1", "h3c-e528-2", "h3c-wx6103", "hpe-procurve-516733-b21"),
            *("huawei-s12704", "maipu-sm4200-16gef8ge-ac", "metel-poe-box", "ruijie-s5750-24gt12sfp", "zte-zrx10"),
            "zte-zxr10-5250",
        )
    ),
)

# Why a recording of a device of that folder is of no family.
NONE_BECAUSE = {
    "apc-": "a rack power strip, no UPS",
    "eaton-9px": "a part of a recording: only the maker's own tree, which no family reads",
    "emerson": "only the maker's own tree (13400), which is not described anywhere we know",
    "vertiv": "an air conditioner",
    "samsung": "a camera with a tree of its own",
    "semac": "a camera that serves Linux' own objects, and a printer that is none",
    "wds": "a sensor",
    "cts": 'a media converter: its ports are of no Ethernet kind; `family = "switch"` with `ports` reads it',
    "h3c-comware-lsq1wcmd0": "a wireless controller; nothing of its interfaces was recorded",
}

HEAD = """\
<!-- Made by `make pages` from docs/probes/snmp_recordings.py and the recordings: what is changed here is lost. -->

# SNMP: recorded devices and what is read of them

Every SNMP recording of the project's references and of the package `snmpsim-data` 1.0.1 that is of a UPS, a recorder, a
camera or a switch (neither has a printer, and none feeds power over Ethernet). Each is visited as a device would be:
the family is found by itself, its objects are asked for. *Refused* is what the device said and the probe does not
believe: `absent`, it says that it has no such measurement; `implausible`, the number cannot be true.

A recording is one moment, so what needs two visits (`port[].changes`, `port[].error_percent`) is not in here; an uptime
of 0 is one that the simulator lets run. Left out
of `snmpsim-data`: `UPS/juniper-ac`, an access controller without any object that a family asks for (1.8 million lines).
"""


def page() -> str | None:
    """The page, or None where a source is missing."""
    shared = Path(os.environ.get("ROUNDSMAN_SHARED", ROOT.parent / "shared")) / "data" / "snmp"
    simulated = simulator_data()
    if simulated is None or not shared.is_dir():
        return None
    parts = [HEAD]
    parts.append(
        _section("Of the project's references", [(path.stem, path) for path in sorted(shared.glob("*.snmprec"))])
    )
    parts.append(_section("Of snmpsim-data", [(name, found(simulated, name)) for name in OF_SNMPSIM]))
    return "\n".join(parts)


def simulator_data() -> Path | None:
    """The recordings of snmpsim-data, where it is installed."""
    spec = find_spec("snmpsim_data")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) / "data" if places else None


def found(folder: Path, name: str) -> Path:
    """The file of a recording, packed or not."""
    plain = folder / f"{name}.snmprec"
    return plain if plain.is_file() else folder / f"{name}.snmprec.bz2"


def _section(title: str, recordings: list[tuple[str, Path]]) -> str:
    lines = [f"## {title}", "", "| recording | family | readings | refused |", "|---|---|---|---|"]
    lines += [_row(name, path) for name, path in recordings]
    return "\n".join(lines) + "\n"


def _row(name: str, path: Path) -> str:
    answers = recorded(path)
    try:
        talk = visited(answers)
    except ProbeError as error:
        stem = name.rpartition("/")[2].removeprefix("ups-")
        why = next((text for start, text in NONE_BECAUSE.items() if stem.startswith(start)), "")
        return f"| {name} | none | {error.code}: {why} | |"
    answer = snmp.parse(talk, complete(snmp.probe, {"host": "recorded"}))
    return f"| {name} | `{talk.family}` | {_told(answer)} | {_refused(answer)} |"


def _told(answer: Answer) -> str:
    """Readings and values; those of rows together."""
    known = {name: value for name, value in answer.readings.items() if value is not None}
    said: dict[str, list[str]] = {}
    for name, value in known.items():
        pattern = f"{name[: name.index('[')]}[]{name[name.index(']') + 1 :]}" if "[" in name else name
        said.setdefault(pattern, []).append(f"{value:.12g}" if isinstance(value, float) else str(value))
    return f"{len(known)}: " + ", ".join(f"`{name}` {_listed(values)}" for name, values in said.items())


def _listed(values: list[str]) -> str:
    if len(values) <= 3:
        return " ".join(values)
    return " ".join(f"{value} ×{count}" if count > 1 else value for value, count in Counter(values).items())


def _refused(answer: Answer) -> str:
    return "; ".join(f"`{name}` {code}: {detail}" for name, (code, detail) in answer.failed.items()).replace("|", "/")
