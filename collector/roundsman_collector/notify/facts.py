"""What a notice says, apart from how it travels: `facts` of one notice, and its `letter` in a language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from roundsman_collector.core.label import is_author
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.core.worries import ABOUT
from roundsman_collector.notify import recurrences, words
from roundsman_collector.notify.words import of, say, word
from roundsman_collector.store import Names
from roundsman_collector.store.timing import REPEATS
from roundsman_wire.catalogue import Label, Language

TOLD_IN_WORDS = frozenset({"opened", "called_again", "dispatched", "handed_over", "verified", "reopened", "voided"})
"""Events of which people's words are told."""
SHORT = 120
"""At most so many characters of a name in a title."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything a notice is told from. `id` is the same however often it is sent, and unique in the world.

    `subject`: a device, `@` and an agent, or `#` and a site; empty for a test or digest. `body`: as the store keeps it
    (notices.py). `subjects`: the names of the subjects of a digest's entries. `time_zone`: the way's.
    """

    id: str
    event: str
    subject: str
    body: Mapping[str, Any]
    made_ms: int
    way: str
    names: Names = field(default_factory=Names)
    subjects: Mapping[str, Names] = field(default_factory=dict)
    faults: Mapping[str, Label] = field(default_factory=dict)
    public_url: str = ""
    time_zone: str | None = None

    @property
    def link(self) -> str:
        """The console's page about it; empty where nobody said under which name the console is found."""
        if not self.public_url or self.event == "test":
            return ""
        if "reminder" in self.body:
            return f"{self.public_url.rstrip('/')}/tasks"
        ticket, warning = self.body.get("ticket"), self.body.get("warning")
        if warning is not None:
            return f"{self.public_url.rstrip('/')}/statistics/recurrence/{warning['id']}"
        return self.public_url.rstrip("/") + ("/tickets" if ticket is None else f"/tickets/{quote(ticket['number'])}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A notice in words: a title of one line, sentences, rows of label and value, lines, and a link.

    `total`: how many a digest tells of; it may have lines for some of them only: `lines_of`.
    """

    title: str
    sentence: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    total: int = 0
    link: str = ""
    link_words: str = ""


def letter(facts: Facts, language: Language) -> Letter:
    """A notice in words."""
    match facts.event:
        case "test":
            return _test(facts, language)
        case "digest":
            return _digest(facts, language)
        case "task_due":
            return _reminder(facts, language)
        case "recurred":
            return _of_warning(facts, language)
        case _:
            return _of_ticket(facts, language)


def lines_of(said: Letter, language: Language, most: int | None = None) -> list[str]:
    """The lines of a digest, at most so many, and how many more there are."""
    lines = list(said.lines[:most])
    more = said.total - len(lines)
    return [*lines, say(language, "digest.more", count=more)] if more > 0 else lines


def fault_name(faults: Mapping[str, Label], code: str, language: Language) -> str:
    """What people call a fault; its code where the catalogue has no row for it (any more)."""
    return faults[code].of(language) if code in faults else code


def one_line(text: str, limit: int = SHORT) -> str:
    """Text from strangers for a title: no line ends, no control characters, not for ever."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * limit])
    return " ".join(kept.split())[:limit]


def _test(facts: Facts, language: Language) -> Letter:
    event = word(words.EVENTS, facts.event, language)
    who = one_line(str(facts.body.get("who", "")))
    return Letter(
        title=say(language, "title.test", event=event),
        sentence=say(language, "test", who=who, way=one_line(facts.way)),
        rows=((of(words.LABELS["way"], language), one_line(facts.way)),),
    )


def _of_ticket(facts: Facts, language: Language) -> Letter:
    return Letter(
        title=_line("title.ticket", facts.event, facts.subject, facts.names, facts.body, facts.faults, language),
        rows=tuple((of(words.LABELS[key], language), value) for key, value in _rows(facts, language) if value),
        link=facts.link,
        link_words=say(language, "open"),
    )


def _of_warning(facts: Facts, language: Language) -> Letter:
    device = _subject(facts.subject, facts.names, language) if facts.subject else ""
    told = recurrences.rows_of(facts.body, device, facts.faults, language)
    return Letter(
        title=one_line(recurrences.line_of(facts.body, device, facts.faults, language), 2 * SHORT),
        sentence="" if facts.body.get("found") else say(language, "recurred"),
        rows=tuple((of(words.LABELS[key], language), one_line(value, 500)) for key, value in told if value),
        link=facts.link,
        link_words=say(language, "open.recurrence"),
    )


def _rows(facts: Facts, language: Language) -> list[tuple[str, str]]:
    ticket, zone = facts.body["ticket"], facts.names.time_zone
    from_ms, to_ms = ticket["fault_from_ms"], ticket["fault_to_ms"]
    label = {"@": "agent", "#": "site"}.get(facts.subject[:1], "device")
    engineer, clock = facts.body.get("engineer"), facts.body.get("clock")
    again = facts.body.get("again", 0)
    return [
        (label, _subject(facts.subject, facts.names, language)),
        ("place", "" if label == "site" else _place(facts.names, language)),
        ("group", one_line(facts.names.group or "")),
        ("fault", fault_name(facts.faults, ticket["code"], language)),
        ("severity", word(words.SEVERITIES, ticket["severity"], language)),
        ("from", words.at(from_ms, zone, language)),
        ("to", "" if to_ms is None else words.at(to_ms, zone, language)),
        ("lasted", "" if to_ms is None else words.span(to_ms - from_ms, language)),
        ("number", ticket["number"]),
        ("engineer", "" if engineer is None else one_line(engineer["name"])),
        ("clock", "" if clock is None else word(CLOCKS, one_line(str(clock["clock"])), language)),
        ("due", "" if clock is None or clock["due_ms"] is None else words.at(clock["due_ms"], zone, language)),
        ("outcome", "" if facts.event == "opened" else word(words.OUTCOMES, ticket["outcome"], language)),
        ("who", "" if facts.body["who"] == ROBOT or is_author(facts.body["who"]) else one_line(facts.body["who"])),
        ("text", one_line(facts.body["text"], 500) if facts.event in TOLD_IN_WORDS else ""),
        ("again", say(language, "again", again=again, repeats=REPEATS) if again else ""),
    ]


def _reminder(facts: Facts, language: Language) -> Letter:
    """What is to be done of a plan, site by site."""
    told = facts.body["reminder"]
    return Letter(
        title=_reminded("title.tasks", told, language),
        sentence=say(language, f"tasks.{told['mark']}"),
        lines=tuple(_task(one, language) for one in told["tasks"]),
        total=told["count"],
        link=facts.link,
        link_words=say(language, "open.tasks"),
    )


def _reminded(phrase: str, told: Mapping[str, Any], language: Language) -> str:
    """What a reminder is about, in one line."""
    return say(
        language,
        phrase,
        mark=word(words.MARKS, told["mark"], language),
        kind=one_line(told["kind_zh" if language == "zh" else "kind_en"]),
        about=of(ABOUT[told["about"]], language),
        period=told["period"],
        count=told["count"],
    )


def _task(one: Mapping[str, Any], language: Language) -> str:
    """A task: where, and the last instant that is in time."""
    name = one_line(one["site_zh" if language == "zh" else "site_en"] or one["site"]) or say(language, "company")
    return say(language, "task", site=name, at=words.at(one["due_ms"] - 1000, one["time_zone"], language))


def _digest(facts: Facts, language: Language) -> Letter:
    body = facts.body
    lines = [
        _line("entry", one["event"], one["subject"], _names_in(facts, one["subject"]), one, facts.faults, language)
        for one in body["entries"]
    ]
    counts = [f"{word(words.EVENTS, event, language)} {count}" for event, count in body["by_event"].items()]
    kind = "daily" if body.get("is_daily") else "digest"
    begin, end = (words.at(body[key], facts.time_zone, language) for key in ("from_ms", "to_ms"))
    when = say(language, "span", begin=begin, end=end)
    return Letter(
        title=say(language, "title.digest", event=word(words.EVENTS, kind, language), count=body["count"]),
        sentence=say(language, kind),
        rows=((of(words.LABELS["count"], language), " · ".join(counts)), (of(words.LABELS["when"], language), when)),
        lines=tuple(lines),
        total=body["count"],
        link=facts.link,
        link_words=say(language, "open.tickets"),
    )


def _names_in(facts: Facts, subject: str) -> Names:
    return facts.subjects.get(subject, Names())


def _line(
    phrase: str,
    event: str,
    subject: str,
    names: Names,
    body: Mapping[str, Any],
    faults: Mapping[str, Label],
    language: Language,
) -> str:
    """What befell a ticket, in one line; of a reminder what it is about, of a warning what recurs."""
    if "reminder" in body:
        return _reminded("entry.tasks", body["reminder"], language)
    if "warning" in body:
        device = _subject(subject, names, language) if subject else ""
        return recurrences.line_of(body, device, faults, language)
    ticket = body["ticket"]
    return say(
        language,
        phrase,
        event=_event(event, body, language),
        at=words.at(ticket["fault_from_ms"], names.time_zone, language),
        subject=_subject(subject, names, language),
        fault=one_line(fault_name(faults, ticket["code"], language)),
        severity=word(words.SEVERITIES, ticket["severity"], language),
        number=ticket["number"],
    )


def _event(event: str, body: Mapping[str, Any], language: Language) -> str:
    """What befell it; of a clock, which one."""
    clock = body.get("clock")
    if clock is None:
        return word(words.EVENTS, event, language)
    name = word(CLOCKS, one_line(str(clock["clock"])), language)
    return say(language, f"event.{event}", clock=name, percent=clock["percent"])


def _subject(subject: str, names: Names, language: Language) -> str:
    """A device or a site by name and id; an agent by its id."""
    id_ = one_line(subject[1:] if subject[:1] in ("@", "#") else subject)
    both = (names.site_zh, names.site_en) if subject.startswith("#") else (names.name_zh, names.name_en)
    name = one_line((both[0] if language == "zh" else both[1]) or "")
    if subject.startswith("@"):
        name = of(words.LABELS["agent"], language)
        return f"{name} {id_}" if language == "zh" else f"{name.lower()} {id_}"
    return say(language, "named", name=name, id=id_) if name and name != id_ else id_


def _place(names: Names, language: Language) -> str:
    both = (names.site_zh, names.place_zh) if language == "zh" else (names.site_en, names.place_en)
    return " · ".join(one_line(one) for one in both if one)
