"""Versions of firmware 固件: which there are of each model, and which devices are behind others of theirs. Pure.

    order("V4.62.210 build 230516")     ((4, 62, 210, 230516), "V4.62.210 build 230516"): what versions are compared by
    inventory([Versioned(...)]) -> [Version(...), ...]      per model, the newest first, with how many devices have it
    behind([Versioned(...)]) -> [Behind(...), ...]          devices whose model has a newer version in this fleet

The newest is the newest that anybody of the same model here has: what the vendor offers is not known, and nothing is
ever upgraded by itself. A device whose model is not known is compared with nobody.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Versioned(NamedTuple):
    """A device with its model (empty: not known) and the version that it told."""

    device: str
    model: str
    version: str


class Version(NamedTuple):
    """A version of a model: so many devices have it."""

    model: str
    version: str
    devices: int
    is_newest: bool


class Behind(NamedTuple):
    """A device that is behind, and the newest version of its model."""

    device: str
    model: str
    version: str
    newest: str


def order(version: str) -> tuple[tuple[int, ...], str]:
    """What versions are compared by: the numbers in them, in their order; then as texts."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version)[:12]), version


def inventory(devices: Iterable[Versioned]) -> list[Version]:
    """Every version of every model, models by name, versions from the newest on."""
    listed = list(devices)
    newest = _newest(listed)
    counts = Counter((one.model, one.version) for one in listed)
    found = [Version(model, version, count, newest.get(model) == version) for (model, version), count in counts.items()]
    by_age = sorted(found, key=lambda one: order(one.version), reverse=True)
    return sorted(by_age, key=lambda one: one.model)


def behind(devices: Iterable[Versioned]) -> list[Behind]:
    """Who is behind others of the same model, by device."""
    listed = list(devices)
    newest = _newest(listed)
    return [
        Behind(one.device, one.model, one.version, newest[one.model])
        for one in sorted(listed)
        if one.model in newest and order(one.version)[0] < order(newest[one.model])[0]
    ]


def _newest(devices: Iterable[Versioned]) -> dict[str, str]:
    """The newest version of each model that is known."""
    found: dict[str, str] = {}
    for one in devices:
        if one.model and (one.model not in found or order(one.version) > order(found[one.model])):
            found[one.model] = one.version
    return found
