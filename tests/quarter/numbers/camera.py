"""Numbers that only the quarterly report of a camera system tells, and the report on a trial run."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.quarter.numbers.ask import Ask
from tests.quarter.numbers.compare import Row, Rows
from tests.quarter.numbers.shared import figure, fraction, share
from tests.quarter.numbers.site import About, begun, contract_of

CAMERA_OFFLINE = "cam.offline"
PORT_FAULTS = {
    "net.port_down": "down",
    "net.port_flap": "flapped",
    "net.errors": "errors",
    "poe.fault": "PoE failed",
}
HIDES = "host.unreachable"
"""A recorder with another fault still tells of its channels."""


def control_room(ask: Ask) -> Rows:
    """Every device with the quarter's worst."""
    faults = Counter(one["subject"] for _, one in begun(ask))
    days = {row["key"]: row["buckets"] for row in ask.availability("device", bucket="day")["rows"]}
    return {
        row["name_en"]: {**figure(row), "Worst day": _worst(days[row["key"]]), "Faults": faults[row["key"]]}
        for row in ask.availability("device")["rows"]
    }


def _worst(days: list[Mapping[str, Any]]) -> Any:
    """The day and its availability; the first of several."""
    told = [(fraction(one["availability"]), one["bucket"]) for one in days]
    share_of, day = min(((known, day) for known, day in told if known is not None), default=(None, None))
    return (day, share_of)


def ports(ask: Ask) -> Rows:
    """How often ports were down, flapped, had errors."""
    counts = Counter((name, one["component"], one["code"]) for name, one in begun(ask) if one["code"] in PORT_FAULTS)
    rows: dict[Any, list[Row]] = defaultdict(list)
    for name, port in sorted({(name, port) for name, port, _ in counts}):
        rows[name].append({"Port": port, **{said: counts[name, port, code] for code, said in PORT_FAULTS.items()}})
    return rows


# --- points ----------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """A channel: how long it was online, offline, and nobody knows, and how often it was lost."""

    up_ms: int
    down_ms: int
    unknown_ms: int
    lost: int


def points(ask: Ask) -> Rows:
    """How each point was connected, and all of them as /ratios has them."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    lost = 0
    for name, channel, point in _points(ask):
        lost += point.lost
        rows[name].append(
            {
                "Channel": channel,
                "Online": share(point.up_ms, point.up_ms + point.down_ms),
                "Offline": point.down_ms,
                "Unknown": point.unknown_ms,
                "Times lost": point.lost,
            }
        )
    told = next(one for one in ask("/ratios", of=ask.of, **ask.as_known)["ratios"] if one["code"] == "points_online")
    part, whole, unknown = (fraction(told[name]) or 0 for name in ("part", "whole", "unknown"))
    total = {"Online": fraction(told["value"]), "Offline": whole - part, "Unknown": unknown, "Times lost": lost}
    return {**rows, "Total": total} if rows else {}


def _points(ask: Ask) -> Iterator[tuple[str, str, Point]]:
    """Each channel from the intervals of its recorder and the times at which it was lost."""
    for row in ask.availability("device")["rows"]:
        device = row["key"]
        intervals = ask(f"/devices/{device}/reckoning", **ask.as_known)["intervals"]
        broken = [one for one in ask.conditions(device) if one["code"] == CAMERA_OFFLINE]
        readings = [one["name"] for one in ask.of_now(f"/devices/{device}")["readings"]]
        names = {name.rpartition("].")[0] + "]" for name in readings if name.startswith("channel[")}
        for channel in sorted(names):
            mine = [one for one in broken if one["component"] == channel]
            spans = [(one["from_ms"], one["to_ms"] or ask.past_to_ms) for one in mine]
            begins = sum(one["from_ms"] >= ask.found["from_ms"] for one in mine)
            yield row["name_en"], channel, _point(intervals, spans, begins)


def _point(intervals: list[Mapping[str, Any]], broken: list[tuple[int, int]], lost: int) -> Point:
    times: Counter[str] = Counter()
    for one in intervals:
        is_told = one["state"] == "up" or (one["state"] == "down" and one["cause"] == "fault" and one["fault"] != HIDES)
        gone = sum(max(0, min(one["to_ms"], end) - max(one["from_ms"], begin)) for begin, end in broken)
        times["up" if is_told else one["state"]] += one["ms"] - (gone if is_told else 0)
        times["down"] += gone if is_told else 0
    return Point(times["up"], times["down"], times["unknown"], lost)


# --- a trial run -----------------------------------------------------------------------------------------------------

TRIAL = About(on_trial=True)


def acceptance(ask: Ask) -> Rows:
    """How many are shown to run."""
    rows = TRIAL.asked(ask, "device")["rows"]
    holding = [_holding(ask, row["key"]) for row in rows]
    running = sum(_first_up(ask, row["key"]) is not None and not held for row, held in zip(rows, holding, strict=True))
    net = next(one for one in ask("/ratios", of=ask.of, **ask.as_known)["ratios"] if one["code"] == "vehicles_on_net")
    return {
        None: {
            "Accepted on": contract_of(ask)["accepted_on"],
            "Running, shown by data": (running, len(rows)),
            "Vehicles on the net": fraction(net["value"]),
            "Faults that hold": sum(holding),
        }
    }


def started(ask: Ask) -> Rows:
    """When each device was installed and first up, and how many of its faults hold."""
    rows: dict[Any, Row] = {}
    for row in TRIAL.asked(ask, "device")["rows"]:
        holding, first = _holding(ask, row["key"]), _first_up(ask, row["key"])
        told = {"Installed": ask.of_now(f"/devices/{row['key']}/card")["installed_ms"], "First up": first}
        says_why = {"Running": holding} if holding and first is not None else {}
        rows[row["name_en"]] = {**told, "Faults": holding, **says_why}
    return rows


def _holding(ask: Ask, device: str) -> int:
    """How many faults hold at the end."""
    return len(list(ask.conditions(device, **{"from": ask.past_to_ms - 1, "to": ask.past_to_ms})))


def _first_up(ask: Ask, device: str) -> int | None:
    """When evidence first said that it was up, by its ledger."""
    installed_ms = ask.of_now(f"/devices/{device}/card")["installed_ms"]
    window = {"from": installed_ms, "to": ask.found["known_ms"]}
    told = ask.of_now(f"/devices/{device}/intervals", **window, **ask.as_known, limit=1000)["intervals"]
    return next((one["from_ms"] for one in told if one["state"] == "up"), None)
