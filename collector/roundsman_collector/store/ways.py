"""Ways of being told: who wants to hear of what, by mail or webhook, and the changes that people make to them.

    way     mail      target: an address                 said in the way's language
            webhook   target: http(s) URL                signed with the way's secret, which is shown once
    filter  events, the least severity, and of which groups, customers or devices (none of the three named: all)

A disabled way hears nothing; it stays, because notices name it. Every change counts up `meta.ways`, so that the engine
(Listeners) reads them again in the transaction in which it next has something to tell, and not before.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, cast, get_args
from urllib.parse import urlsplit

from sqlalchemy import Connection

from roundsman_collector.config import MAIL_ADDRESS
from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import StoreError, conflict
from roundsman_collector.store.sql import clean, json_text, run

Kind = Literal["mail", "webhook"]
Event = Literal["opened", "resolved", "voided"]
Severity = Literal["urgent", "major", "minor"]
Language = Literal["zh", "en"]

KINDS: tuple[Kind, ...] = get_args(Kind)
EVENTS: tuple[Event, ...] = get_args(Event)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""
LANGUAGES: tuple[Language, ...] = get_args(Language)

WAYS_LIMIT = 100
NAMES_LIMIT = 500
TEXT_LIMIT = 200
TARGET_LIMIT = 1000
MASK = "••••"
PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What a way wants to hear. No groups, customers and devices: of everything; otherwise of what any of them names.

    `severity`: this grave or graver. A silent agent belongs to its group, and to the devices that it speaks for.
    """

    events: tuple[Event, ...] = EVENTS
    severity: Severity = "minor"
    groups: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it matters where a ticket's subject belongs."""
        return bool(self.groups or self.customers or self.devices)

    def wants(self, event: str, severity: str) -> bool:
        """Whether such news is wanted, wherever it comes from. A severity of no name is taken for the gravest."""
        if event not in self.events:
            return False
        return severity not in SEVERITIES or SEVERITIES.index(severity) <= SEVERITIES.index(self.severity)

    def reaches(self, belonging: "Belonging") -> bool:
        """Whether a subject that belongs there is meant."""
        return (
            not self.is_narrow
            or not belonging.groups.isdisjoint(self.groups)
            or not belonging.customers.isdisjoint(self.customers)
            or not belonging.devices.isdisjoint(self.devices)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Belonging:
    """Where the subject of a ticket belongs."""

    groups: frozenset[str]
    customers: frozenset[str]
    devices: frozenset[str]


class WayRow(NamedTuple):
    """A way of being told. `secret` is for signing alone: it leaves this process in no answer, log or audit row."""

    id: int
    kind: Kind
    name: str
    target: str
    secret: str
    filter: Filter
    language: Language
    made_ms: int
    made_by: str
    disabled_ms: int | None

    @property
    def shown_target(self) -> str:
        """The target without what may be a key: an address as it is, of a URL only where it leads."""
        return self.target if self.kind == "mail" else masked(self.target)


class NewWay(NamedTuple):
    """What was made. `secret` is shown now and never again; empty for a mail."""

    id: int
    secret: str


def masked(url: str) -> str:
    """A URL without its path and query: chat services put their key there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/" + (MASK if parts.path.strip("/") or parts.query else "")


def filter_of(said: Mapping[str, Any]) -> Filter:
    """A filter from its JSON; StoreError says what is wrong with it."""
    events = tuple(said.get("events", EVENTS))
    severity = said.get("severity", "minor")
    if not events or not set(events) <= set(EVENTS):
        raise _wrong("events", f"some of {', '.join(EVENTS)}")
    if severity not in SEVERITIES:
        raise _wrong("severity", f"one of {', '.join(SEVERITIES)}")
    names = {key: tuple(dict.fromkeys(said.get(key, ()))) for key in ("groups", "customers", "devices")}
    if sum(map(len, names.values())) > NAMES_LIMIT:
        raise _wrong("groups, customers and devices", f"at most {NAMES_LIMIT} names together")
    ordered = tuple(one for one in EVENTS if one in events)
    return Filter(events=ordered, severity=cast(Severity, severity), **names)


def _wrong(what: str, expected: str) -> StoreError:
    return conflict(f"the filter's {what} cannot be used", "way", f"expected {expected}")


def wrong_target(kind: str, target: str) -> str:
    """What would have been expected instead of this target; empty where it can be used.

    An address is plain ASCII without blanks: what else some servers take could smuggle a line into a letter.
    """
    if len(target) > TARGET_LIMIT:
        return f"at most {TARGET_LIMIT} characters"
    if kind == "mail":
        return "" if MAIL_ADDRESS.fullmatch(target) else "one mail address, such as duty@example.com"
    try:
        url = urlsplit(target)
        is_url = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        is_url = False
    if not is_url or not PRINTABLE.fullmatch(target) or url.username or url.password or url.fragment:
        return "http(s)://host[:port]/path in plain ASCII, without a user, a password and a #"
    return ""


# --- reading ---------------------------------------------------------------------------------------------------------

COLUMNS = ", ".join(WayRow._fields)


def rows(connection: Connection) -> list[WayRow]:
    """All ways that ever were, by id."""
    return _read(connection, "1 = 1")


def active(connection: Connection) -> list[WayRow]:
    """The ways that are in use, by id."""
    return _read(connection, "disabled_ms IS NULL")


def one(connection: Connection, way: int) -> WayRow | None:
    """A way."""
    return next(iter(_read(connection, "id = ?", way)), None)


def _read(connection: Connection, where: str, *values: object) -> list[WayRow]:
    found = run(connection, f"SELECT {COLUMNS} FROM way WHERE {where} ORDER BY id", *values)
    place = WayRow._fields.index("filter")
    return [WayRow(*row)._replace(filter=filter_of(json.loads(row[place]))) for row in found]


class Listeners:
    """The ways in use, remembered until one changes. For the engine, which asks in each transaction with news."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._ways: tuple[WayRow, ...] = ()

    def now(self, connection: Connection) -> tuple[WayRow, ...]:
        """The ways as this transaction sees them."""
        version = str(run(connection, "SELECT value FROM meta WHERE key = 'ways'").scalar() or "")
        if version != self._version:
            self._ways = tuple(active(connection)) if version else ()
            self._version = version
        return self._ways


# --- changes ---------------------------------------------------------------------------------------------------------


def add(
    connection: Connection, *, kind: str, name: str, target: str, filter_: Filter, language: str, deed: Deed
) -> NewWay:
    """Make a way; a webhook gets a secret."""
    count = run(connection, "SELECT count(*) FROM way WHERE disabled_ms IS NULL").scalar_one()
    if count >= WAYS_LIMIT:
        raise conflict(f"there are {count} ways already", "way", "disable one that nobody needs any more")
    _check(kind, name, target, filter_, language)
    secret = secrets.token_urlsafe(32) if kind == "webhook" else ""
    way = int(
        run(
            connection,
            "INSERT INTO way (kind, name, target, secret, filter, language, made_ms, made_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            kind,
            clean(name.strip(), TEXT_LIMIT),
            target,
            secret,
            json_text(asdict(filter_)),
            language,
            deed.at_ms,
            clean(deed.who, TEXT_LIMIT),
        ).scalar_one()
    )
    _changed(connection)
    audit.add(connection, deed, "way.add", str(way), after=_shown(known(connection, way)))
    return NewWay(way, secret)


def change(
    connection: Connection,
    way: int,
    *,
    deed: Deed,
    name: str | None = None,
    target: str | None = None,
    filter_: Filter | None = None,
    language: str | None = None,
    renew_secret: bool = False,
) -> str:
    """Change what is given of a way; None leaves it. Returns the new secret where one was made, else nothing."""
    was = known(connection, way)
    secret = secrets.token_urlsafe(32) if renew_secret and was.kind == "webhook" else ""
    new = was._replace(
        name=was.name if name is None else clean(name.strip(), TEXT_LIMIT),
        target=was.target if target is None else target,
        filter=was.filter if filter_ is None else filter_,
        language=was.language if language is None else cast(Language, language),
        secret=secret or was.secret,
    )
    _check(new.kind, new.name, new.target, new.filter, new.language)
    run(
        connection,
        "UPDATE way SET name = ?, target = ?, secret = ?, filter = ?, language = ? WHERE id = ?",
        new.name,
        new.target,
        new.secret,
        json_text(asdict(new.filter)),
        new.language,
        way,
    )
    _changed(connection)
    after = _shown(new) | ({"secret": "renewed"} if secret else {})
    audit.add(connection, deed, "way.change", str(way), before=_shown(was), after=after)
    return secret


def disable(connection: Connection, way: int, *, is_disabled: bool, deed: Deed) -> None:
    """Tell nobody by this way any more, or again. Doing it twice changes nothing."""
    was = known(connection, way)
    if (was.disabled_ms is not None) == is_disabled:
        return
    run(connection, "UPDATE way SET disabled_ms = ? WHERE id = ?", deed.at_ms if is_disabled else None, way)
    _changed(connection)
    verb = "way.disable" if is_disabled else "way.enable"
    audit.add(connection, deed, verb, str(way), before=_shown(was), after=_shown(known(connection, way)))


def known(connection: Connection, way: int) -> WayRow:
    """A way; StoreError where there is none."""
    found = one(connection, way)
    if found is None:
        raise conflict(f"there is no way {way}", "way", "look at the list of ways")
    return found


def _check(kind: str, name: str, target: str, filter_: Filter, language: str) -> None:
    if kind not in KINDS:
        raise conflict(f"there is no way by {kind}", "way", f"expected one of {', '.join(KINDS)}")
    if not name.strip():
        raise conflict("a way needs a name", "way", "say who is told by it")
    if expected := wrong_target(kind, target):
        raise conflict(f"the target of a {kind} cannot be used", "way", f"expected {expected}")
    if language not in LANGUAGES:
        raise conflict(f"nothing can be said in {language}", "way", f"expected one of {', '.join(LANGUAGES)}")
    filter_of(asdict(filter_))  # what is written must be read again: the engine reads all ways at once


def _changed(connection: Connection) -> None:
    run(
        connection,
        "INSERT INTO meta (key, value) VALUES ('ways', '1') "
        "ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)",
    )


def _shown(way: WayRow) -> dict[str, Any]:
    """A way for the audit log: no secret, no key in a URL."""
    return {
        "kind": way.kind,
        "name": way.name,
        "target": way.shown_target,
        "filter": asdict(way.filter),
        "language": way.language,
        "disabled_ms": way.disabled_ms,
    }


# --- where a subject belongs -----------------------------------------------------------------------------------------

SPOKEN_FOR = (
    "SELECT device.id, agent.group_id, site.group_id, site.customer FROM {} "
    "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL WHERE {}"
)
OF_DEVICE = SPOKEN_FOR.format(
    "device LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no",
    "device.id = ?",
)
OF_AGENT = SPOKEN_FOR.format(
    "agent LEFT JOIN assignment ON assignment.agent_no = agent.no AND assignment.to_ms IS NULL "
    "LEFT JOIN device ON device.id = assignment.device",
    "agent.id = ?",
)


def belonging(connection: Connection, subject: str) -> Belonging:
    """Where a subject (a device, or `@` and an agent) belongs now: as reach.py says, but for one, by its keys."""
    sql = OF_AGENT if subject.startswith("@") else OF_DEVICE
    found: Sequence[Any] = run(connection, sql, subject.removeprefix("@")).all()
    return Belonging(
        groups=frozenset(group for row in found for group in row[1:3] if group is not None),
        customers=frozenset(row[3] for row in found if row[3] is not None),
        devices=frozenset(row[0] for row in found if row[0] is not None),
    )
