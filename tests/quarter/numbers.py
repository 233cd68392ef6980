"""Every number of a report beside what the API says of the same window, known at the same time.

    unlike(api, found) -> ["site_inspection XJ-2026-Q4-bank-1: Devices / bank-1-kiosk-03 / Down: 3 instead of 4", ...]

A number that nobody compares is told as well: a new column has to say where its number can be asked for. Times are
compared in the parts that are named below.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from starlette.testclient import TestClient

Row = Mapping[str, Any]
"""Values of a row by column, in English."""
Rows = Mapping[Any, Row]
COMPARED = ("count", "share", "span", "number", "at")
HEAD = ""
STATES = ("up", "down", "unknown")


class Ask(NamedTuple):
    """The API, asked for the window of a report."""

    api: TestClient
    found: Mapping[str, Any]

    def __call__(self, path: str, **params: Any) -> Any:
        window = {"from": self.found["from_ms"], "to": self.found["to_ms"]}
        answer = self.api.get(f"/api/v1{path}", params={**window, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def availability(self, by: str = "", **more: Any) -> Any:
        """Figures of what the report is about, as known when it was made."""
        return self("/availability", by=by, known=self.found["known_ms"], limit=1000, of=self.of, **more)

    def kept(self, **more: Any) -> Any:
        """Promises of what the report is about."""
        return self("/kept", **self.narrow, **more)

    @property
    def of(self) -> list[str]:
        """What it is about, as /availability asks for it."""
        return [f"{self.found['scope']}:{self.found['id']}"] if self.found["id"] else []

    @property
    def narrow(self) -> dict[str, str]:
        """What it is about, as /kept asks for it."""
        return {self.found["scope"]: self.found["id"]} if self.found["id"] else {}


def unlike(api: TestClient, found: Mapping[str, Any]) -> list[str]:
    """Numbers of a report that are not those of the API, and numbers that nobody compares."""
    return list(_unlike(Ask(api, found)))


def _unlike(ask: Ask) -> Iterator[str]:
    told: dict[str, Rows] = {}
    for line in ask.found["lines"]:
        part, row, column = line["part_en"], _name(line["row"]), line["column_en"]
        said = _plain(line["value"])
        if said is None or part == HEAD:
            continue
        place = f"{ask.found['kind']} {ask.found['number']}: {part} / {row} / {column}"
        where = PARTS.get((ask.found["kind"], part)) or PARTS.get(("", part))
        if where is None and "at" in line["value"]:
            continue  # a time that stands beside, not a number
        if where is None:
            yield f"{place}: nobody compares this part"
            continue
        if part not in told:
            told[part] = where(ask)
        rows = told[part]
        if column not in rows.get(row, {}):
            yield f"{place}: nobody compares {said.value}"
        elif not _is_same(said.value, rows[row][column]):
            yield f"{place}: {said.value} instead of {rows[row][column]}"


def _is_same(said: Any, asked: Any) -> bool:
    """Whether the report says what the API does; of a set: one of it."""
    return said in asked if isinstance(asked, set) else bool(said == asked)


class Said(NamedTuple):
    """A number that a report says; None: that there is none."""

    value: Any


def _plain(value: Any) -> Said | None:
    """A number of a report; None for what is no number."""
    word = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    if word not in COMPARED:
        return None
    first = value[word][0]
    if word == "share":
        return Said(
            None if first is None or not Fraction(value[word][1]) else Fraction(first) / Fraction(value[word][1])
        )
    return Said(first)


def _name(row: Any) -> Any:
    """What a row is called: a label in English, a verdict, a text."""
    if isinstance(row, dict):
        return row["en"] if "en" in row else str(next(iter(row.values()))[0])
    return row


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


# --- where numbers can be asked for ----------------------------------------------------------------------------------


def _figure(one: Mapping[str, Any]) -> Row:
    """What /availability says of something."""
    contract = _fraction(one["contract"]["availability"])
    return {
        "Devices": one["devices"],
        "Availability": _fraction(one["availability"]),
        "Coverage": _fraction(one["coverage"]),
        "As the contract counts": contract,
        "Under the contract": contract,
        "Power-on rate": _fraction(one["power_on"]["rate"]),
        "Outages": one["outages"],
        "Longest outage": one["longest_ms"],
        **{state.title(): one[f"{state}_ms"] for state in ("up", "down", "unknown", "excluded")},
    }


def _power_on(one: Mapping[str, Any]) -> Row:
    """What it says of the power-on rate, where time is split otherwise."""
    split = {"Service time": "service", "Up": "up", "Faults": "fault", "Network": "network", "Unknown": "unknown"}
    split |= {"Maintenance": "maintenance", "Paused": "paused"}
    return {**_figure(one), **{column: one["power_on"][f"{name}_ms"] for column, name in split.items()}}


def _whole(ask: Ask) -> Rows:
    return {None: _figure(ask.availability()["total"])}


def _by_site(ask: Ask) -> Rows:
    return {row["name_en"]: _figure(row) for row in ask.availability("site")["rows"]}


def _overview(ask: Ask) -> Rows:
    return {
        None: {
            **_figure(ask.availability()["total"]),
            "Tickets": ask.kept()["total"]["tickets"],
            "Rounds": len(_rounds(ask)),
        }
    }


def _strips(ask: Ask) -> Rows:
    return {
        row["name_en"]: {**_figure(row), **{f"Time {state}": row[f"{state}_ms"] for state in STATES}}
        for row in ask.availability("device")["rows"]
    }


def _devices(ask: Ask) -> Rows:
    answer = ask.availability("device")
    tickets: dict[str, int] = {}
    for one in _tickets(ask):
        tickets[one["subject"]] = tickets.get(one["subject"], 0) + 1
    rows = {row["name_en"]: {**_figure(row), "Tickets": tickets.get(row["key"], 0)} for row in answer["rows"]}
    return {**rows, "Total": {**_figure(answer["total"]), "Tickets": ask.kept()["total"]["tickets"]}}


def _tickets(ask: Ask) -> Iterator[Mapping[str, Any]]:
    before: dict[str, int] = {}
    while True:
        page = ask("/kept/tickets", **ask.narrow, count="tickets", limit=100, **before)
        yield from page["tickets"]
        if page.get("next_before") is None:
            return
        before = {"before": page["next_before"]}


def _by_clock(ask: Ask) -> Rows:
    rows = {}
    for one in ask.kept()["total"]["clocks"]:
        stands = {stand["name_en"]: stand["tickets"] for stand in one["stands"]}
        met, late, over = stands["in time"], stands["late"], stands["late, still running"]
        rows[one["name_en"]] = {
            "Tickets": one["tickets"],
            **stands,
            "In time": Fraction(met, met + late + over) if met + late + over else None,
            "Mean time": one["mean_ms"],
        }
    return rows


def _figures(ask: Ask) -> Rows:
    total = ask.kept()["total"]
    rows: dict[Any, Row] = {"tickets": {"Count": total["tickets"]}}
    for one in total["figures"]:
        share = Fraction(one["count"], one["of"]) if one["of"] else None
        rows[one["name_en"]] = {"Count": one["count"], "Of": one["of"], "Share": share}
    return rows


def _late(ask: Ask) -> Rows:
    """Clocks that are late, by ticket; of several of a ticket the report tells each, this the first."""
    rows: dict[Any, Row] = {}
    for ticket in _tickets(ask):
        told = ask.api.get(f"/api/v1/tickets/{ticket['number']}").json()
        late = [one for one in told["clocks"] if one["state"] in ("missed", "breached") or one["recorded_breach"]]
        rows[ticket["number"]] = {"Due": {one["due_ms"] for one in late}, "Ended": {one["ended_ms"] for one in late}}
    return rows


def _times(ask: Ask) -> Rows:
    """When tickets were opened, answered, gone to and mended, read from their logs."""
    rows: dict[Any, Row] = {}
    for ticket in _tickets(ask):
        told = ask.api.get(f"/api/v1/tickets/{ticket['number']}").json()
        first = {one["verb"]: one["at_ms"] for one in reversed(told["events"])}
        last = {one["verb"]: one["at_ms"] for one in told["events"]}
        rows[ticket["number"]] = {
            "Opened": told["opened_ms"],
            "Replied": told["acknowledged_ms"],
            "Arrived": first.get("arrive"),
            "Repaired": {told["resolved_ms"], last.get("fix"), told["fault_to_ms"]},
        }
    return rows


def _faults(ask: Ask) -> Rows:
    """When something was wrong with each device."""
    rows: dict[Any, Row] = {}
    for device in ask.availability("device")["rows"]:
        spans = [
            (one["from_ms"], one["to_ms"])
            for one in ask(f"/devices/{device['key']}/conditions", limit=100)["conditions"]
        ]
        rows[device["name_en"]] = {
            "From": {begin for begin, _ in spans},
            "To": {end for _, end in spans},
            "Lasted": {end - begin for begin, end in spans if end},
        }
    return rows


def _verdicts(ask: Ask) -> Rows:
    """How the newest inspection of the window found the site's devices and their parts."""
    held = _rounds(ask)
    told = ask.api.get(f"/api/v1/rounds/{held[0]['number']}").json()["document"] if held else {}
    devices, parts = told.get("verdicts", {}), told.get("component_verdicts", {})
    rows = {
        verdict: {"Devices": devices.get(verdict, 0), "Components": parts.get(verdict, 0)}
        for verdict in ("fail", "attention", "unseen", "pass")
    }
    return {**rows, "Total": {"Devices": sum(devices.values()), "Components": sum(parts.values())}}


def _rounds(ask: Ask) -> list[Mapping[str, Any]]:
    """Inspections of the site that were asked for in the window, the newest first."""
    found = ask.api.get("/api/v1/rounds", params={"site": ask.found["id"], "limit": 100}).json()["rounds"]
    return [one for one in found if ask.found["from_ms"] <= one["asked_ms"] < ask.found["to_ms"]]


Where = Callable[[Ask], Rows]
PARTS: Mapping[tuple[str, str], Where] = {
    ("", "By clock"): _by_clock,
    ("", "Figures of service"): _figures,
    ("sla", "Availability"): _whole,
    ("sla", "By site"): _by_site,
    ("sla", "What was late"): _late,
    ("site_inspection", "Tickets of the period"): _times,
    ("site_inspection", "Verdicts"): _verdicts,
    ("site_inspection", "Faults seen in the period"): _faults,
    ("site_inspection", "Overview"): _overview,
    ("site_inspection", "Uptime"): _strips,
    ("site_inspection", "Devices"): _devices,
}
"""By the kind of report ("": any) and the title above the numbers."""
