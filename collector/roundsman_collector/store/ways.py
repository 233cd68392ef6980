"""Ways of being told: who wants to hear of what, how and when, and the changes that people make to them.

    way     mail      target: an address                 said in the way's language
            webhook   target: http(s) URL                signed with the way's secret, made here and shown once
            wecom     target: the bot's URL with its key     企业微信群机器人
            dingtalk  the same                               钉钉自定义机器人; signed with a secret that it shows
            feishu    the same                               飞书自定义机器人; signed with a secret that it shows
    filter  events, the least severity, and of which groups, customers or devices (none of the three named: all)
    timing  hours in which nothing is told, once a day at a time, only what nobody answers: timing.py
    person  whose own way it is: it hears of the tickets alone that this person is sent to, and of clocks where the
            service level names their role; where the filter says so (`also`), of those of the sites they answer for,
            and of those of the rotas in which they are on duty: hearers.py

A disabled way hears nothing; it stays, because notices name it. Every change counts up `meta.ways`, so that the engine
(Listeners) reads them again in the transaction in which it next has something to tell, and not before.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple, cast, get_args
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection

from roundsman_collector.config import MAIL_ADDRESS
from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import StoreError, conflict
from roundsman_collector.store.sql import clean, json_text, run
from roundsman_collector.store.timing import Timing, timing_of

Kind = Literal["mail", "webhook", "wecom", "dingtalk", "feishu"]
Event = Literal[
    "opened",
    "called_again",
    "dispatched",
    "handed_over",
    "warned",
    "breached",
    "recovered",
    "verified",
    "resolved",
    "reopened",
    "voided",
    "task_due",
    "recurred",
]
Severity = Literal["urgent", "major", "minor"]
Also = Literal["responsible", "duty"]
Language = Literal["zh", "en"]

KINDS: tuple[Kind, ...] = get_args(Kind)
EVENTS: tuple[Event, ...] = get_args(Event)
ALSO: tuple[Also, ...] = get_args(Also)
USUAL: tuple[Event, ...] = (
    "opened",
    "called_again",
    "breached",
    "resolved",
    "reopened",
    "voided",
    "task_due",
    "recurred",
)
"""What is told where nobody said otherwise: what a desk has to know, without each step of the work."""
SIGNED: tuple[Kind, ...] = ("dingtalk", "feishu")
"""Whose secret is theirs: it is shown there and written here."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""
LANGUAGES: tuple[Language, ...] = get_args(Language)

