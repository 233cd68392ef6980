"""Spare stock: what moves do to quantities, what is short, what a month's statement says. Pure.

    sums({"receive": 10, "issue": 3}) -> Quantities(shelf=7, repair=0, lent=0)
    line(before, within) -> Line(opening, receive, ..., closing)           opening + what came - what went = closing
    short(level, now, reserved) -> Short(missing, is_low)                  the purchase list
    serial_refusal(last, verb, location) -> None | words                   a serial number is in one place at a time
    nearness(site, customer=..., engineer=...) -> "carried" | ... | None   how near to a ticket a location is
    takes_spare(...) -> bool                                               whether who goes is to take one along

        receive ---> shelf ---> issue (to a ticket)      return <--- from the ticket
                     |   ^ lend / lend_back <--> lent at a customer's ---> convert, lose
                     v   | send / repaired  <--> in repair ---> discard          <--- collect (taken out of a device)
                   scrap

A quantity is nothing but the sum of its moves, and never negative. Moves are only ever added; what was counted
otherwise is a move, too (`count`), with a reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.core.ticket_log import Event

Verb = Literal[
    "receive",
    "issue",
    "return",
    "lend",
    "lend_back",
    "convert",
    "lose",
    "collect",
    "send",
    "repaired",
    "discard",
    "scrap",
    "count",
]
Spot = Literal["", "shelf", "out", "lent", "repair", "gone"]
GRADES: Mapping[int, tuple[str, str]] = {
    1: ("1 年", "1 year"),
    2: ("2 年", "2 years"),
    3: ("3 年", "3 years"),
}
"""For how many years a repaired unit is good, as a spare."""


class Effect(NamedTuple):
    """What a move of one piece does: to the shelf, to what is in repair, to what is lent."""

    zh: str
    en: str
    shelf: int
    repair: int
    lent: int
    comes_from: tuple[Spot, ...]
    """Where a piece with a serial number may have been before; "": nobody has heard of it."""
    goes_to: Spot


EFFECTS: Mapping[Verb, Effect] = {
    "receive": Effect("入库", "received", 1, 0, 0, ("", "out", "gone"), "shelf"),
    "issue": Effect("领用", "issued", -1, 0, 0, ("", "shelf"), "out"),
    "return": Effect("退库", "returned", 1, 0, 0, ("", "out"), "shelf"),
    "lend": Effect("借出", "lent", -1, 0, 1, ("", "shelf"), "lent"),
    "lend_back": Effect("归还", "back from loan", 1, 0, -1, ("lent",), "shelf"),
    "convert": Effect("备机转正", "kept by the customer", 0, 0, -1, ("lent",), "out"),
    "lose": Effect("备机丢失", "lost on loan", 0, 0, -1, ("lent",), "gone"),
    "collect": Effect("旧件回收", "taken in for repair", 0, 1, 0, ("", "out", "gone"), "repair"),
    "send": Effect("送修", "sent to repair", -1, 1, 0, ("", "shelf"), "repair"),
    "repaired": Effect("修复入库", "back from repair", 1, -1, 0, ("", "repair"), "shelf"),
    "discard": Effect("无法修复报废", "beyond repair", 0, -1, 0, ("", "repair"), "gone"),
    "scrap": Effect("报废", "scrapped", -1, 0, 0, ("", "shelf"), "gone"),
    "count": Effect("盘点差异", "counted otherwise", 1, 0, 0, ("", "shelf", "out", "gone"), "shelf"),
}
"""What each move does; a `count` may be of a negative quantity."""
KEEPERS: tuple[Verb, ...] = (
    "receive",
    "issue",
    "return",
    "collect",
    "send",
    "repaired",
    "discard",
    "scrap",
    "count",
)
"""What a storekeeper books; the rest comes with a loan, which a ticket makes."""
OF_TICKET: tuple[Verb, ...] = ("issue", "return")
"""Moves that need a ticket."""
WITH_REASON: tuple[Verb, ...] = ("discard", "scrap", "count", "lose")
"""Moves that need words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantities:
    """How many there are: on the shelf, in repair, lent to customers."""

    shelf: int = 0
    repair: int = 0
    lent: int = 0

    def with_move(self, verb: Verb, quantity: int) -> "Quantities":
        """After a move."""
        effect = EFFECTS[verb]
        return Quantities(
            shelf=self.shelf + effect.shelf * quantity,
            repair=self.repair + effect.repair * quantity,
            lent=self.lent + effect.lent * quantity,
        )

    @property
    def is_possible(self) -> bool:
        """Nobody can have less than nothing."""
        return min(self.shelf, self.repair, self.lent) >= 0


def sums(moved: Mapping[Verb, int]) -> Quantities:
    """What the quantities moved by each verb add up to."""
    now = Quantities()
    for verb, quantity in moved.items():
        now = now.with_move(verb, quantity)
    return now


class Line(NamedTuple):
    """An item in a month's statement: what was on the shelf, what came and went, what is there."""

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


COLUMNS: Mapping[Verb, str] = {
    "receive": "received",
    "issue": "issued",
    "return": "returned",
    "lend": "lent",
    "lend_back": "lent_back",
    "send": "to_repair",
    "repaired": "repaired",
    "scrap": "scrapped",
    "count": "difference",
}
"""In which column of a statement a move of the shelf stands."""


def line(before: Mapping[Verb, int], within: Mapping[Verb, int]) -> Line:
    """The line of an item: from the quantities moved by each verb before a month, and in it."""
    opening, moved = sums(before), sums(within)
    columns = {name: within.get(verb, 0) for verb, name in COLUMNS.items()}
    return Line(
        opening=opening.shelf,
        closing=opening.shelf + moved.shelf,
        in_repair=opening.repair + moved.repair,
        on_loan=opening.lent + moved.lent,
        **columns,
    )


