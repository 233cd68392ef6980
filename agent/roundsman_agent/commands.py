"""What the agent may be asked to do: an allow-list of verbs with typed arguments. Deciding is pure.

    judge(payload, allowed=..., now=..., offset=...) -> Accepted | Refused | None       None: not even a command

`inspect`, `birth`, `diagnose` and `log_tail` only look. `restart_app` and `reboot` change something: they run what the
local configuration says and nothing else, without an argument from the line, and only with a consent in the command.

A command is refused when it is not known to be fresh: it says when it was sent (`at`, the sender's clock), so the agent
must know its own clock's error, from NTP or from the acknowledgements.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roundsman_agent.clock import Moment, Offset
from roundsman_agent.config import Commands
from roundsman_agent.known_time import NTP_ERROR_MS
from roundsman_wire.topics import is_id

LINES_LIMIT: Final = 2_000
CHECKS: Final = ("spool", "line", "clock", "probes", "disk")
PAYLOAD_LIMIT: Final = 8 * 1024
"""Nothing on the list needs more bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """What a verb takes: the type of each argument, which of them must be there; whether it changes something."""

    args: Mapping[str, type]
    needed: tuple[str, ...] = ()
    changes: bool = False


VERBS: Final[Mapping[str, Verb]] = {
    "inspect": Verb(args={"device": str}),  # poll all probes of all devices, or of one, now
    "birth": Verb(args={}),  # say again who you are
    "diagnose": Verb(args={"checks": str}),  # look at yourself; names with commas between them, or all
    "log_tail": Verb(args={"log": str, "lines": int}, needed=("log",)),  # the end of a declared file
    "restart_app": Verb(args={}, changes=True),
    "reboot": Verb(args={}, changes=True),
}
_FUTURE_MS: Final = 60_000
_CHANGING_EXPIRES_S: Final = 86_400
"""A command that changes something is remembered until it expires: not for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    id: str
    verb: str
    args: Mapping[str, Any]
    at: int
    expires_ms: int
    """The sender's clock: when it was asked, until when it holds."""
    by: str = ""
    consent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    id: str
    why: str
    by: str = ""


def allowed_verbs(commands: Commands) -> tuple[str, ...]:
    """The verbs that this configuration allows."""
    configured = {"log_tail": commands.logs, "restart_app": commands.restart_app, "reboot": commands.reboot}
    return tuple(verb for verb in VERBS if configured.get(verb, True))


def capabilities(commands: Commands) -> list[str]:
    """What a birth says of it: `cmd.VERB` may be asked, `log.NAME` may be shown."""
    return [*(f"cmd.{verb}" for verb in allowed_verbs(commands)), *(f"log.{name}" for name in commands.logs)]


def judge(
    payload: bytes, *, now: Moment, offset: Offset | None, commands: Commands | None = None
) -> Accepted | Refused | None:
    """Whether to do what a message asks; `offset` is how far the clock is off now, as acknowledgements tell."""
    if len(payload) > PAYLOAD_LIMIT:
        return None
    try:
        command = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(command, dict) or not _is_token(command.get("id")):
        return None
    by = command.get("issued_by")
    by = by[:160] if isinstance(by, str) else ""
    why = _stale(command, now, offset) or _unknown(command, commands or Commands()) or _not_agreed(command)
    if why:
        return Refused(id=command["id"], why=why, by=by)
    consent = command.get("consent")
    return Accepted(
        id=command["id"],
        verb=command["verb"],
        args=command["args"],
        at=command["at"],
        expires_ms=command["at"] + int(command["expires_s"] * 1000),
        by=by,
        consent=consent[:400] if isinstance(consent, str) else "",
    )


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and all(c.isascii() and (c.isalnum() or c in "._:-") for c in value)
    )


