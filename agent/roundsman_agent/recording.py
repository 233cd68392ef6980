"""What a device once said, as a file: it parses on any machine, and a test keeps what it means.

    made(probe, settings, raw) -> body          the answer, as JSON, with the secrets of the settings taken out
    opened(body) -> probe, settings, raw        what it was made from, but for the secrets
    replayed(body) -> Answer                    what today's parse makes of it

    {"probe": "escpos", "model": "TM-T88V", "settings": {"baud": 9600, …},
     "raw": {"map": [[4, 18], [2, 18], [3, 18], [1, 18]]},
     "readings": {"printer.paper": "ok", …}, "failed": {}}

Texts, numbers and lists stand as they are. A mapping is {"map": [[key, value], …]}, bytes are {"hex": "12…"}, and a
dataclass (one of the probe's `parts`) is {"is": "Snapshot", "of": {field: value}}. Lists come back as tuples.

A secret is replaced wherever it stands by as many asterisks, and the target (its address, its port) is not written.
What else a device tells of its owner (serial numbers, names) stays: look through a recording before you pass it on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from roundsman_agent import probes
from roundsman_agent.probe import REQUIRED, Answer, Probe, complete

__all__ = ["made", "opened", "replayed"]

TARGET = "recorded"
"""Stands for the device's address or port."""


def made(probe: Probe, settings: Mapping[str, object], raw: object, *, model: str = "") -> dict[str, Any]:
    """The body of a recording; TypeError when the probe's answer holds something that is no data."""
    secrets = [str(settings[one.name]) for one in probe.settings if one.secret and settings[one.name]]
    kept = {one.name: settings[one.name] for one in probe.settings if not one.secret and one.name != probe.target}
    answer = probe.parse(raw, settings)
    return {
        "probe": probe.name,
        "model": model,
        "settings": kept,
        "raw": _masked(_data(raw), secrets),
        "readings": _masked(dict(answer.readings), secrets),
        "failed": _masked({name: list(why) for name, why in answer.failed.items()}, secrets),
    }


def replayed(body: Mapping[str, Any]) -> Answer:
    """What the recorded answer means today; errors as `opened`."""
    probe, settings, raw = opened(body)
    return probe.parse(raw, settings)


def opened(body: Mapping[str, Any]) -> tuple[Probe, dict[str, object], object]:
    """The probe, its settings and the raw answer; LookupError, ValueError or SettingError when it is no recording."""
    try:
        probe = probes.load(body["probe"])
        given, raw = dict(body["settings"]), body["raw"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no recording: {error!r}; expected probe, settings and raw") from error
    for setting in probe.settings:
        if setting.default is REQUIRED and setting.name not in given and setting.kind is str:
            given[setting.name] = TARGET
    return probe, complete(probe, given), _raw(raw, {part.__name__: part for part in probe.parts})


# --- data -------------------------------------------------------------------------------------------------------------


def _data(value: object) -> Any:
    """A value as JSON can say it."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return {"hex": bytes(value).hex()}
    if isinstance(value, Mapping):
        return {"map": [[_data(key), _data(one)] for key, one in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: _data(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"is": type(value).__name__, "of": fields}
    if isinstance(value, list | tuple | set | frozenset):
        return [_data(one) for one in value]
    raise TypeError(f"a {type(value).__name__} cannot be recorded; expected data, bytes or a dataclass of the probe")


def _raw(value: Any, parts: Mapping[str, type]) -> Any:
    """What `_data` was made from; `parts` are the dataclasses by name."""
    if isinstance(value, list):
        return tuple(_raw(one, parts) for one in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"hex"}:
        return bytes.fromhex(value["hex"])
    if set(value) == {"map"}:
        return {_raw(key, parts): _raw(one, parts) for key, one in value["map"]}
    if set(value) == {"is", "of"}:
        if value["is"] not in parts:
            raise ValueError(f"the probe knows no {value['is']!r}: the recording is of another version, or damaged")
        return parts[value["is"]](**{name: _raw(one, parts) for name, one in value["of"].items()})
    raise ValueError(f"this is no recorded value: {sorted(value)}; expected hex, map, or is and of")


def _masked(value: Any, secrets: list[str]) -> Any:
    """The same without the secrets, in texts and in bytes."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "*" * len(secret))
            value = value.replace(secret.encode().hex(), ("*" * len(secret.encode())).encode().hex())
        return value
    if isinstance(value, list):
        return [_masked(one, secrets) for one in value]
    if isinstance(value, dict):
        return {_masked(name, secrets): _masked(one, secrets) for name, one in value.items()}
    return value
