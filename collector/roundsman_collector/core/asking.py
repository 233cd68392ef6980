"""What a person may ask of an agent, and what must be agreed to before. Pure.

    checked("log_tail", {"log": "kiosk", "lines": 100})  -> the arguments as they are sent, or AskError
    agreed(consent, now_ms) · told_to_agent(consent)     -> a recorded consent, and what the agent keeps of it

What only reads may be sent again until it is answered: the agent remembers what it was asked. What changes something
(`CHANGING`) goes once, to an agent that is on the line, and never again: a second reboot is worse than none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from roundsman_wire.topics import is_id

Verb = Literal["inspect", "birth", "diagnose", "log_tail", "restart_app", "reboot"]
Kind = Literal["device", "name", "names", "count"]

EXPIRES_S = 600
SHORTEST_S, LONGEST_S = 10, 3600
OPEN_LIMIT = 5
"""So many commands of people may wait for one agent; rounds are not counted."""
LINES_LIMIT = 2000
NAME_LIMIT = 64
NAMES_LIMIT = 200
WHO_LIMIT, TEXT_LIMIT = 80, 200
MINUTE_MS, DAY_MS = 60_000, 86_400_000
OLDEST_MS = 30 * DAY_MS
"""An older consent than this was to something else."""
CAPABILITY = "cmd."


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A verb: what it is called, its arguments, and whether it changes anything."""

    zh: str
    en: str
    args: Mapping[str, Kind]
    changes: bool = False


VERBS: Mapping[Verb, Ask] = {
    "inspect": Ask(zh="立即巡检", en="Inspect now", args={"device": "device"}),
    "diagnose": Ask(zh="自检", en="Diagnose", args={"checks": "names"}),
    "log_tail": Ask(zh="查看日志", en="Show a log", args={"log": "name", "lines": "count"}),
    "birth": Ask(zh="重新上报身份与配置", en="Say again who it is", args={}),
    "restart_app": Ask(zh="重启应用程序", en="Restart the application", args={}, changes=True),
    "reboot": Ask(zh="重启设备主机", en="Reboot the machine", args={}, changes=True),
}
NEEDED: Mapping[Verb, frozenset[str]] = {"log_tail": frozenset({"log"})}
CHANGING: frozenset[str] = frozenset(verb for verb, ask in VERBS.items() if ask.changes)
HOW: Mapping[str, tuple[str, str]] = {
    "phone": ("电话", "by phone"),
    "message": ("短信或微信", "by message"),
    "in_person": ("现场当面", "in person"),
    "paper": ("书面", "on paper"),
}
"""How somebody agreed."""


class AskError(ValueError):
    """Something that cannot be asked: which field, why, and what would do."""

    def __init__(self, field: str, what: str, expected: str) -> None:
        super().__init__(f"{field}: {what}; expected {expected}")
        self.field = field
        self.what = what
        self.expected = expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """Who of the customer's people agreed, how and when, for which device, and to what in their words."""

    who: str
    how: str
    at_ms: int
    device: str
    text: str = ""


def verb_of(text: str) -> Verb:
    """The verb of this name; AskError where there is none."""
    for verb in VERBS:
        if verb == text:
            return verb
    raise AskError("verb", f"there is nothing like {text[:40]!r} to be asked", " or ".join(VERBS))


def checked(verb: Verb, args: Mapping[str, object]) -> dict[str, str | int]:
    """The arguments as they are sent, without those that are empty; AskError names the first that cannot be used."""
    kinds = VERBS[verb].args
    given = {name: value for name, value in args.items() if value not in (None, "")}
    for name in given:
        if name not in kinds:
            raise AskError(f"args.{name[:40]}", f"{verb} takes no such argument", " or ".join(kinds) or "none at all")
    for name in NEEDED.get(verb, frozenset()) - set(given):
        raise AskError(f"args.{name}", "it is missing", "a name that the agent's configuration declares")
    return {name: _CHECKS[kinds[name]](f"args.{name}", value) for name, value in given.items()}


def _device(field: str, value: object) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise AskError(field, "this is not the id of a device", "1-63 of a-z 0-9 _ -")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_LIMIT and all(_is_plain(char) for char in value)


def _is_plain(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "._-")


def _name(field: str, value: object) -> str:
    if not isinstance(value, str) or not _is_name(value):
        raise AskError(field, "this is no name", f"at most {NAME_LIMIT} of a-z A-Z 0-9 . _ -")
    return value


def _names(field: str, value: object) -> str:
    parts = [one.strip() for one in value.split(",")] if isinstance(value, str) else []
    text = ",".join(parts)
    if not parts or len(text) > NAMES_LIMIT or not all(_is_name(one) for one in parts):
        raise AskError(field, "these are no names", f"names with commas between them, {NAMES_LIMIT} characters at most")
    return text


def _count(field: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LINES_LIMIT:
        raise AskError(field, "this is no number that can be used", f"a whole number from 1 to {LINES_LIMIT}")
    return number


_CHECKS: Mapping[Kind, Callable[[str, object], str | int]] = {
    "device": _device,
    "name": _name,
    "names": _names,
    "count": _count,
}


def expiry(expires_s: float) -> int:
    """How long a command is good for, in ms; AskError."""
    if not SHORTEST_S <= expires_s <= LONGEST_S:
        raise AskError("expires_s", f"{expires_s:g} s cannot be used", f"{SHORTEST_S} to {LONGEST_S} s")
    return round(expires_s * 1000)


def agreed(consent: Consent, now_ms: int) -> Consent:
    """The consent, tidied up; AskError names the first field that cannot be used."""
    who, text = consent.who.strip(), consent.text.strip()
    if not 0 < len(who) <= WHO_LIMIT:
        raise AskError("consent.who", "it is not said who agreed", f"a name of at most {WHO_LIMIT} characters")
    if consent.how not in HOW:
        raise AskError("consent.how", "it is not said how they agreed", " or ".join(HOW))
    if not now_ms - OLDEST_MS <= consent.at_ms <= now_ms + MINUTE_MS:
        raise AskError("consent.at", "this is not when somebody agreed to it", "a time of the last 30 days")
    if len(text) > TEXT_LIMIT:
        raise AskError("consent.text", "it is too long", f"at most {TEXT_LIMIT} characters")
    device = _device("consent.device", consent.device)
    return Consent(who=who, how=consent.how, at_ms=min(consent.at_ms, now_ms), device=device, text=text)


def told_to_agent(consent: Consent) -> str:
    """One line that travels with the command and that the agent keeps in its own log."""
    at = datetime.fromtimestamp(consent.at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return "; ".join(part for part in (consent.who, consent.how, at, consent.device, consent.text) if part)
