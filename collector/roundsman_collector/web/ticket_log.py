"""A ticket's log as people read it: each line with what its data says, in words, and the pictures it names.

    lines(log, reader) -> [{"verb", "at_ms", "told_ms", "who", "text", "facts": [(label, value)], "files": [...]}]

A time that somebody told stands beside the one at which it became known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.label import is_author
from roundsman_collector.core.ticket_log import REPORTED_KEYS, ROBOT, Event, happened_ms
from roundsman_collector.store.files import FileRow
from roundsman_collector.store.loans import BECAME
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.words import N_

THUMB_BYTES = 600_000
"""A photo that is larger is a link: a phone on a bad line does not load it by itself."""
PICTURES = ("image/jpeg", "image/png", "image/webp")
SIDES: Mapping[str, str] = {"customer": N_("customer"), "service": N_("service")}
RULES: Mapping[str, str] = {"replacement": N_("replace instead of repairing again")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Who reads: language, names of people by login, the ticket's number, its files, names of service levels."""

    saying: Saying
    number: str
    people: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[int, FileRow] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    """Names of service levels by their ids."""

    def person(self, login: object) -> str:
        """What somebody is called; of who scanned a label nobody knows more than that."""
        who = str(login)
        return self.saying.word("source", "qr") if is_author(who) else self.people.get(who, who)


Say = Callable[[Reader, Any], str]


def _plain(_: Reader, value: Any) -> str:
    return str(value)


def _time(reader: Reader, value: Any) -> str:
    return reader.saying.at(value) if isinstance(value, int) else str(value)


def _person(reader: Reader, value: Any) -> str:
    return reader.person(value)


def _level(reader: Reader, value: Any) -> str:
    return reader.levels.get(str(value), str(value))


def _component(reader: Reader, value: Any) -> str:
    return component_name(reader.saying, str(value))


def _yes(reader: Reader, value: Any) -> str:
    return reader.saying("yes") if value else reader.saying("no")


def _table(name: str) -> Say:
    return lambda reader, value: reader.saying.word(name, str(value))


def _of(words: Mapping[str, str]) -> Say:
    return lambda reader, value: reader.saying(words[value]) if value in words else str(value)


def _caller(reader: Reader, value: Any) -> str:
    said = value if isinstance(value, Mapping) else {}
    return " ".join(str(said[key]) for key in ("name", "phone") if said.get(key))


def _was(_: Reader, value: Any) -> str:
    """What a report said before it was checked."""
    said = value if isinstance(value, Mapping) else {}
    return " · ".join(str(said[key]) for key in REPORTED_KEYS if said.get(key))


def _listed(reader: Reader, value: Any) -> str:
    return reader.saying.listed(map(str, value)) if isinstance(value, list) else str(value)


def _became(reader: Reader, value: Any) -> str:
    return reader.saying.pair(BECAME.get(str(value), (str(value), str(value))))


def _span(reader: Reader, value: Any) -> str:
    return reader.saying.span(value) if isinstance(value, int) else str(value)


WORKED: tuple[tuple[str, str, Say], ...] = (
    ("from_ms", N_("Looked at from"), _time),
    ("to_ms", N_("to"), _time),
    ("up_ms", N_("It worked for"), _span),
    ("down_ms", N_("It did not work for"), _span),
    ("unknown_ms", N_("Not known for"), _span),
)
"""What readings say of the time after a repair."""


def _percent(_: Reader, value: Any) -> str:
    return f"{value} %"


def _spares(reader: Reader, value: Any) -> str:
    """打印头 ×2 (hq)"""
    said = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    language = reader.saying.language
    names = [one.get(f"name_{language}") or one.get("name_zh") or one.get("item") for one in said]
    return reader.saying.listed(
        f"{name} ×{one.get('quantity')} ({one.get('location')})" for name, one in zip(names, said, strict=True)
    )


