"""Numbers of the reports about a site: its devices, plans, faults and tickets (what rounds saw is in seen.py)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from roundsman_collector.config import trends
from tests.collector.engine.people import SHANGHAI
from tests.quarter.numbers import seen
from tests.quarter.numbers.ask import MOST, PAGE, Ask
from tests.quarter.numbers.compare import Row, Rows
from tests.quarter.numbers.periods import midnight_ms
from tests.quarter.numbers.shared import figure, happened_ms, promised

STATES = ("up", "down", "unknown")
RESTARTS = "restarts"


class About(NamedTuple):
    """Which of its time is told: all of it, or that of the trial run before acceptance."""

    on_trial: bool = False

    def asked(self, ask: Ask, by: str, **more: Any) -> Any:
        """Figures of that time."""
        return ask.availability(by, on_trial=self.on_trial, **more)

    def until_ms(self, ask: Ask) -> int:
        """When that time ends."""
        accepted_on = contract_of(ask)["accepted_on"] if self.on_trial else None
        return ask.past_to_ms if accepted_on is None else midnight_ms(date.fromisoformat(accepted_on))

    def overview(self, ask: Ask) -> Rows:
        """The whole site."""
        held = tuple(piece for one in seen.rounds(ask) for piece in (one["number"], one["asked_ms"], one["asked_by"]))
        row = {
            **figure(self.asked(ask, "")["total"]),
            **promised(ask),
            "Devices": len(self.asked(ask, "device")["rows"]),
            "Tickets": ask.kept()["total"]["tickets"],
            "Rounds": len(seen.rounds(ask)),
        }
        return {None: {**row, "Rounds held": _by_name(ask, held)} if held else row}

    def strips(self, ask: Ask) -> Rows:
        """The uptime of each device; `closed` is what counts for nothing: the rest of the period."""
        whole_ms = ask.found["to_ms"] - ask.found["from_ms"]
        rows = {}
        for one in self.asked(ask, "device")["rows"]:
            counted = sum(one[f"{state}_ms"] for state in (*STATES, "excluded"))
            rows[one["name_en"]] = {
                **figure(one),
                **{f"Time {state}": one[f"{state}_ms"] for state in STATES},
                "Time maintenance": one["excluded_ms"],
                "Time closed": whole_ms - counted,
            }
        return rows

    def devices(self, ask: Ask) -> Rows:
        """Every device, and all together."""
        answer = self.asked(ask, "device")
        tickets = Counter(one["subject"] for one in ask.tickets())
        rows = {
            row["name_en"]: {
                **figure(row),
                "Tickets": tickets[row["key"]],
                "Days with a restart": _restarts(ask, row["key"]),
            }
            for row in answer["rows"]
        }
        here = sum(tickets[row["key"]] for row in answer["rows"])
        assert self.on_trial or here == ask.kept()["total"]["tickets"] - tickets[f"#{ask.found['id']}"]
        return {**rows, "Total": {**figure(answer["total"]), "Tickets": here}}

    def lines(self, ask: Ask) -> Rows:
        """What rounds of that time saw of each component."""
        return seen.lines(ask, self.until_ms(ask))

    def unseen(self, ask: Ask) -> Rows:
        """Whom they did not reach."""
        return seen.unseen(ask, self.until_ms(ask))

    def faults(self, ask: Ask) -> Rows:
        """What began to be wrong with each device in that time."""
        rows: dict[Any, list[Row]] = defaultdict(list)
        for name, one in begun(ask):
            until_ms = one["to_ms"]
            if one["from_ms"] < self.until_ms(ask):
                lasted = None if until_ms is None else until_ms - one["from_ms"]
                to = "holds" if until_ms is None else until_ms
                rows[name].append({"From": one["from_ms"], "To": to, "Lasted": lasted})
        return rows


def contract_of(ask: Ask) -> Mapping[str, Any]:
    """The contract of the site, in the register."""
    site = ask.of_now(f"/sites/{ask.found['id']}")["fields"]
    fields: Mapping[str, Any] = ask.of_now(f"/contracts/{site['contract']}")["fields"]
    return fields


def _by_name(ask: Ask, held: tuple[Any, ...]) -> tuple[Any, ...]:
    """Logins as people are called."""
    names = {one["login"]: one["name"] for one in ask.of_now("/engineers")["engineers"]}
    return tuple(names.get(one, one) for one in held)


# --- plans -----------------------------------------------------------------------------------------------------------


def plans(ask: Ask) -> Rows:
    """The tasks that were due in the period, by when they were."""
    first, last = _days(ask)
    due = [one for one in _tasks(ask) if first.isoformat() <= one["due_on"] <= last.isoformat()]
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in sorted(due, key=lambda one: (one["due_on"], one["id"])):
        told = ask.of_now(f"/tasks/{one['id']}")
        at_ms = {event["verb"]: happened_ms(event) for event in told["events"]}
        rows[one["name_en"]].append(
            {
                "Period": one["period"],
                "Due": one["due_on"],
                "Agreed by the customer": told["agreed_by"],
                "Agreed": at_ms.get("agree"),
                "Done": at_ms.get("fulfil", at_ms.get("finish")),
                "Round": told["round"],
            }
        )
    return rows


def _tasks(ask: Ask) -> Iterator[Mapping[str, Any]]:
    after: dict[str, int] = {}
    while True:
        page = ask.of_now("/tasks", site=ask.found["id"], limit=PAGE, **after)
        yield from page["tasks"]
        if page["next_after"] is None:
            return
        after = {"after": page["next_after"]}


def _days(ask: Ask) -> tuple[date, date]:
    """The first and the last day of the part of the period that is past."""
    ends = ask.found["from_ms"], ask.past_to_ms - 1
    first, last = (datetime.fromtimestamp(ms / 1000, SHANGHAI).date() for ms in ends)
    return first, last


# --- faults and tickets ----------------------------------------------------------------------------------------------


def begun(ask: Ask) -> list[tuple[str, Mapping[str, Any]]]:
    """Faults that began in the period, each with the name of its device."""
    found = [
        (row["name_en"], one)
        for row in ask.availability("device")["rows"]
        for one in ask.conditions(row["key"])
        if one["from_ms"] >= ask.found["from_ms"]
    ]
    return sorted(found, key=lambda one: (one[1]["from_ms"], one[1]["subject"], one[1]["component"], one[1]["code"]))


def tickets(ask: Ask) -> Rows:
    """When each ticket of the period was opened, answered, gone to and mended."""
    rows: dict[Any, Row] = {}
    for ticket in ask.tickets():
        one = ask.ticket(ticket["number"])
        first = {event["verb"]: happened_ms(event) for event in reversed(one["events"])}
        last = {event["verb"]: happened_ms(event) for event in one["events"]}
        rows[ticket["number"]] = {
            "Opened": one["opened_ms"],
            "Replied": first.get("acknowledge", one["acknowledged_ms"]),
            "Arrived": first.get("arrive"),
            "Repaired": last.get("fix", one["resolved_ms"]),
        }
    return rows


# --- what gets worse -------------------------------------------------------------------------------------------------


def worst(ask: Ask) -> Rows:
    """The worst that each watched reading was, and what it was last."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for row in ask.availability("device")["rows"]:
        for one in sorted(_trends(ask, row["key"]), key=lambda one: str(one["reading"])):
            watch = trends().watch_of(one["reading"])
            days = _within(ask, one)
            if watch is None or watch.of == RESTARTS or not days:
                continue
            place = {"least": 1, "greatest": 2, "last": 3}[watch.of]
            choose = max if watch.towards == "up" else min
            day, value = choose(((day[0], day[place]) for day in days), key=lambda day: day[1])
            rows[row["name_en"]].append({"Reading": one["reading"], "Worst": value, "On": day, "Last": days[-1][place]})
    return rows


def _restarts(ask: Ask, device: str) -> int | None:
    """On how many days it was started; None where it does not tell."""
    told = [one for one in _trends(ask, device) if one["watch"] == RESTARTS]
    assert not told, "the town tells no uptime: nothing says on which days a device was started"
    return None


def _trends(ask: Ask, device: str) -> Any:
    return ask.of_now(f"/devices/{device}/trends", days=800)["trends"]


def _within(ask: Ask, trend: Mapping[str, Any]) -> list[Any]:
    first, last = _days(ask)
    return [day for day in trend["days"] if first.isoformat() <= day[0] <= last.isoformat()]


def foretold(ask: Ask) -> Rows:
    """What was foretold at the period's end."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in ask.of_now("/forecasts", of=ask.of, at=ask.past_to_ms, limit=MOST, within=1200)["forecasts"]:
        rows[one["name_en"]].append(
            {
                "Reading": one["reading"],
                "When foretold": one["level"],
                "Limit": one["limit"],
                "Crosses it about": one["likely"],
                "Between": (one["earliest"], one["latest"]),
                "Part": one["part_en"] or None,
            }
        )
    return rows
