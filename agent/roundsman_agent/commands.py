"""What the agent may be asked to do: an allow-list of verbs with typed arguments. Deciding is pure.

    judge(payload, now=..., offset=...) -> Accepted | Refused | None       None: not even a command

Nothing here changes a device. A command is refused when it is not known to be fresh: it says when it was sent
(`at`, the sender's clock), so the agent must know its own clock's error, from NTP or from the acknowledgements.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roundsman_agent.clock import Moment, Offset
from roundsman_wire.topics import is_id

# verb -> argument -> its type; every argument may be left out.
VERBS: Final[Mapping[str, Mapping[str, type]]] = {
    "inspect": {"device": str},  # poll all probes of all devices, or of one, now
    "birth": {},  # say again who you are
}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_NTP_ERROR_MS: Final = 1_000
"""What NTP is trusted with when no acknowledgement has told better."""
_FUTURE_MS: Final = 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    id: str
    verb: str
    args: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    id: str
    why: str


def judge(payload: bytes, *, now: Moment, offset: Offset | None) -> Accepted | Refused | None:
    """Whether to do what a message asks."""
    try:
        command = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(command, dict) or not _is_token(command.get("id")):
        return None
    why = _stale(command, now, offset) or _unknown(command)
    if why:
        return Refused(id=command["id"], why=why)
    return Accepted(id=command["id"], verb=command["verb"], args=command["args"])


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and all(c.isascii() and (c.isalnum() or c in "._:-") for c in value)
    )


def _stale(command: Mapping[str, Any], now: Moment, offset: Offset | None) -> str | None:
    """Why a command may be too old, or None when it surely is not."""
    at, expires_s = command.get("at"), command.get("expires_s")
    if not isinstance(at, int) or not isinstance(expires_s, int | float) or not 0 <= expires_s <= 10_000_000:
        return "at or expires_s is missing or not a number"
    if offset is not None and offset.boot == now.boot:
        true, error_ms = now.wall + offset.offset_ms, offset.error_ms
    elif now.ntp:
        true, error_ms = now.wall, _NTP_ERROR_MS
    else:
        return "the error of the agent's clock is unknown, so the age of a command is too"
    age_ms = true - at
    if age_ms + error_ms > expires_s * 1000:
        return f"expired: {age_ms / 1000:.1f} s old, give or take {error_ms / 1000:.1f} s; {expires_s:g} s were allowed"
    if age_ms + error_ms < -_FUTURE_MS:
        return f"sent {-age_ms / 1000:.1f} s in the future"
    return None


def _unknown(command: Mapping[str, Any]) -> str | None:
    """Why verb or arguments are not on the list."""
    verb, args = command.get("verb"), command.get("args")
    if command.get("v") != 1:
        return f"version {command.get('v')!r} of the contract is not spoken here"
    if not isinstance(verb, str) or verb not in VERBS:
        return f"no such verb; there are {', '.join(VERBS)}"
    if not isinstance(args, dict):
        return "args is not an object"
    for name, value in args.items():
        kind = VERBS[verb].get(name)
        if kind is None:
            return f"{verb} takes no argument {name[:80]!r}"
        if not isinstance(value, kind):
            return f"argument {name} of {verb}: expected {kind.__name__}"
    if "device" in args and not is_id(args["device"]):
        return "argument device is not an id"
    return None


def result(command: str, *, ok: bool, detail: str, now: Moment) -> dict[str, Any]:
    """The record of what became of a command, without its number."""
    record: dict[str, Any] = {"kind": "result", "boot": now.boot, "mono": now.mono, "t": now.wall}
    if not now.ntp:
        record["ntp"] = False
    return {**record, "command": command, "ok": ok, "detail": detail[:400]}