class Level(NamedTuple):
    """What a location is to hold of an item: the quantity that was authorised, and the least that may lie there."""

    authorised: int
    minimum: int


class Short(NamedTuple):
    """What lacks: how many are to be bought, and whether less is free than may be."""

    missing: int
    is_low: bool


def short(level: Level | None, now: Quantities, reserved: int) -> Short:
    """What lacks of an item. What is in repair or lent comes back: only what is gone for good is bought."""
    if level is None:
        return Short(0, False)
    return Short(
        max(0, level.authorised - (now.shelf + now.repair + now.lent)),
        now.shelf - reserved < level.minimum,
    )


class Seen(NamedTuple):
    """The last move of a serial number, and where."""

    verb: Verb
    location: str
    quantity: int


def spot_of(last: Seen | None) -> Spot:
    """Where a piece with a serial number is, by its last move."""
    if last is None:
        return ""
    return "gone" if last.verb == "count" and last.quantity < 0 else EFFECTS[last.verb].goes_to


SPOTS: Mapping[Spot, tuple[str, str]] = {
    "": ("未登记", "not known"),
    "shelf": ("在库", "on the shelf"),
    "out": ("已领用", "issued"),
    "lent": ("借出", "lent"),
    "repair": ("在修", "in repair"),
    "gone": ("已报废", "gone"),
}


def serial_refusal(last: Seen | None, verb: Verb, quantity: int, location: str) -> str | None:
    """Why a piece with a serial number cannot be moved so; None: it can. One that was on the shelf may be unknown:
    what was received in bulk gets its number when it is issued."""
    spot = spot_of(last)
    if verb == "count":
        wanted: tuple[Spot, ...] = ("", "shelf") if quantity < 0 else ("", "out", "gone")
    else:
        wanted = EFFECTS[verb].comes_from
    if spot not in wanted:
        return f"it is {SPOTS[spot][1]}" + (f" at {last.location}" if last is not None else "")
    if last is not None and spot in ("shelf", "repair", "lent") and last.location != location:
        return f"it is {SPOTS[spot][1]} at {last.location}"
    return None


# --- at a ticket -----------------------------------------------------------------------------------------------------

Near = Literal["carried", "customer", "point", "group", "central", "elsewhere", "colleague"]
NEARNESS: Mapping[Near, tuple[str, str]] = {
    "carried": ("随身", "with the engineer"),
    "customer": ("客户专用", "the customer's own"),
    "point": ("本网点", "at the service point"),
    "group": ("分中心", "at the monitoring centre"),
    "central": ("总库", "central"),
    "elsewhere": ("其他网点", "at another service point"),
    "colleague": ("同事随身", "with a colleague"),
}
"""Where a spare for a ticket may lie, the nearest first."""


class Site(NamedTuple):
    """What a ticket is about, as far as the stock goes: whose it is, of which monitoring centre, which service points
    cover it, who was sent. Empty: nobody knows."""

    customer: str = ""
    group: str = ""
    points: frozenset[str] = frozenset()
    engineer: str = ""


def nearness(
    site: Site, *, customer: str | None, group: str | None, point: str | None, engineer: str | None
) -> Near | None:
    """How near to a ticket a location is that belongs to these; None: it serves others."""
    if (customer and customer != site.customer) or (group and group != site.group):
        return None
    if engineer:
        return "carried" if engineer == site.engineer else "colleague"
    if customer:
        return "customer"
    if point:
        return "point" if point in site.points else "elsewhere"
    return "group" if group else "central"


REPLACEMENT = "replacement"
"""The service class of what is replaced, not repaired (更换类)."""
SUPPLY = "supply"


Along = Literal["", "ready", "wanted", "missing"]
ALONG: Mapping[Along, tuple[str, str]] = {
    "": ("无需带件", "no spare is needed"),
    "ready": ("备件已落实", "a spare is kept, or went along"),
    "wanted": ("备件已申请，尚未到位", "a spare was asked for and is not there yet"),
    "missing": ("需带备件，尚未预留", "it takes a spare, and none is kept for the ticket"),
}
"""Whether who goes has a spare to take along (人到货到)."""


class Spares(NamedTuple):
    """What a ticket has of the stock: how many pieces are kept for it, how many went with somebody and are not built in
    yet, and how many were asked for in vain."""

    reserved: int
    in_hand: int
    wanted: int


def along(service_class: str, mode: str, log: Iterable[Event], spares: Spares) -> Along:
    """Whether who goes has a spare to take along, if the ticket takes one; `mode`: of its solution."""
    if spares.reserved + spares.in_hand > 0:
        return "ready"
    takes = takes_spare(service_class=service_class, mode=mode, is_awaited=awaits_part(log), wanted=spares.wanted)
    return "" if not takes else "wanted" if spares.wanted else "missing"


def takes_spare(*, service_class: str, mode: str, is_awaited: bool, wanted: int) -> bool:
    """Whether who goes is to take a spare along (人到货到): the solution replaces or delivers something, the ticket
    waited for a part, or somebody asked for one."""
    return service_class == REPLACEMENT or mode == SUPPLY or is_awaited or wanted > 0


def awaits_part(log: Iterable[Event]) -> bool:
    """Whether a ticket waited for a part, or a visit ended for want of one, and none was used since."""
    is_awaited = False
    for event in log:
        if event.verb == "open":
            is_awaited = event.data.get("awaits_part") is True
        elif event.verb in ("leave", "wait"):
            is_awaited = is_awaited or event.data.get("reason") == "parts" or bool(event.data.get("parts_awaited"))
        elif event.verb == "part":
            is_awaited = False
    return is_awaited
