"""What a probe is: two functions and their settings, as one value that importing does not wake.

    settings --> fetch --> raw answer --> parse --> Answer(readings, failed)
                  I/O                      pure

``fetch`` talks to one device, blocks, keeps to its own ``timeout_s`` and raises ProbeError when the device gives
nothing to parse. ``parse`` turns what was heard into readings of the catalogue and never touches the world: a
recorded answer parses on any machine. Every reading is a number, a word, or None with a reason in ``failed``.

Settings are data: documentation, checks and defaults all come from the one line that declares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from roundsman_wire.failures import FAILURES

__all__ = [
    "REQUIRED",
    "Answer",
    "ItemError",
    "Probe",
    "ProbeError",
    "Setting",
    "SettingError",
    "Value",
    "complete",
    "flag",
    "number",
    "text",
    "texts",
]

Value = float | int | str | None
"""A number, a word of the catalogue, or None: unknown, with the reason in ``failed``."""

DETAIL_LIMIT: Final = 400
"""Characters of a failure's detail that the wire carries."""


class _Required:
    """The default of a setting that has none: whoever installs the agent must say it."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One thing that may be set: name, kind, default, unit, a sentence for people, and its limits.

    ``secret`` values (communities, passwords) are never shown, logged or sent. ``fits`` looks closer where that is not
    enough: it raises ValueError, for one text of a list ItemError; it is called for `check`, never by a visit.
    """

    name: str
    kind: type
    default: object
    unit: str
    sentence: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    fits: Callable[[object], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a device said: readings, and for each that is None or each part that failed ``(code, detail)``.

    A key of ``failed`` is the name of a reading, or the name of the probe when it speaks of the whole device.
    """

    readings: Mapping[str, Value]
    failed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    bytes_moved: int | None = field(default=None, compare=False)
    """What went over the line both ways, where the probe can tell: a cost, no reading."""


class ProbeError(Exception):
    """The device gave no answer that could be read."""

    def __init__(self, code: str, detail: str) -> None:
        if code not in FAILURES:
            raise ValueError(f"{code!r} is not a failure of the catalogue ({', '.join(FAILURES)})")
        super().__init__(code, detail[:DETAIL_LIMIT])
        self.code = code
        self.detail = detail[:DETAIL_LIMIT]

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class ItemError(ValueError):
    """A text of a list, counted from 0, cannot be used."""

    def __init__(self, item: int, why: str) -> None:
        super().__init__(why)
        self.item = item


class SettingError(ValueError):
    """A setting of a probe is missing, unknown, of the wrong kind or out of its limits; of a list maybe one `item`."""

    def __init__(self, text: str, *, item: int | None = None) -> None:
        super().__init__(text)
        self.item = item


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """A way to read one kind of device. ``platforms`` are the values of ``sys.platform`` on which it was tried.

    ``blocks``: the kernel may hold a visit for ever (disks, serial lines, makers' tools), so it is made in a cell.
    ``target`` names the setting that says which device is read (an address, a port); "" where it is this machine.
    ``readings`` is every reading it may give, as the catalogue names it; of SNMP the families say that.
    ``parts`` are the dataclasses its raw answer is made of, so that a recording of it can be read again.
    """

    name: str
    platforms: frozenset[str]
    settings: tuple[Setting, ...]
    fetch: Callable[[Mapping[str, object]], object]
    parse: Callable[[object, Mapping[str, object]], Answer]
    default_timeout_s: float
    target: str = ""
    readings: tuple[str, ...] = ()
    parts: tuple[type, ...] = ()
    blocks: bool = False


def complete(probe: Probe, given: Mapping[str, object]) -> dict[str, object]:
    """The settings of a probe with its defaults filled in; SettingError names the first that is wrong."""
    known = {setting.name: setting for setting in probe.settings}
    for name in given:
        if name not in known:
            raise SettingError(f"probe {probe.name} has no setting {name!r}; it has {', '.join(known)}")
    return {name: _checked(probe.name, setting, given.get(name, setting.default)) for name, setting in known.items()}


def _checked(probe: str, setting: Setting, value: object) -> object:
    where = f"probe {probe}, setting {setting.name}"
    if value is REQUIRED:
        raise SettingError(f"{where}: is missing and has no default. {setting.sentence}")
    if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, setting.kind) or (isinstance(value, bool) and setting.kind is not bool):
        raise SettingError(f"{where}: expected {setting.kind.__name__}, got {type(value).__name__}")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise SettingError(f"{where}: expected a list of texts")
    if setting.choices and value not in setting.choices:
        raise SettingError(f"{where}: expected one of {', '.join(setting.choices)}, got {value!r}")
    if isinstance(value, int | float) and not _within(setting, float(value)):
        raise SettingError(f"{where}: expected {setting.least} to {setting.most} {setting.unit}, got {value!r}")
    if setting.fits is not None:
        try:
            setting.fits(value)
        except ValueError as error:
            raise SettingError(f"{where}: {error}", item=getattr(error, "item", None)) from error
    return value


def _within(setting: Setting, value: float) -> bool:
    least, most = setting.least, setting.most
    return (least is None or value >= least) and (most is None or value <= most)


# Settings were checked at the door. These four only tell the type checker what the door let in.


def text(settings: Mapping[str, object], name: str) -> str:
    value = settings[name]
    if not isinstance(value, str):
        raise TypeError(f"setting {name} is {type(value).__name__}, expected str: complete() was not called")
    return value


def number(settings: Mapping[str, object], name: str) -> float:
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"setting {name} is {type(value).__name__}, expected a number: complete() was not called")
    return value


def flag(settings: Mapping[str, object], name: str) -> bool:
    value = settings[name]
    if not isinstance(value, bool):
        raise TypeError(f"setting {name} is {type(value).__name__}, expected bool: complete() was not called")
    return value


def texts(settings: Mapping[str, object], name: str) -> list[str]:
    value = settings[name]
    if not isinstance(value, list):
        raise TypeError(f"setting {name} is {type(value).__name__}, expected list: complete() was not called")
    return [str(item) for item in value]
