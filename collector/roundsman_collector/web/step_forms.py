"""The forms of a ticket's steps: a table of fields for each verb, how they are shown, and what was written in them.

    shown("dispatch", ground, written, wrong)    -> what step_parts.html draws
    read("dispatch", ground, written) -> Read(text, data, wrong)

`written` is what the browser sent; times in it are on the clock of the ticket's site (`ground.zone`). What stands in a
list of choices is the only thing that may come back of it, but for lists that the step itself changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, NamedTuple

from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_, PAIRS
from roundsman_collector.web.zoned import TimeError, written, zone_name

Shape = Literal["line", "words", "choice", "time", "number", "tick", "yes_no", "many", "spare", "file", "place"]


class Field(NamedTuple):
    """A field of a form. `options`: a table of words.PAIRS, or a list of the ground; `limit`: characters."""

    name: str
    shape: Shape
    label: str
    is_needed: bool = False
    options: str = ""
    hint: str = ""
    limit: int = 200


WORDS = Field("text", "words", N_("Words"), limit=TEXT_LIMIT)
WHY = Field("text", "words", N_("Why"), is_needed=True, limit=TEXT_LIMIT)
HAPPENED = Field("at_ms", "time", N_("When it really was"), hint=N_("Empty: now."))

FORMS: Mapping[str, tuple[Field, ...]] = {
    "acknowledge": (
        Field("reply", "choice", N_("Reply to the customer"), options="reply"),
        Field("arrival_ms", "time", N_("Promised to be there by")),
        WORDS,
    ),
    "examine": (
        Field("how", "choice", N_("How it was looked into"), is_needed=True, options="examination"),
        Field("text", "words", N_("What was found"), is_needed=True, limit=TEXT_LIMIT),
    ),
    "plan": (
        Field("mode", "choice", N_("Mode"), is_needed=True, options="mode"),
        Field("service", "choice", N_("Kind of service"), options="service"),
        Field("text", "words", N_("Solution"), limit=TEXT_LIMIT),
    ),
    "dispatch": (
        Field("engineer", "choice", N_("Who goes"), is_needed=True, options="engineers"),
        Field("arrival_ms", "time", N_("Promised to be there by")),
        WORDS,
    ),
    "appoint": (
        Field("arrival_ms", "time", N_("Appointed for"), is_needed=True),
        Field("agreed_by", "line", N_("Agreed with"), is_needed=True, hint=N_("who agreed on the customer's side")),
        WORDS,
    ),
    "depart": (HAPPENED, Field("transport", "line", N_("Means of transport"), limit=60), WORDS),
    "arrive": (
        HAPPENED,
        Field("place", "place", N_("Where the phone is")),
        WORDS,
    ),
    "leave": (
        Field("reason", "choice", N_("Reason"), is_needed=True, options="delay"),
        Field("analysis", "words", N_("Analysis"), is_needed=True, limit=2000),
        Field("parts_awaited", "line", N_("Parts that are missing"), limit=2000),
        Field("next_visit_ms", "time", N_("Next visit")),
        HAPPENED,
    ),
    "fix": (
        Field("work", "words", N_("Work done"), is_needed=True, limit=2000),
        Field("cause", "choice", N_("What had caused it"), is_needed=True, options="damage"),
        Field("is_replaced", "tick", N_("The part was replaced, not repaired")),
        Field("exclusion", "choice", N_("Not covered by any warranty, because"), options="exclusion"),
        HAPPENED,
    ),
    "resolve": (
        Field("how", "choice", N_("Solved how"), is_needed=True, options="ending"),
        Field("by", "line", N_("Who did it on the spot"), hint=N_("Of the customer's people, guided by phone.")),
        WORDS,
    ),
    "verify": (Field("text", "words", N_("How it was verified"), is_needed=True, limit=TEXT_LIMIT),),
    "confirm": (
        Field("name", "line", N_("Who confirms"), is_needed=True),
        Field("hours_right", "yes_no", N_("Are the hours of work right?")),
        Field("work_right", "yes_no", N_("Is the work right as it is described?")),
        Field("rating", "choice", N_("Quality of the service"), options="ratings"),
        WORDS,
    ),
    "report": (Field("forms", "many", N_("Forms handed in"), options="sheets"), WORDS),
    "follow_up": (
        Field("reached", "yes_no", N_("Was the customer reached?"), is_needed=True),
        Field("satisfied", "yes_no", N_("Satisfied?")),
        Field("rating", "choice", N_("Rating"), options="ratings"),
        WORDS,
    ),
    "review": (
        Field("accepted", "yes_no", N_("Are the work and the forms as they should be?"), is_needed=True),
        Field("rating", "choice", N_("Quality of the work"), options="ratings"),
        Field("text", "words", N_("Words"), hint=N_("What is wrong, if it is sent back."), limit=TEXT_LIMIT),
    ),
    "close": (WORDS,),
    "reopen": (WHY,),
    "transfer": (
        WHY._replace(hint=N_("Who called, what is wrong, spares, loan units and parts in the workshop go along.")),
        Field("agreed_by", "line", N_("Who agrees on the customer's side")),
        Field("approved_by", "line", N_("Who agrees on our side")),
    ),
    "void": (WHY,),
    "wait": (Field("reason", "choice", N_("Reason"), is_needed=True, options="waiting"), HAPPENED, WORDS),
    "resume": (HAPPENED, WORDS),
    "part": (
        Field("spare", "spare", N_("From the stock"), options="spares"),
        Field("component", "choice", N_("Part of the device"), is_needed=True, options="components"),
        Field("name", "line", N_("Name of the part"), hint=N_("Empty: as in the stock.")),
        Field("quantity", "number", N_("Quantity")),
        Field("old_serial", "line", N_("Serial number of the old one"), limit=100),
        Field("new_serial", "line", N_("Serial number of the new one"), limit=100),
    ),
    "take_away": (
        Field("component", "choice", N_("Part of the device"), is_needed=True, options="components"),
        Field("serial", "line", N_("Serial number"), limit=100),
        Field("agreed_by", "line", N_("Who agrees on the customer's side")),
        WORDS,
    ),
    "bring_back": (Field("component", "choice", N_("Part of the device"), is_needed=True, options="taken"), WORDS),
    "loan": (
        Field("spare", "spare", N_("From the stock"), options="spares"),
        Field("unit", "line", N_("Or a registered device"), limit=64, hint=N_("its id")),
        Field("name", "line", N_("Or another unit: its name")),
        Field("serial", "line", N_("Serial number"), limit=100),
        WORDS,
    ),
    "loan_back": (
        Field("loan", "choice", N_("Loan unit"), is_needed=True, options="loans_here"),
        Field("became", "choice", N_("What became of it"), is_needed=True, options="became"),
        WORDS,
    ),
    "sign": (
        Field("side", "choice", N_("Side"), is_needed=True, options="sides"),
        Field("name", "line", N_("Signed by"), is_needed=True),
        Field("file", "file", N_("Signature"), is_needed=True),
    ),
    "attach": (
        Field("kind", "choice", N_("Kind"), is_needed=True, options="kinds"),
        Field("file", "file", N_("File"), is_needed=True),
        Field("text", "line", N_("Words about it"), limit=400),
    ),
    "consent": (
        Field("what", "line", N_("Consents to"), is_needed=True),
        Field("by", "line", N_("Who consents"), is_needed=True),
        WORDS,
    ),
    "check": (
        Field("asked", "choice", N_("Whom you asked"), is_needed=True, options="asked"),
        Field("name", "line", N_("Caller"), hint=N_("Only what is to be put right.")),
        Field("phone", "line", N_("Telephone"), limit=60),
        Field("words", "words", N_("What is wrong with it"), limit=TEXT_LIMIT),
        Field("wish", "line", N_("What the customer wishes"), limit=400),
        Field("text", "words", N_("Words"), limit=TEXT_LIMIT),
    ),
    "contact": (
        Field("outcome", "choice", N_("What came of it"), is_needed=True, options="contact"),
        Field("name", "line", N_("Spoke with")),
        WORDS,
    ),
    "call": (
        Field("name", "line", N_("Caller")),
        Field("phone", "line", N_("Telephone"), limit=60),
        Field("text", "words", N_("What was said"), limit=TEXT_LIMIT),
    ),
    "hand_over": (
        Field("to", "choice", N_("Hand over to"), is_needed=True, options="people"),
        WHY,
        Field("agreed_by", "line", N_("Who agrees on the customer's side")),
    ),
    "priority": (Field("priority", "choice", N_("Priority"), is_needed=True, options="severities"), WORDS),
    "override": (
        Field("rule", "choice", N_("Rule"), is_needed=True, options="rules"),
        WHY,
    ),
    "note": (Field("text", "words", N_("Words"), is_needed=True, limit=TEXT_LIMIT),),
}
"""The fields of each step, in the order in which they are asked. api/ticket_steps.py has what may stand in them."""
WITH_FILE = ("sign", "attach")
AT_ONCE = ("acknowledge", "depart", "resume")
"""Steps that say enough by themselves: a list may offer them as a button."""
CHANGING = ("taken", "loans_here")
"""Lists that the step itself changes: sent a second time over a bad line, what was chosen stands in them no longer.
The engine knows whether it was right."""
NUMBERS = ("quantity", "rating", "loan")
EMPTY = N_("This is needed.")
UNKNOWN = N_("Choose one of the list.")
NO_NUMBER = N_("Write a whole number from 1 to 1000.")
NO_TIME = N_("Write a time such as 2026-11-22T10:00.")
TOO_LONG = N_("At most %(count)s characters.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What forms offer: a list of (value, words) for each name in the tables, and the site's time zone."""

    saying: Saying
    zone: str
    lists: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def options(self, name: str) -> list[tuple[str, str]]:
        """What a choice offers."""
        if name in self.lists:
            return list(self.lists[name])
        return [(key, self.saying.pair(said)) for key, said in PAIRS.get(name, {}).items()]


