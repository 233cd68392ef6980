"""What people keep of places and customers: the kinds of entries, their fields, and what a field may hold. Pure.

    KINDS["site"].fields                 names, what each holds, what an entry without it gets
    checked(KINDS["site"], {...}) -> all fields, clean; EntryError names the first that cannot be used

A reference names an entry that must be in force as long as the one that names it (entries.py looks it up).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Table

from roundsman_collector.core.availability import UNKNOWN_AS
from roundsman_collector.core.calendar import CalendarError, zone
from roundsman_collector.core.contract import ContractError, Dates
from roundsman_collector.core.hours import AROUND_THE_CLOCK, EXPECTED, kept
from roundsman_collector.core.parts import PARTS_RATES
from roundsman_collector.core.plans import Plan, PlanError
from roundsman_collector.people import checked_login
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.store import plan_files, schema
from roundsman_collector.store.sql import clean
from roundsman_wire.topics import is_id

KindName = Literal["group", "customer", "contract", "site", "place", "installation", "calendar", "point", "plan"]

USUAL_CALENDAR = "cn"
"""What a site has that names none: China's holidays, and days that are worked instead."""
NO_CALENDAR = "none"
"""A calendar without days, for sites whose week knows no holidays."""
ALWAYS_THERE = (USUAL_CALENDAR, NO_CALENDAR)
"""Calendars that cannot end: they came with the database."""

ZONES: dict[str, tuple[str, str]] = {
    "urban": ("市区", "urban"),
    "suburban": ("郊区", "suburban"),
    "elsewhere": ("异地", "elsewhere"),
    "remote": ("边远", "remote"),
}
NAME_LIMIT = 200
PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
ADDRESS_LIMIT = 400
PHONE = re.compile(r"[0-9+(][0-9 ()+,/-]{2,59}")
ID_EXPECTED = "an id: 1-63 of a-z 0-9 _ -, not starting with _ or -"