def _away(reader: Reader, value: Any) -> str:
    said = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    return reader.saying.listed(
        " ".join((_component(reader, one.get("component")), str(one.get("serial") or ""))).strip() for one in said
    )


ALONG: tuple[tuple[str, str, Say], ...] = (
    ("spares", N_("Spares that go along"), _spares),
    ("in_hand", N_("Issued before, not used yet"), _spares),
    ("loans", N_("Loan units that are out"), _listed),
    ("taken_away", N_("In the workshop"), _away),
)
"""What goes along when another ticket goes on."""


FACTS: Mapping[str, tuple[tuple[str, str, Say], ...]] = {
    "open": (
        ("source", N_("Source"), _table("source")),
        ("caller", N_("Caller"), _caller),
        ("customer_priority", N_("The customer's priority"), _table("severity")),
        ("wish", N_("What the customer wishes"), _plain),
        ("transferred_from", N_("Goes on from"), _plain),
        ("words", N_("What is wrong with it"), _plain),
        ("calls", N_("Calls before"), _plain),
        *ALONG,
    ),
    "promise": (("level", N_("Service level"), _level),),
    "acknowledge": (
        ("reply", N_("Reply"), _table("reply")),
        ("arrival_ms", N_("Promised to be there by"), _time),
    ),
    "examine": (("how", N_("How it was looked into"), _table("examination")),),
    "plan": (("mode", N_("Mode"), _table("mode")), ("service", N_("Kind of service"), _table("service"))),
    "appoint": (("arrival_ms", N_("Appointed for"), _time), ("agreed_by", N_("Agreed with"), _plain)),
    "dispatch": (
        ("engineer", N_("Who goes"), _person),
        ("arrival_ms", N_("Promised to be there by"), _time),
    ),
    "depart": (("transport", N_("Means of transport"), _plain),),
    "leave": (
        ("reason", N_("Reason"), _table("delay")),
        ("analysis", N_("Analysis"), _plain),
        ("parts_awaited", N_("Parts that are missing"), _plain),
        ("next_visit_ms", N_("Next visit"), _time),
    ),
    "fix": (
        ("work", N_("Work done"), _plain),
        ("cause", N_("Cause"), _table("damage")),
        ("is_replaced", N_("Part replaced"), _yes),
        ("exclusion", N_("Not covered by any warranty, because"), _table("exclusion")),
    ),
    "resolve": (("how", N_("Solved how"), _table("ending")), ("by", N_("Who did it on the spot"), _plain)),
    "confirm": (
        ("name", N_("Who confirms"), _plain),
        ("hours_right", N_("Hours of work right"), _yes),
        ("work_right", N_("Work right"), _yes),
        ("rating", N_("Quality of the service"), _plain),
    ),
    "review": (
        ("accepted", N_("Accepted"), _yes),
        ("rating", N_("Quality of the work"), _plain),
    ),
    "report": (("forms", N_("Forms"), _listed),),
    "follow_up": (
        ("reached", N_("Reached"), _yes),
        ("satisfied", N_("Satisfied"), _yes),
        ("rating", N_("Rating"), _plain),
    ),
    "transfer": (
        ("to", N_("Goes on as"), _plain),
        ("agreed_by", N_("Who agrees on the customer's side"), _plain),
        ("approved_by", N_("Who agrees on our side"), _plain),
        *ALONG,
    ),
    "wait": (("reason", N_("Reason"), _table("waiting")),),
    "part": (
        ("component", N_("Part"), _component),
        ("name", N_("Name of the part"), _plain),
        ("quantity", N_("Quantity"), _plain),
        ("old_serial", N_("Old serial number"), _plain),
        ("new_serial", N_("New serial number"), _plain),
        ("location", N_("Taken from"), _plain),
    ),
    "take_away": (
        ("component", N_("Part"), _component),
        ("serial", N_("Serial number"), _plain),
        ("agreed_by", N_("Who agrees on the customer's side"), _plain),
    ),
    "bring_back": (("component", N_("Part"), _component),),
    "loan": (
        ("name", N_("Loan unit"), _plain),
        ("unit", N_("Device"), _plain),
        ("item", N_("Item"), _plain),
        ("serial", N_("Serial number"), _plain),
        ("location", N_("Taken from"), _plain),
        ("loan", N_("Loan number"), _plain),
    ),
    "loan_back": (("loan", N_("Loan number"), _plain), ("became", N_("What became of it"), _became)),
    "sign": (("side", N_("Side"), _of(SIDES)), ("name", N_("Signed by"), _plain)),
    "consent": (("what", N_("Consents to"), _plain), ("by", N_("Who consents"), _plain)),
    "check": (
        ("asked", N_("Whom you asked"), _table("asked")),
        ("name", N_("Caller"), _plain),
        ("phone", N_("Telephone"), _plain),
        ("words", N_("What is wrong with it"), _plain),
        ("wish", N_("What the customer wishes"), _plain),
        ("was", N_("Said before"), _was),
    ),
    "contact": (("outcome", N_("What came of it"), _table("contact")), ("name", N_("Spoke with"), _plain)),
    "call": (("name", N_("Caller"), _plain), ("phone", N_("Telephone"), _plain)),
    "hand_over": (
        ("to", N_("Handed over to"), _person),
        ("agreed_by", N_("Who agrees on the customer's side"), _plain),
    ),
    "priority": (("priority", N_("Priority"), _table("severity")),),
    "override": (("rule", N_("Rule"), _of(RULES)),),
    "verify": WORKED,
    "doubt": WORKED,
    "call_back": WORKED,
    "warn": (
        ("clock", N_("Clock"), _table("clock")),
        ("percent", N_("Used up"), _percent),
        ("due_ms", N_("Due"), _time),
    ),
    "breach": (("clock", N_("Clock"), _table("clock")), ("due_ms", N_("Due"), _time)),
}
"""What is said of a line's data: its key, what it is called, how it is said. What is not here is not shown."""