def _stale(command: Mapping[str, Any], now: Moment, offset: Offset | None) -> str | None:
    """Why a command may be too old, or None when it surely is not."""
    at, expires_s = command.get("at"), command.get("expires_s")
    if not isinstance(at, int) or isinstance(at, bool) or isinstance(expires_s, bool):
        return "at or expires_s is missing or not a number"
    if not isinstance(expires_s, int | float) or not 0 <= expires_s <= 10_000_000:
        return "at or expires_s is missing or not a number"
    if offset is not None and offset.boot == now.boot:
        true, error_ms = now.wall + offset.offset_ms, offset.error_ms
    elif now.ntp:
        true, error_ms = now.wall, NTP_ERROR_MS
    else:
        return "the error of the agent's clock is unknown, so the age of a command is too"
    age_ms = true - at
    if age_ms + error_ms > expires_s * 1000:
        return f"expired: {age_ms / 1000:.1f} s old, give or take {error_ms / 1000:.1f} s; {expires_s:g} s were allowed"
    if age_ms + error_ms < -_FUTURE_MS:
        return f"sent {-age_ms / 1000:.1f} s in the future"
    return None


def _unknown(command: Mapping[str, Any], commands: Commands) -> str | None:
    """Why verb or arguments are not on the list."""
    name, args = command.get("verb"), command.get("args")
    allowed = allowed_verbs(commands)
    if command.get("v") != 1:
        return f"version {str(command.get('v'))[:20]} of the contract is not spoken here"
    if not isinstance(name, str) or name not in VERBS:
        return f"no such verb; there are {', '.join(allowed)}"
    if name not in allowed:
        return f"{name} is not in this agent's configuration ([commands]); there are {', '.join(allowed)}"
    if not isinstance(args, dict):
        return "args is not an object"
    verb = VERBS[name]
    for key, value in args.items():
        kind = verb.args.get(key)
        if kind is None:
            return f"{name} takes no argument {key[:80]!r}"
        if type(value) is not kind:
            return f"argument {key} of {name}: expected {kind.__name__}"
    missing = [key for key in verb.needed if key not in args]
    if missing:
        return f"{name}: argument {missing[0]} is missing"
    return _unfit(args, commands)


def _unfit(args: Mapping[str, Any], commands: Commands) -> str | None:
    """Why an argument of the right type cannot be used."""
    if "device" in args and not is_id(args["device"]):
        return "argument device is not an id"
    if "log" in args and args["log"] not in commands.logs:
        return f"no such log; [commands.logs] declares {', '.join(commands.logs)}"
    if not 1 <= args.get("lines", 1) <= LINES_LIMIT:
        return f"argument lines: expected 1 to {LINES_LIMIT}"
    strange = [name for name in checks_of(args) if name not in CHECKS]
    return f"no check {strange[0][:80]!r}; there are {', '.join(CHECKS)}" if strange else None


def checks_of(args: Mapping[str, Any]) -> list[str]:
    """The checks that `diagnose` is to make."""
    return [name.strip() for name in args.get("checks", "").split(",") if name.strip()] or list(CHECKS)


def _not_agreed(command: Mapping[str, Any]) -> str | None:
    """Why what changes something may not be done."""
    if not VERBS[command["verb"]].changes:
        return None
    if not isinstance(command.get("consent"), str) or not command["consent"].strip():
        return f"{command['verb']} needs a consent: who agreed, when, to what"
    if not isinstance(command.get("issued_by"), str) or not command["issued_by"].strip():
        return f"{command['verb']} must say who asks for it (issued_by)"
    if command["expires_s"] > _CHANGING_EXPIRES_S:
        return f"expires_s of {command['verb']} is at most {_CHANGING_EXPIRES_S}"
    return None


def result(command: str, *, ok: bool, detail: str, now: Moment, output: str = "") -> dict[str, Any]:
    """The record of what became of a command, without its number."""
    record: dict[str, Any] = {"kind": "result", "boot": now.boot, "mono": now.mono, "t": now.wall}
    if not now.ntp:
        record["ntp"] = False
    record |= {"command": command, "ok": ok, "detail": detail[:400]}
    return {**record, "output": output} if output else record
