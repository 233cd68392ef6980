"""What the API says of faults and failure rates, as types: for answers, and for the OpenAPI document."""

from pydantic import Field

from roundsman_collector.api.shapes import Shape


class FaultGroupShape(Shape):
    """So many faults of one kind."""

    key: str = Field(description="empty: nobody knows, or there is none")
    name_zh: str
    name_en: str
    faults: int
    share_percent: str
    running_percent: str = Field(description="the share of this one and all before it")
    link: str | None


class FaultLeftOutShape(Shape):
    """Tickets that are in no count."""

    why: str
    name_zh: str
    name_en: str
    tickets: int
    link: str


class StatisticsWindowShape(Shape):
    """Of which time, and as known when."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int
    known: str | None
    by: str


class FaultsShape(StatisticsWindowShape):
    """Faults of a window by a grouping, the most frequent first; what was done, the causes, the parts used."""

    faults: int
    found: int
    is_cut: bool
    rows: list[FaultGroupShape]
    done: list[FaultGroupShape]
    causes: list[FaultGroupShape]
    parts: list[FaultGroupShape] = Field(description="pieces of parts, by name")
    left_out: list[FaultLeftOutShape]


class FaultTicketShape(Shape):
    """A fault that counts, or a ticket that is left out: then only its number and why."""

    ticket: int
    number: str
    why: str
    from_ms: int | None
    from_: str | None = Field(alias="from")
    subject: str
    code: str
    category: str
    component: str
    model: str
    vendor: str
    batch: str
    customer: str
    contract: str
    site: str
    cause: str
    done: str


class FaultTicketsShape(Shape):
    """A page of the tickets behind a number, in the order in which the faults began."""

    found: int
    tickets: list[FaultTicketShape]
    next_after: int | None


class RateShape(Shape):
    """Faults per installed device-month. Rates are null where nothing was installed."""

    key: str
    name_zh: str
    name_en: str
    devices: int
    device_months: str
    faults: int
    per_device_month: str | None
    low: str | None = Field(description="exact 95 % interval of the rate (Garwood 1936)")
    high: str | None
    verdict: str = Field(description="too_few, higher, lower, or empty: as all of them")
    verdict_zh: str
    verdict_en: str


class RatesShape(StatisticsWindowShape):
    """Failure rates by model, vendor, batch or kind, the highest first."""

    found: int
    is_cut: bool
    total: RateShape
    rows: list[RateShape]
