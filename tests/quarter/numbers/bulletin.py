"""Numbers of the bulletin of vehicles online, from /ratios/vehicles and /ratios."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from roundsman_collector.reports.words import CAUSES
from tests.quarter.numbers.ask import MOST, Ask
from tests.quarter.numbers.compare import Row, Rows
from tests.quarter.numbers.shared import fraction, share


def centres(ask: Ask) -> Rows:
    """Each centre; all together are what /ratios says, too."""
    told = _vehicles(ask)
    total = _centre(told["total"])
    ratios = {one["code"]: fraction(one["value"]) for one in _ratios(ask)}
    assert total["Share on the net"] == ratios["vehicles_on_net"]
    assert total["Share online"] == ratios["vehicles_online"]
    return {**{_named(ask, one["group"]): _centre(one) for one in told["centres"]}, "all": total}


def shares(ask: Ask) -> Rows:
    """How centres compare, where there are several that can be compared."""
    found = {_named(ask, one["group"]): _centre(one)["Share online"] for one in _vehicles(ask)["centres"]}
    known = {name: {"Value": float(value)} for name, value in found.items() if value is not None}
    return known if len(known) > 1 else {}


def reasons(ask: Ask) -> Rows:
    """How many were not online for which reason."""
    counts = Counter(one["cause"] for one in _vehicles(ask)["missing"])
    return {CAUSES[cause].en if cause in CAUSES else cause or None: {"Value": n} for cause, n in counts.items()}


def missing(ask: Ask) -> Rows:
    """Each that was not online."""
    return {
        one["device"]: {"Online last": one["last_up_ms"], "Ticket": one["ticket"] or ""}
        for one in _vehicles(ask)["missing"]
    }


def _vehicles(ask: Ask) -> Any:
    return ask("/ratios/vehicles", of=ask.of, limit=MOST, **ask.as_known)


def _ratios(ask: Ask) -> Any:
    return ask("/ratios", of=ask.of, **ask.as_known)["ratios"]


def _named(ask: Ask, group: str | None) -> str:
    """The centre as people call it."""
    rows = ask.availability("group")["rows"]
    return next((str(row["name_en"]) for row in rows if group and row["key"] == group), "(of no centre)")


def _centre(one: Mapping[str, Any]) -> Row:
    shown: Fraction | None = share(one["online"], one["online_of"])
    return {
        "Place": one["place"],
        "In the register": one["registered"],
        "On the net": one["on_net"],
        "Share on the net": share(one["on_net"], one["registered"]),
        "To be online": one["online_of"],
        "Online": one["online"],
        "Share online": shown,
        "Laid up": one["laid_up"],
        "Not online": one["missing"],
    }
