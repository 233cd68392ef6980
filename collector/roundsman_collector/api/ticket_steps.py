"""What a step of a ticket may say beside its words: a shape for each verb of core/lifecycle.py.

    said("arrive", {"at_ms": 1763690400000, "lat": 31.2, "lon": 121.5}) -> the same, checked; Problem names the field

Steps without a row say nothing but words.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.core.parts import Exclusion
from roundsman_collector.store.openings import TEXT_LIMIT

Milliseconds = Annotated[int, Field(ge=1, le=2**53, description="milliseconds UTC")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(max_length=2000)]
Serial = Annotated[str, Field(max_length=100)]
Rating = Annotated[int, Field(ge=1, le=5)]


class Said(BaseModel):
    """What every step may hold: nothing that nobody asked for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Dated(Said):
    """A step that may have happened before it is told."""

    at_ms: Milliseconds | None = Field(default=None, description="when it happened, if that was before now")


class Acknowledged(Said):
    """The first reply to the customer."""

    reply: Literal["", "phone", "remote", "visit"] = ""
    arrival_ms: Milliseconds | None = Field(default=None, description="promised to be there by")


class Examined(Said):
    """What was found without going there; the words say it."""

    how: Literal["phone", "remote", "readings"]


class Planned(Said):
    """The solution."""

    mode: Literal["phone", "remote", "visit", "supply"]
    service: Literal["", "parts", "support", "upkeep"] = Field(default="", description="which kind of service it is")


class Appointed(Said):
    """An appointment with the customer, or another one (改约)."""

    arrival_ms: Milliseconds
    agreed_by: Name = Field(description="who agreed on the customer's side")


class Dispatched(Said):
    """Who goes."""

    engineer: Name = Field(description="a login name")
    arrival_ms: Milliseconds | None = Field(default=None, description="promised to be there by")


class Departed(Dated):
    """On the way."""

    transport: Annotated[str, Field(max_length=60)] = ""


class Arrived(Dated):
    """There. The place is the phone's, where it knows."""

    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    accuracy_m: Annotated[float, Field(ge=0, le=1_000_000)] | None = None


class Left(Dated):
    """A visit that ends unfixed: 延时原因分析表."""

    reason: Literal["parts", "skill", "customer", "refused", "site", "diagnosis", "other"]
    analysis: Words
    next_visit_ms: Milliseconds | None = None
    parts_awaited: Words = ""


class Fixed(Dated):
    """Mended."""

    work: Annotated[str, Field(min_length=1, max_length=2000)] = Field(description="what was done")
    cause: Literal["product", "workmanship", "misuse", "damage", "other"]
    is_replaced: bool = Field(default=False, description="the part was replaced, not repaired")
    exclusion: Exclusion = Field(default="", description="why no warranty covers it, whatever the date")


class Resolved(Said):
    """Over without a visit."""

    how: Literal["phone", "remote", "false_alarm", "misuse", "by_itself", "other"] = "other"
    by: Annotated[str, Field(max_length=200)] = Field(
        default="", description="who on the customer's side mended it under guidance"
    )


class Confirmed(Said):
    """The customer agrees that it works, and says whether hours, work and its quality are right."""

    name: Name
    hours_right: bool | None = Field(default=None, description="the hours of work are as they stand on the ticket")
    work_right: bool | None = Field(default=None, description="so is the work")
    rating: Rating | None = Field(default=None, description="the quality of the service")


class Reported(Said):
    """Forms that were handed in."""

    forms: Annotated[list[Name], Field(max_length=20)] = []


class FollowedUp(Said):
    """回访."""

    reached: bool = True
    satisfied: bool | None = None
    rating: Rating | None = None


class Reviewed(Said):
    """审核: the work and the forms are as they should be, or are sent back with words."""

    accepted: bool
    rating: Rating | None = Field(default=None, description="the quality of the work")


class Waits(Dated):
    """Why it waits."""

    reason: Literal[
        "customer_absent",
        "rescheduled",
        "customer_network",
        "force_majeure",
        "refused",
        "not_reached",
        "parts",
        "other",
    ]


class Part(Said):
    """A part that was used. With `item` and `location` it comes from the stock."""

    component: Name
    name: Name
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1
    item: Annotated[str, Field(max_length=64)] | None = None
    location: Annotated[str, Field(max_length=64)] | None = None
    old_serial: Serial | None = None
    new_serial: Serial | None = None