class EntryError(Exception):
    """An entry that cannot be kept as wished.

    `cause`: value (the field is wrong), missing (nothing is there), conflict (it contradicts what is kept), closed
    (beyond what this person reaches, told as if it were not there).
    """

    def __init__(self, *, what: str, where: str, expected: str, do: str, cause: str = "value", field: str = "") -> None:
        super().__init__(f"{what} ({where}): expected {expected}; {do}")
        self.what = what
        self.where = where
        self.expected = expected
        self.do = do
        self.cause = cause
        self.field = field


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of an entry. `usual` None and `is_needed` False: it may be empty. `refers_to`: what it is the id of."""

    name: str
    read: Callable[[str], str | None]
    expected: str
    is_needed: bool = False
    usual: str | None = None
    refers_to: KindName | Literal["person", "level"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of entry: its table, whose key is named `key`, and its fields in the table's order."""

    name: KindName
    table: Table
    fields: tuple[Field, ...]
    key: str = "id"
    zh: str
    held_by: tuple[tuple[KindName, str], ...] = ()
    """Which kinds name it in which field: it cannot end before them."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError
    return text


def _name(text: str) -> str:
    if not text or len(text) > NAME_LIMIT:
        raise ValueError
    return text


def _address(text: str) -> str:
    if len(text) > ADDRESS_LIMIT:
        raise ValueError
    return text


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _zone(text: str) -> str:
    if text not in ZONES:
        raise ValueError
    return text


def _zones(text: str) -> str:
    """Zones parted by blanks or commas, in the order of ZONES."""
    named = {word: zone for zone, words in ZONES.items() for word in (zone, *words)}
    found = {named.get(word) for word in re.split(r"[\s,;\N{IDEOGRAPHIC COMMA}\N{FULLWIDTH COMMA}]+", text) if word}
    if None in found:
        raise ValueError
    return " ".join(one for one in ZONES if one in found)


def _phone(text: str) -> str:
    if not PHONE.fullmatch(text):
        raise ValueError
    return text


def _unknown_as(text: str) -> str:
    if text not in UNKNOWN_AS:
        raise ValueError
    return text


def _parts_rate(text: str) -> str:
    if text not in PARTS_RATES:
        raise ValueError
    return text


def _plan_kind(text: str) -> str:
    if text not in plan_files.kinds():
        raise ValueError
    return text


def _changes(text: str) -> str | None:
    """What a plan changes of its kind; nothing is as good as {}."""
    said = plan_files.changes_from(text)
    return json.dumps(said, ensure_ascii=False, sort_keys=True) if said else None


def _percent(text: str) -> str:
    """A percentage as it is written: 99.5, never 1e2 and never NaN."""
    plain = text.removesuffix("%").strip()
    if not PERCENT.fullmatch(plain) or Decimal(plain) > 100:
        raise ValueError
    return plain


def _time_zone(text: str) -> str:
    zone(text)
    return text


def _named(name: str, *, is_needed: bool = True) -> Field:
    return Field(name=name, read=_name, expected=f"a name of 1-{NAME_LIMIT} characters", is_needed=is_needed)


def _refers(name: str, to: KindName | Literal["person"], *, is_needed: bool) -> Field:
    read = checked_login if to == "person" else _id
    return Field(name=name, read=read, expected=f"the id of a {to}", is_needed=is_needed, refers_to=to)


def _date(name: str) -> Field:
    return Field(name=name, read=_day, expected="a date such as 2026-11-21")


NAMES = (_named("name_zh"), _named("name_en"))
CONTACT = (
    _named("contact", is_needed=False),
    Field(name="contact_phone", read=_phone, expected="a telephone number such as 020-8888 6666"),
)
"""Who is on the spot. A number of a person: who may not act on tickets sees it masked."""
PRIVATE = ("contact_phone",)
KINDS: dict[KindName, Kind] = {
    "group": Kind(name="group", table=schema.monitoring_group, fields=NAMES, zh="监控分中心"),
    "customer": Kind(
        name="customer",
        table=schema.customer,
        fields=NAMES,
        zh="客户",
        held_by=(("contract", "customer"), ("site", "customer")),
    ),
    "contract": Kind(
        name="contract",
        table=schema.contract,
        fields=(
            _refers("customer", "customer", is_needed=True),
            _named("name"),
            _date("accepted_on"),
            _date("warranty_until"),
            _date("maintenance_until"),
            Field(name="unknown_as", read=_unknown_as, expected=" or ".join(UNKNOWN_AS), usual="exclude"),
            Field(name="target_percent", read=_percent, expected="a percentage such as 99.5, at most 4 decimals"),
            Field(name="service_level", read=_id, expected="the name of a service level", refers_to="level"),
            _date("labour_until"),
            Field(name="parts_rate", read=_parts_rate, expected=" or ".join(PARTS_RATES), usual="list"),
        ),
        zh="合同",
        held_by=(("site", "contract"), ("plan", "contract")),
    ),
    "site": Kind(
        name="site",
        table=schema.site,
        fields=(
            _refers("customer", "customer", is_needed=True),
            Field(name="group_id", read=_id, expected=ID_EXPECTED, is_needed=True),
            _refers("contract", "contract", is_needed=False),
            *NAMES,
            Field(name="address", read=_address, expected=f"at most {ADDRESS_LIMIT} characters", usual=""),
            Field(name="zone", read=_zone, expected=" or ".join(ZONES), usual="urban"),
            Field(
                name="time_zone", read=_time_zone, expected="an IANA name such as Asia/Shanghai", usual="Asia/Shanghai"
            ),
            Field(name="service_hours", read=kept, expected=EXPECTED, usual=AROUND_THE_CLOCK),
            _refers("engineer", "person", is_needed=False),
            replace(_refers("calendar", "calendar", is_needed=False), usual=USUAL_CALENDAR),
            _refers("point", "point", is_needed=False),
            *CONTACT,
        ),
        zh="站点",
        held_by=(("place", "site"), ("plan", "site")),
    ),
    "place": Kind(
        name="place",
        table=schema.place,
        fields=(
            _refers("site", "site", is_needed=True),
            *NAMES,
            _refers("engineer", "person", is_needed=False),
            *CONTACT,
        ),
        zh="点位",
        held_by=(("installation", "place"),),
    ),
    "point": Kind(
        name="point",
        table=schema.service_point,
        fields=(
            Field(name="group_id", read=_id, expected=ID_EXPECTED, is_needed=True),
            *NAMES,
            Field(name="address", read=_address, expected=f"at most {ADDRESS_LIMIT} characters", usual=""),
            Field(name="phone", read=_phone, expected="a telephone number such as 020-8888 6666", usual=""),
            Field(name="zones", read=_zones, expected=f"some of {', '.join(ZONES)}, or none", usual=""),
        ),
        zh="网点",
        held_by=(("site", "point"),),
    ),
    "calendar": Kind(name="calendar", table=schema.calendar, fields=NAMES, zh="日历", held_by=(("site", "calendar"),)),
    "plan": Kind(
        name="plan",
        table=schema.plan,
        fields=(
            Field(name="kind", read=_plan_kind, expected="a kind of plan of docs/plans.md", is_needed=True),
            _refers("contract", "contract", is_needed=False),
            _refers("site", "site", is_needed=False),
            replace(_date("first_day"), is_needed=True),
            _date("last_day"),
            Field(
                name="changes", read=_changes, expected='what it changes of its kind, as JSON: {"report": {"by": 3}}'
            ),
        ),
        zh="巡检计划",
    ),
    "installation": Kind(
        name="installation",
        table=schema.installation,
        fields=(_refers("place", "place", is_needed=True),),
        key="device",
        zh="安装",
    ),
}


def checked(kind: Kind, entry: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """All fields of an entry, each read and clean, in the table's order; raises EntryError."""
    where = f"{kind.name} {entry[:80]}"
    if not is_id(entry):
        raise EntryError(
            what=f"{entry[:80]!r} is not an id",
            where=kind.name,
            expected=ID_EXPECTED,
            do="choose another id",
            field="id",
        )
    unknown = sorted(set(fields) - set(kind.names))
    if unknown:
        raise EntryError(
            what=f"there is no field {unknown[0]!r}",
            where=where,
            expected=", ".join(kind.names),
            do="mend the field's name",
            field=unknown[0],
        )
    found = {field.name: read_field(field, fields.get(field.name), where) for field in kind.fields}
    if kind.name == "contract":
        dates_of(found, where)
    if kind.name == "plan":
        _check_plan(found, where)
    return found


