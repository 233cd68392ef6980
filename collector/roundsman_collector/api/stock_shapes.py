"""What the API says of the stock, and what it is told."""

from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.core.stock import GRADES
from roundsman_collector.store.stock_rows import SERIAL_LIMIT, TEXT_LIMIT

NAME = 200


class ItemWish(BaseModel):
    """An item as it is to be from now on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name_zh: str = Field(min_length=1, max_length=NAME)
    name_en: str = Field("", max_length=NAME)
    specification: str = Field("", max_length=2 * NAME)
    component: str = Field(
        "", max_length=63, description="what it replaces in a device, such as printer; device: all of it"
    )
    kinds: list[str] = Field([], max_length=50, description="of which kinds of devices; none: of any")
    models: list[str] = Field([], max_length=50, description="of which models; none: of any")
    unit: str = Field("个", max_length=20)
    is_consumable: bool = Field(False, description="it is used up, and no warranty covers it")
    warranty_months: int | None = Field(None, ge=0, le=240, description="of a new one; null: as the contract says")
    is_swapped: bool = Field(False, description="it is swapped at once; the old one comes back to be repaired")


class ItemShape(ItemWish):
    """An item of the stock."""

    id: str
    made_by: str


class LocationWish(BaseModel):
    """A location as it is to be from now on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name_zh: str = Field(min_length=1, max_length=NAME)
    name_en: str = Field("", max_length=NAME)
    customer: str | None = Field(None, max_length=63, description="whose own it is")
    group: str | None = Field(None, max_length=63, description="the monitoring centre that it belongs to")
    point: str | None = Field(None, max_length=63, description="the service point where it is")
    engineer: str | None = Field(None, max_length=63, description="who carries it along: a login name")


class LocationShape(LocationWish):
    """A location of the stock."""

    id: str
    made_by: str


class LevelWish(BaseModel):
    """How many are to be there: what was authorised, and the least that may be free."""

    model_config = ConfigDict(extra="forbid")

    authorised: int = Field(ge=0, le=1_000_000)
    minimum: int = Field(0, ge=0, le=1_000_000)


class QuantityShape(BaseModel):
    """An item at a location. `free`: not reserved; `missing`: to be bought; `is_low`: less is free than the minimum."""

    model_config = ConfigDict(extra="forbid")

    location: str
    item: str
    name_zh: str
    name_en: str
    unit: str
    shelf: int
    reserved: int
    free: int
    in_repair: int
    lent: int
    authorised: int | None
    minimum: int | None
    missing: int
    is_low: bool


class MoveBody(BaseModel):
    """What came or went. `ticket`: needed for issue and return; `grade`: for how many years a repaired one is good."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: str = Field(max_length=63)
    item: str = Field(max_length=63)
    verb: str = Field(
        max_length=20, description="receive, issue, return, collect, send, repaired, discard, scrap, count"
    )
    quantity: int = Field(1, description="of a count also negative")
    serial: str = Field("", max_length=SERIAL_LIMIT, description="then the quantity is 1")
    grade: int | None = Field(None, description=", ".join(map(str, GRADES)))
    ticket: str = Field("", max_length=40, description="its number")
    text: str = Field("", max_length=TEXT_LIMIT)


class MoveShape(BaseModel):
    """A move that was booked."""

    model_config = ConfigDict(extra="forbid")

    id: int
    at_ms: int
    at: str | None
    location: str
    item: str
    verb: str
    verb_zh: str
    quantity: int
    serial: str
    grade: int | None
    ticket: str | None
    loan: int | None
    who: str
    text: str


class ReservationBody(BaseModel):
    """Pieces to be kept for a ticket."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: str = Field(max_length=63)
    item: str = Field(max_length=63)
    quantity: int = Field(1, ge=1, le=1_000_000)
    ticket: str = Field(max_length=40, description="its number")


class ReservationShape(BaseModel):
    """Pieces that wait, or waited, for a ticket: wanted (none was there), open, issued, released, expired."""

    model_config = ConfigDict(extra="forbid")

    id: int
    location: str
    item: str
    ticket: str
    quantity: int
    made_ms: int
    made: str | None
    made_by: str
    state: str
    done_ms: int | None
    done: str | None
    done_by: str


class SerialBody(BaseModel):
    """The serial number of what goes, where it has one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    serial: str = Field("", max_length=SERIAL_LIMIT)


class SignBody(BaseModel):
    """Words to a signature: with whom of finance it was checked."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field("", max_length=TEXT_LIMIT)


class LoanShape(BaseModel):
    """A loan unit. `became` empty: it is out; `is_standing`: it is installed in place of the device."""

    model_config = ConfigDict(extra="forbid")

    id: int
    ticket: str
    device: str | None
    item: str | None
    location: str | None
    unit: str | None
    serial: str
    name: str
    place: str | None
    is_standing: bool
    out_ms: int
    out: str | None
    out_by: str
    became: str
    became_zh: str
    back_ms: int | None
    back: str | None
    back_by: str
    text: str


class LineShape(BaseModel):
    """An item in a month: opening + received - issued + returned - lent + lent_back - to_repair + repaired - scrapped +
    difference = closing."""

    model_config = ConfigDict(extra="forbid")

    item: str
    name_zh: str
    name_en: str
    specification: str
    unit: str
    opening: int
    received: int
    issued: int
    returned: int
    lent: int
    lent_back: int
    to_repair: int
    repaired: int
    scrapped: int
    difference: int
    closing: int
    in_repair: int
    on_loan: int


class StatementShape(BaseModel):
    """A month of a location. `kept`: when its keeper signed, and it was frozen; `checked`: the second person."""

    model_config = ConfigDict(extra="forbid")

    location: str
    month: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    lines: list[LineShape]
    sha256: str
    kept_ms: int | None
    kept: str | None
    kept_by: str
    checked_ms: int | None
    checked: str | None
    checked_by: str
    text: str


class StockShape(BaseModel):
    """Quantities, by location and item."""

    stock: list[QuantityShape]


class ItemsShape(BaseModel):
    """Items, by id."""

    items: list[ItemShape]


class LocationsShape(BaseModel):
    """Locations, by id."""

    locations: list[LocationShape]


class MovesShape(BaseModel):
    """A page of moves, the newest first."""

    moves: list[MoveShape]
    next_before: int | None


class ReservationsShape(BaseModel):
    """A page of reservations, the newest first."""

    reservations: list[ReservationShape]
    next_before: int | None


class OwedShape(BaseModel):
    """Old units of a ticket that were swapped and have not come in. `location`: where the new ones came from."""

    model_config = ConfigDict(extra="forbid")

    item: str
    ticket: str
    location: str
    quantity: int
    since_ms: int
    since: str | None


class OwedUnitsShape(BaseModel):
    """What is still to come in, the longest out first."""

    owed: list[OwedShape]


class LoansShape(BaseModel):
    """A page of loans, the newest first."""

    loans: list[LoanShape]
    next_before: int | None