class Read(NamedTuple):
    """What a form says: words, data, and what is wrong with which field."""

    text: str
    data: dict[str, Any]
    wrong: dict[str, str]


def shown(
    verb: str, ground: Ground, given: Mapping[str, str], wrong: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The fields of a form as they are drawn, with what was written in them."""
    return [_shown(one, ground, given, (wrong or {}).get(one.name, "")) for one in FORMS[verb]]


def _shown(one: Field, ground: Ground, given: Mapping[str, str], wrong: str) -> dict[str, Any]:
    saying = ground.saying
    hint = saying(one.hint) if one.hint else ""
    if one.shape == "time":
        zone = zone_name(saying, ground.zone)
        hint = f"{hint} {zone}".strip()
    options = ground.options(one.options) if one.options else []
    return {
        **one._asdict(),
        "label": saying(one.label),
        "hint": hint,
        "choices": options,
        "value": given.get(one.name, "1" if one.name == "quantity" else ""),
        "ticked": {name for name in given if given[name]} if one.shape == "many" else (),
        "given": given,
        "wrong": wrong,
    }


def read(verb: str, ground: Ground, given: Mapping[str, str]) -> Read:
    """What was written in a form; `wrong` is empty where it can be asked for."""
    text, data, wrong = "", dict[str, Any](), dict[str, str]()
    for one in FORMS[verb]:
        try:
            said = _read(one, ground, given)
        except Wrong as error:
            wrong[one.name] = error.said(ground.saying)
            continue
        if one.name == "text":
            text = str(said or "")
        elif one.shape in ("spare", "place"):
            data.update(said or {})
        elif said is not None:
            data[one.name] = said
    if verb == "part" and not data.get("name") and "item" in data:
        data["name"] = dict(ground.options("spares"))[given["spare"]].partition(" · ")[0]
    elif verb == "part" and not data.get("name"):
        wrong["name"] = ground.saying(EMPTY)
    return Read(text, data, wrong)


class Wrong(ValueError):
    """What was written in a field cannot be used."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message, self.values = message, values

    def said(self, saying: Saying) -> str:
        """In the reader's language."""
        return saying(self.message, **self.values)


def _read(one: Field, ground: Ground, given: Mapping[str, str]) -> Any:
    if one.shape == "many":
        return [key for key, _ in ground.options(one.options) if given.get(f"{one.name}.{key}")]
    if one.shape == "place":
        return _place(given)
    raw = given.get(one.name, "").strip()
    if not raw:
        if one.is_needed and one.shape != "file":
            raise Wrong(EMPTY)
        return None
    if len(raw) > one.limit:
        raise Wrong(TOO_LONG, count=one.limit)
    return _value(one, ground, raw)


def _value(one: Field, ground: Ground, raw: str) -> Any:
    match one.shape:
        case "choice" | "spare":
            is_number = raw.isascii() and raw.isdigit() and len(raw) < 16
            is_listed = one.options in CHANGING or raw in dict(ground.options(one.options))
            if not is_listed or (one.name in NUMBERS and not is_number):
                raise Wrong(UNKNOWN)
            if one.shape == "spare":
                location, _, item = raw.partition("|")
                return {"location": location, "item": item}
            return int(raw) if one.name in NUMBERS else raw
        case "number":
            if not (raw.isascii() and raw.isdigit() and 1 <= int(raw[:9]) <= 1000):
                raise Wrong(NO_NUMBER)
            return int(raw)
        case "time":
            try:
                return written(raw, ground.zone)
            except TimeError as error:
                raise Wrong(NO_TIME) from error
        case "tick":
            return True
        case "yes_no":
            return raw == "yes"
        case _:
            return raw


def _place(given: Mapping[str, str]) -> dict[str, float]:
    """Where a phone says that it is; nothing where it says what is no place."""
    try:
        found = {name: float(given[name]) for name in ("lat", "lon", "accuracy_m") if given.get(name, "").strip()}
    except ValueError:
        return {}
    is_place = abs(found.get("lat", 999)) <= 90 and abs(found.get("lon", 999)) <= 180
    return {name: value for name, value in found.items() if isfinite(value)} if is_place else {}
