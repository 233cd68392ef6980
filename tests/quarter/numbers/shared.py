"""Numbers that several kinds of reports tell: figures of availability, clocks, figures of service, the head."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tests.quarter.numbers.ask import Ask
from tests.quarter.numbers.compare import Row, Rows


def fraction(text: str | None) -> Fraction | None:
    """An exact share, as the API writes it."""
    return None if text is None else Fraction(text)


def share(part: int, whole: int) -> Fraction | None:
    """So many of so many; None of none."""
    return Fraction(part, whole) if whole else None


def figure(one: Mapping[str, Any]) -> dict[str, Any]:
    """What /availability says of something."""
    contract = fraction(one["contract"]["availability"])
    return {
        "Devices": one["devices"],
        "Availability": fraction(one["availability"]),
        "Coverage": fraction(one["coverage"]),
        "As the contract counts": contract,
        "Under the contract": contract,
        "Power-on rate": fraction(one["power_on"]["rate"]),
        "Outages": one["outages"],
        "Longest outage": one["longest_ms"],
        **{state.title(): one[f"{state}_ms"] for state in ("up", "down", "unknown", "excluded")},
    }


def power_on(one: Mapping[str, Any]) -> dict[str, Any]:
    """What it says of the power-on rate, where time is split otherwise."""
    split = {"Service time": "service", "Up": "up", "Faults": "fault", "Network": "network", "Unknown": "unknown"}
    split |= {"Maintenance": "maintenance", "Paused": "paused"}
    return {**figure(one), **{column: one["power_on"][f"{name}_ms"] for column, name in split.items()}}


def promised(ask: Ask) -> dict[str, Any]:
    """What the contract promises, in the words of several reports."""
    target = ask.availability()["target_percent"]
    return {} if target is None else dict.fromkeys(("Promised", "Target"), f"{target}%")


def head(ask: Ask) -> Rows:
    """Of which time it is."""
    return {None: {"From": ask.found["from_ms"], "To (excluded)": ask.found["to_ms"]}}


def by_clock(ask: Ask) -> Rows:
    """How each clock was kept."""
    rows = {}
    for one in ask.kept()["total"]["clocks"]:
        stands = {stand["name_en"]: stand["tickets"] for stand in one["stands"]}
        met, late, over = stands["in time"], stands["late"], stands["late, still running"]
        rows[one["name_en"]] = {
            "Tickets": one["tickets"],
            **stands,
            "In time": share(met, met + late + over),
            "Mean time": one["mean_ms"],
        }
    return rows


def figures_of_service(ask: Ask) -> Rows:
    """The figures of after-sales service, each with its two numbers."""
    total = ask.kept()["total"]
    rows: dict[Any, Row] = {"tickets": {"Count": total["tickets"]}}
    for one in total["figures"]:
        has_share = one["share_percent"] is not None
        told = share(one["count"], one["of"]) if has_share else None
        rows[one["name_en"]] = {"Count": one["count"], "Of": one["of"], "Share": told}
    return rows


def left_out(ask: Ask) -> Rows:
    """Tickets that are in no figure."""
    return {
        one["name_en"]: {"Tickets": one["tickets"], "Breach on record": one["recorded_breaches"]}
        for one in ask.kept()["left_out"]
    }


def happened_ms(event: Mapping[str, Any]) -> int:
    """When a step was taken, as whoever took it says."""
    at_ms, said_ms = int(event["at_ms"]), event["data"].get("at_ms")
    return at_ms if said_ms is None else min(at_ms, int(said_ms))