WAYS_LIMIT = 500
NAMES_LIMIT = 500
TEXT_LIMIT = 200
TARGET_LIMIT = 1000
SECRET_LIMIT = 200
MASK = "••••"
PRINTABLE = re.compile(r"[!-~]+")
URL = "http(s)://host[:port]/path in plain ASCII, without a user, a password and a #"
# Where the key of a bot stands in its URL, and how the URL looks.
BOT_KEYS: Mapping[str, tuple[str, str]] = {
    "wecom": ("key", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."),
    "dingtalk": ("access_token", "https://oapi.dingtalk.com/robot/send?access_token=..."),
    "feishu": ("", "https://open.feishu.cn/open-apis/bot/v2/hook/..."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What a way wants to hear. No groups, customers and devices: of everything; otherwise of what any of them names.

    `severity`: this grave or graver. A silent agent belongs to its group, and to the devices that it speaks for.
    `also`: what somebody's own way hears of beside the tickets they are sent to: those of what they answer for, and
    those that befall where they are on duty.
    """

    events: tuple[Event, ...] = USUAL
    severity: Severity = "minor"
    groups: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    also: tuple[Also, ...] = ()

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
    """A way of being told. `secret` is for signing alone: it leaves this process in no answer, log or audit row.

    `person`: whose own it is; None: it is told of everybody's tickets.
    """

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
    person: str | None = None
    timing: Timing = Timing()

    @property
    def shown_target(self) -> str:
        """The target without what may be a key: an address as it is, of a URL only where it leads."""
        return self.target if self.kind == "mail" else masked(self.target)

    @property
    def bot(self) -> str:
        """What names the bot behind it, whoever else uses it, and tells nobody its key; empty: it is no bot."""
        key = bot_key(self.kind, self.target)
        return hashlib.sha256(f"{self.kind}:{key}".encode()).hexdigest()[:32] if key else ""


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
    events = tuple(said.get("events", USUAL))
    severity = said.get("severity", "minor")
    if not events or not set(events) <= set(EVENTS):
        raise _wrong("events", f"some of {', '.join(EVENTS)}")
    if severity not in SEVERITIES:
        raise _wrong("severity", f"one of {', '.join(SEVERITIES)}")
    also = tuple(said.get("also", ()))
    if not set(also) <= set(ALSO):
        raise _wrong("also", f"some of {', '.join(ALSO)}")
    names = {key: tuple(dict.fromkeys(said.get(key, ()))) for key in ("groups", "customers", "devices")}
    if sum(map(len, names.values())) > NAMES_LIMIT:
        raise _wrong("groups, customers and devices", f"at most {NAMES_LIMIT} names together")
    ordered = tuple(one for one in EVENTS if one in events)
    beside = tuple(one for one in ALSO if one in also)
    return Filter(events=ordered, severity=cast(Severity, severity), also=beside, **names)


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
    if not _is_url(target):
        return URL
    if kind in BOT_KEYS and not bot_key(kind, target):
        return f"the URL that the group shows for its bot, {BOT_KEYS[kind][1]}"
    return ""


def bot_key(kind: str, target: str) -> str:
    """The key in the URL of a bot; empty where there is none."""
    if kind not in BOT_KEYS:
        return ""
    parts, (name, _) = urlsplit(target), BOT_KEYS[kind]
    if name:
        return parse_qs(parts.query).get(name, [""])[0]
    return parts.path.rpartition("/hook/")[2].strip("/") if "/hook/" in parts.path else ""


def _is_url(target: str) -> bool:
    try:
        url = urlsplit(target)
        is_url = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False
    return is_url and bool(PRINTABLE.fullmatch(target)) and not (url.username or url.password or url.fragment)


def wrong_secret(kind: str, secret: str) -> str:
    """What would have been expected instead of this secret that somebody wrote; empty where it can be used."""
    if secret and kind not in SIGNED:
        return "no secret: only bots of DingTalk and Feishu are signed with one that is theirs"
    if len(secret) > SECRET_LIMIT or (secret and not PRINTABLE.fullmatch(secret)):
        return f"the secret as the bot's security settings show it, at most {SECRET_LIMIT} characters"
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
    return [_row(WayRow(*row)) for row in found]


def _row(kept: Any) -> WayRow:
    """A row of the database: two of its columns are JSON."""
    row: WayRow = kept._replace(filter=filter_of(json.loads(kept.filter)), timing=timing_of(json.loads(kept.timing)))
    return row


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
    connection: Connection,
    *,
    kind: str,
    name: str,
    target: str,
    filter_: Filter,
    language: str,
    deed: Deed,
    secret: str = "",
    person: str = "",
    timing: Timing | None = None,
) -> NewWay:
    """Make a way; a webhook gets a secret, a bot that signs has one that is given."""
    count = run(connection, "SELECT count(*) FROM way WHERE disabled_ms IS NULL").scalar_one()
    if count >= WAYS_LIMIT:
        raise conflict(f"there are {count} ways already", "way", "disable one that nobody needs any more")
    timing = timing or Timing()
    _check(kind, name, target, filter_, language, secret, timing)
    _check_person(connection, person)
    filter_ = _of_whom(filter_, person or None)
    made = secrets.token_urlsafe(32) if kind == "webhook" else ""
    way = int(
        run(
            connection,
            "INSERT INTO way (kind, name, target, secret, filter, language, made_ms, made_by, person, timing) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            kind,
            clean(name.strip(), TEXT_LIMIT),
            target,
            made or secret,
            json_text(asdict(filter_)),
            language,
            deed.at_ms,
            clean(deed.who, TEXT_LIMIT),
            person or None,
            json_text(asdict(timing)),
        ).scalar_one()
    )
    _changed(connection)
    audit.add(connection, deed, "way.add", str(way), after=_shown(known(connection, way)))
    return NewWay(way, made)


def change(
    connection: Connection,
    way: int,
    *,
    deed: Deed,
    name: str | None = None,
    target: str | None = None,
    filter_: Filter | None = None,
    language: str | None = None,
    secret: str | None = None,
    renew_secret: bool = False,
    person: str | None = None,
    timing: Timing | None = None,
) -> str:
    """Change what is given of a way; None leaves it. Returns the new secret where one was made, else nothing.

    `secret`: that of a bot, as it is shown there; empty: it signs no more. `person`: empty: it is nobody's own.
    """
    was = known(connection, way)
    made = secrets.token_urlsafe(32) if renew_secret and was.kind == "webhook" else ""
    new = was._replace(
        name=was.name if name is None else clean(name.strip(), TEXT_LIMIT),
        target=was.target if target is None else target,
        filter=was.filter if filter_ is None else filter_,
        language=was.language if language is None else cast(Language, language),
        secret=made or (was.secret if secret is None else secret),
        person=was.person if person is None else person or None,
        timing=was.timing if timing is None else timing,
    )
    _check(new.kind, new.name, new.target, new.filter, new.language, secret or "", new.timing)
    if new.person != was.person:
        _check_person(connection, new.person or "")
    new = new._replace(filter=_of_whom(new.filter, new.person))
    run(
        connection,
        "UPDATE way SET name = ?, target = ?, secret = ?, filter = ?, language = ?, person = ?, timing = ? "
        "WHERE id = ?",
        new.name,
        new.target,
        new.secret,
        json_text(asdict(new.filter)),
        new.language,
        new.person,
        json_text(asdict(new.timing)),
        way,
    )
    _changed(connection)
    after = _shown(new) | ({"secret": "renewed"} if new.secret != was.secret else {})
    audit.add(connection, deed, "way.change", str(way), before=_shown(was), after=after)
    return made


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


def _check(kind: str, name: str, target: str, filter_: Filter, language: str, secret: str, timing: Timing) -> None:
    if kind not in KINDS:
        raise conflict(f"there is no way by {kind}", "way", f"expected one of {', '.join(KINDS)}")
    if not name.strip():
        raise conflict("a way needs a name", "way", "say who is told by it")
    if expected := wrong_target(kind, target):
        raise conflict(f"the target of a {kind} cannot be used", "way", f"expected {expected}")
    if expected := wrong_secret(kind, secret):
        raise conflict("the secret cannot be used", "way", f"expected {expected}")
    if language not in LANGUAGES:
        raise conflict(f"nothing can be said in {language}", "way", f"expected one of {', '.join(LANGUAGES)}")
    filter_of(asdict(filter_))  # what is written must be read again: the engine reads all ways at once
    timing_of(asdict(timing))


def _of_whom(filter_: Filter, person: str | None) -> Filter:
    """A filter without what only somebody's own way can want, where it is nobody's."""
    return filter_ if person or not filter_.also else replace(filter_, also=())


def _check_person(connection: Connection, person: str) -> None:
    if not person:
        return
    found = run(connection, "SELECT disabled_ms FROM person WHERE id = ?", person).first()
    if found is None or found[0] is not None:
        raise conflict(f"there is nobody {person} who may sign in", "way", "look at the list of users")


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
        "person": way.person,
        "timing": asdict(way.timing),
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
OF_SITE = "SELECT NULL, site.group_id, NULL, site.customer FROM site WHERE site.id = ? AND site.to_ms IS NULL"


def belonging(connection: Connection, subject: str) -> Belonging:
    """Where a subject (a device, `@` and an agent, or `#` and a site) belongs now: as reach.py says, but for one, by
    its keys."""
    sql = {"@": OF_AGENT, "#": OF_SITE}.get(subject[:1], OF_DEVICE)
    found: Sequence[Any] = run(connection, sql, subject.lstrip("@#")).all()
    return Belonging(
        groups=frozenset(group for row in found for group in row[1:3] if group is not None),
        customers=frozenset(row[3] for row in found if row[3] is not None),
        devices=frozenset(row[0] for row in found if row[0] is not None),
    )
