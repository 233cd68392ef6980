"""What an agent says of itself on arrival: its birth, in pages where one message would be too large. Pure.

compose(config, ...) -> Birth message pages, all with the hash that reports name
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from roundsman_agent import commands
from roundsman_agent.clock import Moment
from roundsman_agent.config import Config, DeviceConfig
from roundsman_wire.codec import birth_dictionary, birth_hash, encode
from roundsman_wire.ranges import Range
from roundsman_wire.report import MESSAGE_LIMIT, Device, Record, StreamRange

CAPABILITIES: Final = ["columns", "deflate", "config"]
_PAGE_BYTES: Final = MESSAGE_LIMIT - 8 * 1024
"""Room for devices on a page; the rest is for everything else a birth says."""
POINTS_LIMIT: Final = 100
"""Names of readings in a birth: they must not cost more than they save."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """A whole birth: its hash, its encoded pages in order, and the dictionary that both ends build from it, if any."""

    hash: str
    payloads: list[bytes]
    dictionary: bytes | None = None


def compose(
    config: Config,
    *,
    stream: str,
    oldest: int,
    newest: int,
    gone: Sequence[Range],
    session: int,
    versions: dict[str, str],
    platform: str,
    now: Moment,
    waits_s: float = 0.0,
    points: Sequence[str] = (),
) -> Pages:
    """The birth of this session, as it is now. What live records wait for company, they may arrive later by.

    `points` are for the dictionary: only a birth of one page has one.
    """
    devices = [_device(device, waits_s) for device in config.devices]
    shares = _shares(devices)
    points = points if len(shares) == 1 else ()
    name = birth_hash(devices, config.hash, points)
    pages = [
        {
            "v": 1,
            "hash": name,
            "session": session,
            "boot": now.boot,
            "sent": {"boot": now.boot, "mono": now.mono, "wall": now.wall},
            "versions": versions,
            "platform": platform,
            "capabilities": [
                *CAPABILITIES,
                *(["dictionary"] if points else []),
                *commands.capabilities(config.commands),
            ],
            "config_hash": config.hash,
            "streams": [_range(stream, oldest, newest, gone)],
            "probes": sorted({use.name for device in config.devices for use in device.probes}),
            "devices": share,
            **({"points": list(points)} if points else {}),
            "page": page,
            "pages": len(shares),
        }
        for page, share in enumerate(shares, start=1)
    ]
    dictionary = birth_dictionary(devices, points) if points else None
    return Pages(hash=name, payloads=[encode(page) for page in pages], dictionary=dictionary)


def points_of(samples: Sequence[Record]) -> list[str]:
    """The readings that these samples name, in their order; what the birth of a metered line names."""
    return list(dict.fromkeys(name for one in samples if one["kind"] == "sample" for name in one["readings"]))[
        :POINTS_LIMIT
    ]


def _range(stream: str, oldest: int, newest: int, gone: Sequence[Range]) -> StreamRange:
    held: dict[str, Any] = {"id": stream, "oldest": oldest, "newest": newest}
    if gone:
        held["gone"] = [list(one) for one in gone]
    return cast(StreamRange, held)


def _device(config: DeviceConfig, waits_s: float) -> Device:
    device: dict[str, Any] = {"device": config.id, "kind": config.kind}
    if config.model is not None:
        device["model"] = config.model
    if config.local:
        device["local"] = True
    if config.behind:
        device["behind"] = dict(config.behind)
    device |= {"period_s": config.period_s, "valid_s": config.valid_s, "arrive_by_s": config.arrive_by_s + waits_s}
    return cast(Device, device)


def _shares(devices: Sequence[Device]) -> list[list[Device]]:
    """Devices by page, as many on each as fit."""
    shares: list[list[Device]] = [[]]
    room = _PAGE_BYTES
    for device in devices:
        size = len(encode(device)) + 1
        if size > room and shares[-1]:
            shares.append([])
            room = _PAGE_BYTES
        shares[-1].append(device)
        room -= size
    return shares