def _check_plan(fields: Mapping[str, Any], where: str) -> None:
    """Refuse a plan that asks for nothing, or whose kind cannot be changed like that."""
    try:
        kind = plan_files.kind_of(fields["kind"], plan_files.changes_from(fields["changes"]))
    except RulesError as error:
        raise _wrong_plan(
            where, "changes", str(error), "keys of a row of kinds, as docs/plans.md explains them"
        ) from error
    days = {name: date.fromisoformat(fields[name]) if fields[name] else None for name in ("first_day", "last_day")}
    try:
        Plan(id=where, first_day=days["first_day"] or date.min, last_day=days["last_day"], places=())
    except PlanError as error:
        raise _wrong_plan(where, "last_day", str(error), "a last day that is not before the first") from error
    named = [name for name in ("contract", "site") if fields[name]]
    expected = {"site": (["contract"], ["site"]), "contract": (["contract"],), "company": ([],)}[kind.per]
    if named not in expected:
        told = {
            "site": "a contract, for all its sites, or one site",
            "contract": "a contract, and no site",
            "company": "neither a contract nor a site: it is for the whole company",
        }
        raise _wrong_plan(where, "contract", f"kind {kind.id} is {kind.per}'s", told[kind.per])


def _wrong_plan(where: str, field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=where, expected=expected, do="mend the plan", field=field)


def read_field(field: Field, value: object, where: str) -> str | None:
    """One field as it is kept; EntryError for what it cannot hold."""
    text = clean(value, 10_000).strip() if isinstance(value, str) else value
    if text is None or text == "":
        if field.is_needed:
            raise EntryError(
                what=f"{field.name} is empty", where=where, expected=field.expected, do="fill it in", field=field.name
            )
        return field.usual
    try:
        if not isinstance(text, str):
            raise ValueError
        return field.read(text)
    except (ValueError, CalendarError) as error:
        told = f": {error}" if isinstance(error, CalendarError) else ""
        raise EntryError(
            what=f"{field.name} cannot be {str(value)[:80]!r}{told}",
            where=where,
            expected=field.expected,
            do="mend the field",
            field=field.name,
        ) from error


def dates_of(fields: Mapping[str, Any], where: str) -> Dates:
    """The dates of a contract's fields; EntryError where they contradict each other."""
    try:
        return Dates(
            **{
                name: date.fromisoformat(fields[name]) if fields[name] else None
                for name in ("accepted_on", "warranty_until", "maintenance_until", "labour_until")
            }
        )
    except ContractError as error:
        raise EntryError(
            what=str(error),
            where=where,
            expected="accepted_on, warranty_until, maintenance_until one after the other; labour_until after the first",
            do="mend the dates",
            field=str(error).split(" ", 1)[0],
        ) from error
