"""Numbers of the statistics report, section by section, from /availability, /statistics and /kept."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from tests.quarter.numbers import periods
from tests.quarter.numbers.ask import PAGE, Ask
from tests.quarter.numbers.compare import Row, Rows
from tests.quarter.numbers.shared import figure, fraction, promised, share

WORST = 10
FREQUENT = Fraction(1, 5)
UNKNOWN = "not known"
CONTRACT_ENDS = {
    "warranty_until": "the warranty ends",
    "maintenance_until": "the maintenance contract ends",
    "labour_until": "free labour on site ends",
}


# --- one: how everything ran -----------------------------------------------------------------------------------------


def altogether(ask: Ask) -> Rows:
    """The whole, and how it was in the period before."""
    earlier = ask.availability("", **periods.before(ask.found["period"]).ms)["total"]
    told = {**figure(ask.availability()["total"]), **promised(ask)}
    return {None: {**told, "In the period before": fraction(earlier["availability"])}}


def by_month(ask: Ask) -> Rows:
    """... month by month, where there are several."""
    told = ask.availability(bucket="month")["total"]["buckets"]
    return {one["bucket"]: figure(one) for one in told} if len(told) > 1 else {}


def by_site(ask: Ask) -> Rows:
    """... of each site."""
    return {row["name_en"]: figure(row) for row in ask.availability("site")["rows"]}


def worst_devices(ask: Ask) -> Rows:
    """... of the worst devices."""
    rows = ask.availability("device", limit=WORST)["rows"]
    return {
        row["name_en"] if row["name_zh"] == row["key"] else (row["name_en"], row["key"]): figure(row) for row in rows
    }


# --- two: faults -----------------------------------------------------------------------------------------------------


def counted(ask: Ask) -> Rows:
    """How many faults, and how many in the period before."""
    earlier = _faults(ask, **periods.before(ask.found["period"]).ms)["faults"]
    return {None: {"This period": _faults(ask)["faults"], "The period before": earlier}}


def bars(ask: Ask) -> Rows:
    """How many of each class."""
    return {one["name_en"]: {"Value": one["faults"]} for one in _faults(ask)["rows"]}


def ranked(by: str, rows: str = "rows", amount: str = "Faults") -> Any:
    """So many of each, with the share of all and the running share, the most first."""

    def found(ask: Ask) -> Rows:
        told = _faults(ask, by=by if rows == "rows" else "class")[rows]
        whole, running = sum(one["faults"] for one in told), 0
        expected: dict[Any, Row] = {}
        for one in told:
            running += one["faults"]
            name = one["name_en"] if by in ("class", "fault") or rows != "rows" else one["key"] or UNKNOWN
            shares = {"Share": share(one["faults"], whole), "Running share": share(running, whole)}
            expected[name] = {amount: one["faults"], **shares}
        assert rows == "parts" or whole == _faults(ask)["faults"]
        return expected

    return found


def left_out(ask: Ask) -> Rows:
    """What is in no count."""
    return {one["name_en"]: {"Tickets": one["tickets"]} for one in _faults(ask)["left_out"]}


def _faults(ask: Ask, **more: Any) -> Any:
    return ask("/statistics/faults", **{**ask.narrow, **ask.as_known, "by": "class", "limit": 1000, **more})


# --- three: what was done, and what would help -----------------------------------------------------------------------


def warned(ask: Ask) -> Rows:
    """Warnings of the period and its months that are about these faults alone."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in _warnings(ask):
        root = one["found"] and one["found"]["cause_en"]
        row = {"Where": _where(one), "Level": one["level_en"], "Faults": one["faults"], "At its root": root}
        rows[one["what_en"]].append(row)
    return rows


def _where(one: Mapping[str, Any]) -> Any:
    return "all" if one["about"] == "all" else one["key"] if one["about"] == "model" else one["key_en"]


def _warnings(ask: Ask) -> list[Mapping[str, Any]]:
    """By period and number."""
    mine = set(_numbers(ask))
    period = ask.found["period"]
    names = dict.fromkeys((period, *periods.months_of(period)))
    told = [one for name in names for one in _warnings_of(ask, name)]
    full = {one["id"]: ask.of_now(f"/statistics/recurrence/{one['id']}")["tickets"] for one in told}
    found = [one for one in told if len(full[one["id"]]) == one["faults"] and set(full[one["id"]]) <= mine]
    return sorted(found, key=lambda one: (one["period"], one["id"]))


def _warnings_of(ask: Ask, period: str) -> Iterator[Mapping[str, Any]]:
    before: dict[str, int] = {}
    while True:
        page = ask.of_now("/statistics/recurrence", period=period, limit=PAGE, **before)
        yield from page["warnings"]
        if page["next_before"] is None:
            return
        before = {"before": page["next_before"]}


def _numbers(ask: Ask) -> Iterator[str]:
    """The tickets of the faults that count."""
    after: int | None = 0
    while after is not None:
        page = ask("/statistics/faults/tickets", **ask.narrow, **ask.as_known, after=after, limit=PAGE)
        yield from (one["number"] for one in page["tickets"])
        after = page["next_after"]


def measures(ask: Ask) -> Rows:
    """What follows from the figures: classes that are frequent, what recurs, what was mended twice, what wears out."""
    told = _faults(ask)
    said: list[Any] = [
        (one["name_en"], one["faults"], share(one["faults"], told["faults"]))
        for one in told["rows"]
        if Fraction(one["faults"], told["faults"]) >= FREQUENT
    ]
    said += [(one["what_en"], _where(one), one["faults"]) for one in _warnings(ask)]
    again = next(one for one in ask.kept()["total"]["figures"] if one["figure"] == "second_repairs")
    if again["count"]:
        said.append((again["count"], share(again["count"], again["of"])))
    if worn := _worn(ask):
        said.append(len(worn))
    return {None: [{"Words": one} for one in said]}