class TakenAway(Said):
    """Something goes to the workshop."""

    component: Name
    serial: Serial | None = None
    agreed_by: Annotated[str, Field(max_length=200)] = Field(
        default="", description="who on the customer's side consents"
    )


class BroughtBack(Said):
    """It is back."""

    component: Name


class Lent(Said):
    """A loan unit: a piece of the stock, a registered device, or what its name and serial number say."""

    item: Annotated[str, Field(max_length=64)] | None = None
    location: Annotated[str, Field(max_length=64)] | None = None
    unit: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="a device of the register")
    serial: Serial | None = None
    name: Annotated[str, Field(max_length=200)] = ""


class LentBack(Said):
    """A loan that is over, by its number."""

    loan: Annotated[int, Field(ge=1, le=2**53)]
    became: Literal["returned", "converted", "lost"] = "returned"


class Signed(Said):
    """A signature: `file` is the picture."""

    side: Literal["customer", "service"]
    name: Name
    file: Annotated[int, Field(ge=1, le=2**53)]


class Attached(Said):
    """A file that was uploaded."""

    file: Annotated[int, Field(ge=1, le=2**53)]


class Consented(Said):
    """What the customer agreed to, and who said so."""

    what: Name
    by: Name


class Checked(Said):
    """A report was checked (核实); what was wrong in it is said anew. The log keeps what it said before."""

    asked: Literal["desk", "customer"] = Field(description="who was asked: whoever took the call, or the customer")
    name: Annotated[str, Field(max_length=200)] = ""
    phone: Annotated[str, Field(max_length=60)] = ""
    words: Annotated[str, Field(max_length=TEXT_LIMIT)] = Field(default="", description="what is wrong")
    wish: Annotated[str, Field(max_length=400)] = Field(default="", description="what the customer wishes")


class Contacted(Said):
    """What came of trying to speak with the customer."""

    outcome: Literal["reached", "declined", "refused", "not_reached"]
    name: Annotated[str, Field(max_length=200)] = Field(default="", description="with whom")


class Called(Said):
    """Who called again."""

    name: Annotated[str, Field(max_length=200)] = ""
    phone: Annotated[str, Field(max_length=60)] = ""


class HandedOver(Said):
    """Who sees to it now (转交)."""

    to: Name
    agreed_by: Annotated[str, Field(max_length=200)] = Field(
        default="", description="who on the customer's side agrees with it"
    )


class Transferred(Said):
    """Another ticket goes on (转单). Who agrees on both sides."""

    agreed_by: Annotated[str, Field(max_length=200)] = Field(default="", description="on the customer's side")
    approved_by: Annotated[str, Field(max_length=200)] = Field(default="", description="on our side")


class Wished(Said):
    """How urgent the customer finds it."""

    priority: Literal["urgent", "major", "minor"]


class Overruled(Said):
    """Which rule does not hold here."""

    rule: Literal["replacement"]


SHAPES: Mapping[str, type[Said]] = {
    "acknowledge": Acknowledged,
    "examine": Examined,
    "plan": Planned,
    "appoint": Appointed,
    "dispatch": Dispatched,
    "depart": Departed,
    "arrive": Arrived,
    "leave": Left,
    "fix": Fixed,
    "resolve": Resolved,
    "confirm": Confirmed,
    "report": Reported,
    "follow_up": FollowedUp,
    "review": Reviewed,
    "transfer": Transferred,
    "wait": Waits,
    "resume": Dated,
    "part": Part,
    "take_away": TakenAway,
    "bring_back": BroughtBack,
    "loan": Lent,
    "loan_back": LentBack,
    "sign": Signed,
    "attach": Attached,
    "consent": Consented,
    "check": Checked,
    "contact": Contacted,
    "call": Called,
    "hand_over": HandedOver,
    "priority": Wished,
    "override": Overruled,
}


def said(verb: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says, checked; what was left open is left out."""
    try:
        shape = SHAPES.get(verb, Said).model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("body.data", *first["loc"]))
        raise bad_parameter(where, str(first["msg"]), f"what docs/tickets.md says of {verb}") from error
    return {name: value for name, value in shape.model_dump().items() if value not in (None, "")}