def lines(log: Iterable[Event], reader: Reader) -> list[dict[str, Any]]:
    """The lines of a log, in their order."""
    return [_line(one, reader) for one in log]


def _line(one: Event, reader: Reader) -> dict[str, Any]:
    told = happened_ms(one)
    return {
        "id": one.id,
        "verb": one.verb,
        "at_ms": one.at_ms,
        "told_ms": told if told != one.at_ms else None,
        "who": "" if one.who == ROBOT else reader.person(one.who),
        "text": one.text if one.verb != "open" or one.who != ROBOT else "",
        "count": one.data.get("count") if one.verb in ("join", "release") else None,
        "facts": [
            (reader.saying(label), said)
            for key, label, say in FACTS.get(one.verb, ())
            if one.data.get(key) not in (None, "", []) and (said := say(reader, one.data[key]))
        ],
        "place": _place(one.data),
        "file": _file(one, reader),
    }


def _place(data: Mapping[str, Any]) -> str:
    """Where a phone was: degrees, and how well it knew."""
    lat, lon = data.get("lat"), data.get("lon")
    if not isinstance(lat, float | int) or not isinstance(lon, float | int):
        return ""
    accuracy = data.get("accuracy_m")
    within = f" ± {round(accuracy)} m" if isinstance(accuracy, float | int) else ""
    return f"{lat:.5f}, {lon:.5f}{within}"


def _file(one: Event, reader: Reader) -> dict[str, Any] | None:
    """The file that a line names, while it is there."""
    named = one.data.get("file")
    row = reader.files.get(named) if isinstance(named, int) else None
    if row is None:
        return None
    return {
        "name": row.name,
        "kind": row.kind,
        "size": reader.saying.value({"value": row.size, "unit": "bytes"}),
        "is_picture": row.media_type in PICTURES and row.size <= THUMB_BYTES,
        "width": row.width,
        "height": row.height,
        "address": f"{ROOT}/tickets/{quote(reader.number, safe='')}/files/{row.id}",
    }