# --- four: what the customer thinks ----------------------------------------------------------------------------------


def opinion(ask: Ask) -> Rows:
    """How many were satisfied, followed up, and what marks they gave."""
    figures = {one["figure"]: one for one in ask.kept()["total"]["figures"]}
    glad, called = figures["satisfaction"], figures["follow_ups"]
    told = _judgements(ask)
    asked_for = list(_follow_ups(ask))
    given = [one["rating"] for one in told["judgements"] if one["rating"] is not None]
    assert len(given) == told["rated"]
    return {
        None: {
            "Customers satisfied": share(glad["count"], glad["of"]),
            "Satisfied": glad["count"],
            "Said whether": glad["of"],
            "Follow-ups done": share(called["count"], called["of"]),
            "Followed up": called["count"],
            "To be followed up": called["of"],
            "Planned follow-ups done in time": share(sum(asked_for), len(asked_for)) if asked_for else None,
            "Planned follow-ups due": len(asked_for) or None,
            "Marks given": len(given),
            "Mean mark (1-5)": float(Fraction(sum(given), len(given))) if given else None,
        }
    }


def _follow_ups(ask: Ask) -> Iterator[bool]:
    """Whether each call, and each visit with one, that was due in the period was done in time."""
    window = periods.window(ask.found["period"])
    for task in _tasks(ask):
        told = ask.of_now(f"/tasks/{task['id']}")
        is_asked_for = task["mode"] == "call" or "follow-up" in {one["id"] for one in told["parts"]}
        work = next((one for one in told["worries"] if one["about"] == "work"), None)
        if is_asked_for and work and window.holds(task["due_on"]) and task["state"] != "cancelled":
            if work["ended_ms"] is not None:
                yield work["ended_ms"] < task["due_ms"]
            elif task["due_ms"] <= ask.found["known_ms"]:
                yield False


def marks(ask: Ask) -> Rows:
    """How many gave each mark."""
    return {"★" * one["rating"]: {"Value": one["tickets"]} for one in _judgements(ask)["ratings"]}


def words(ask: Ask) -> Rows:
    """What each customer said."""
    told = _judgements(ask)["judgements"]
    return {one["number"]: {"When": one["at_ms"], "Mark": one["rating"], "Words": one["words"]} for one in told}


def _judgements(ask: Ask) -> Any:
    return ask("/kept/judgements", **ask.narrow, limit=1000)


# --- five: what is ahead ---------------------------------------------------------------------------------------------


def planned(ask: Ask) -> Rows:
    """Tasks that are due in the next period and were not over when this one ended, the first due first."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for name, told in sorted(_planned(ask), key=lambda one: (one[1]["due_on"], one[1]["opens_on"])):
        rows[name].append({"Opens": told["opens_on"], "Due": told["due_on"]})
    return rows


def _planned(ask: Ask) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each with the days that it had then: what follows another task is moved when that one ends."""
    window = periods.after(ask.found["period"])
    for task in _tasks(ask):
        told = ask.of_now(f"/tasks/{task['id']}")
        events = [one for one in told["events"] if one["at_ms"] <= ask.past_to_ms]
        days = {name: day for one in events if one["verb"] in ("plan", "move") for name, day in one["data"].items()}
        was_over = told["is_over"] and len(events) == len(told["events"])
        if days and window.holds(days["due_on"]) and not was_over:
            yield task["name_en"], days


def _tasks(ask: Ask) -> Iterator[Mapping[str, Any]]:
    after: dict[str, int] = {}
    while True:
        page = ask.of_now("/tasks", contract=ask.found["id"], limit=PAGE, **after)
        yield from page["tasks"]
        if page["next_after"] is None:
            return
        after = {"after": page["next_after"]}


def worn(ask: Ask) -> Rows:
    """What is to cross its limit until the next period ends."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in _worn(ask):
        rows[one["device"]].append({"Take along": one["part_en"] or None, "About": one["likely"]})
    return rows


def _worn(ask: Ask) -> list[Mapping[str, Any]]:
    end = periods.after(ask.found["period"]).end.isoformat()
    mine = {row["key"] for row in ask.availability("device")["rows"]}
    told = ask.of_now("/forecasts", at=ask.past_to_ms, limit=1000, within=1200)["forecasts"]
    return [one for one in told if one["device"] in mine and one["earliest"] < end]


def ends(ask: Ask) -> Rows:
    """What of the contracts ends in the next period."""
    window = periods.after(ask.found["period"])
    return {
        f"contract {one['name'] or one['id']}: {what}": {"Day": one[field]}
        for one in _contracts(ask)
        for field, what in CONTRACT_ENDS.items()
        if one[field] and window.holds(one[field])
    }


def _contracts(ask: Ask) -> list[Mapping[str, Any]]:
    """The contract, or those of the customer."""
    told = ask.of_now("/contracts", limit=1000)["entries"]
    mine = "id" if ask.found["scope"] == "contract" else "customer"
    found = ({"id": one["id"], **one["fields"]} for one in told)
    return [one for one in found if one[mine] == ask.found["id"]]


def advice(ask: Ask) -> Rows:
    """How many devices did less than was promised."""
    target = ask.availability()["target_percent"]
    shares = [fraction(row["contract"]["availability"]) for row in ask.availability("device")["rows"]]
    weak = [one for one in shares if one is not None and target is not None and 100 * one < Fraction(target)]
    return {None: [{"Words": len(weak)}] if weak else []}
