"""Numbers of what rounds saw, from their documents, and of what people found, from the lists of their work."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.quarter.numbers.ask import PAGE, Ask
from tests.quarter.numbers.compare import Row, Rows

VERDICTS = ("fail", "attention", "unseen", "pass")
COMMUNICATION = "communication"


def rounds(ask: Ask) -> list[Mapping[str, Any]]:
    """Inspections of the site that were asked for in the period, the first first."""
    found = ask.of_now("/rounds", site=ask.found["id"], limit=PAGE)["rounds"]
    return [one for one in reversed(found) if ask.found["from_ms"] <= one["asked_ms"] < ask.found["to_ms"]]


def inspected(ask: Ask, until_ms: int | None = None) -> dict[str, Mapping[str, Any]]:
    """Each device as the newest round of the period, up to some time, that was about it saw it, with the round."""
    found: dict[str, Mapping[str, Any]] = {}
    for held in (one for one in rounds(ask) if until_ms is None or one["asked_ms"] <= until_ms):
        document = ask.of_now(f"/rounds/{held['number']}")["document"]
        found |= {one["id"]: {**one, "round": document["round"]} for one in document["devices"]}
    return found


def verdicts(ask: Ask) -> Rows:
    """How many devices and components have which verdict."""
    devices = Counter(one["verdict"] for one in inspected(ask).values())
    parts = Counter(line["verdict"] for one in inspected(ask).values() for line in one["lines"])
    rows = {verdict: {"Devices": devices[verdict], "Components": parts[verdict]} for verdict in VERDICTS}
    return {**rows, "Total": {"Devices": devices.total(), "Components": parts.total()}}


def lines(ask: Ask, until_ms: int | None = None) -> Rows:
    """Each component with the reading that decided its verdict."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in inspected(ask, until_ms).values():
        rows[one["name"]["en"]] += [_line(one, line) for line in one["lines"]]
    return rows


def _line(one: Mapping[str, Any], line: Mapping[str, Any]) -> Row:
    measured = [*line["measured"], *line["beside"]]
    read = next((each for each in measured if each["verdict"] == line["verdict"]), None)
    row = {"Component": line["component"] or COMMUNICATION, "Verdict": line["verdict"]}
    if line["faults"]:
        row["Reading"] = [(fault["name"]["en"], fault["from_ms"]) for fault in line["faults"]]
    if read is None:
        return {**row, "Value": None, "Limit": None, "Evidence": (one["round"]["number"], one["round"]["asked_ms"])}
    return {**row, "Value": _value(read), "Limit": _limits(read), "Evidence": _evidence(read)}


def _value(read: Mapping[str, Any]) -> Any:
    return (read["value"], "old reading") if read["why"] == "old" else read["value"]


def _limits(read: Mapping[str, Any]) -> Any:
    return [one["words"] if one["form"] == "one_of" else one["number"] for one in read["limits"]]


def _evidence(read: Mapping[str, Any]) -> Any:
    return (read["t_ms"], f"{read['stream']}#{read['n']}" if read["stream"] else None)


def measured(ask: Ask) -> Rows:
    """Everything that has a limit."""
    return _read(ask, lambda read: bool(read["limits"]), with_others=False)


def warmth(ask: Ask) -> Rows:
    """Temperatures and fans."""
    return _read(ask, lambda read: read["name"].startswith(("temperature[", "fan[")), with_others=True)


def _read(ask: Ask, wanted: Any, *, with_others: bool) -> Rows:
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in inspected(ask).values():
        told = [read for line in one["lines"] for read in (*line["measured"], *line["beside"])]
        rows[one["name"]["en"]] += [
            {"Reading": read["name"], "Value": _value(read), "Limit": _limits(read), "Evidence": _evidence(read)}
            for read in (*told, *(one["others"] if with_others else ()))
            if wanted(read)
        ]
    return rows


def unseen(ask: Ask, until_ms: int | None = None) -> Rows:
    """Who was not reached."""
    return {
        one["name"]["en"]: {"Round": one["round"]["number"], "Since": one["unreached"]["since_ms"]}
        for one in inspected(ask, until_ms).values()
        if one["unreached"]
    }


# --- what people found -----------------------------------------------------------------------------------------------


def looked(*items: str) -> Callable[[Ask], Rows]:
    """Each tick and answer, the last of its device and item; of these items, or of all."""

    def found(ask: Ask) -> Rows:
        rows: dict[Any, list[Row]] = defaultdict(list)
        for one in marks(ask).values():
            if not items or one["item"] in items:
                photos, held = len(one["files"]) or None, one["round"]
                row = {"Looked at": one["en"], "Photos": photos, "When": one["at_ms"], "Round": held}
                rows[one["about"]].append(row)
        return rows

    return found


def ticks(*items: str) -> Callable[[Ask], Rows]:
    """Of each device what was ticked of these items."""

    def found(ask: Ask) -> Rows:
        rows: dict[Any, list[Row]] = defaultdict(list)
        for one in marks(ask).values():
            if one["item"] in items and one["device"]:
                rows[one["about"]].append({"Photos": len(one["files"]) or None, "When": one["at_ms"]})
        return rows

    return found


def marks(ask: Ask) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What was found last of each device and item in the rounds of the period; a question's device is empty."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for held in rounds(ask):
        for device, name, item in _items(ask, held["number"]):
            if item["verdict"] is not None:
                told = {**item, "device": device, "about": name, "round": held["number"]}
                found[device, item["item"]] = told
    return found


def _items(ask: Ask, number: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    work = ask.of_now(f"/rounds/{number}/work", limit=PAGE)
    yield from (("", "the customer", one) for one in work["questions"])
    for device in work["devices"]:
        if device["found"]:
            told = ask.of_now(f"/rounds/{number}/work/{device['device']}")
            yield from ((device["device"], device["name_en"], one) for one in told["items"])
