"""The ratios of the trade over a window, of what a scope reaches: core/ratios.py with what the database knows.

    reckoned(reading, frame, {"site": "metro-a"}) -> [Told, ...]       every ratio, in the order of core/ratio_names.py
    point_times(reading, frame, of) -> [PointOver, ...]                each channel's time, which 点位在线率 adds up

They are made of what is measured: channels from the readings of recorders and cameras, vehicles from the uptime ledger,
links from the silences of agents. What has no source is there with `why`, and no value: never 0 %, never 100 %.

A channel is up while its recorder is and no fault `cam.offline` holds for it. Where the recorder is down, its channels
are; where nobody knows of the recorder, nobody knows of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from roundsman_collector.core import ratios
from roundsman_collector.core.intervals import Intervals, normal
from roundsman_collector.core.ratio_names import NAMED, Told, Why
from roundsman_collector.core.ratios import PointState, PointTime, Ratio
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.store import ratio_facts, reckon, vehicles
from roundsman_collector.store.ratio_facts import Link, Points
from roundsman_collector.store.reckon import Frame, Reading, Served

T = TypeVar("T")
ONLINE = ("online",)
OFFLINE = ("offline", "unreachable", "conflict", "no_stream", "bad_credentials", "connecting")
EMPTY = ("empty",)
"""Words of the reading channel[].state."""
CAMERA_OFFLINE = "cam.offline"
MOST = 10**9
"""No percentage and no number of days is larger."""
LATE_MS = 5 * 60_000
"""Evidence that ends so shortly before now still speaks for now: it is swept in a little late."""
OLD_MS = 36 * 3_600_000
"""Recordings and pictures are looked at once a day: older words of them are worth nothing."""
AT_ONCE = 2000


def reckoned(reading: Reading, frame: Frame, of: Mapping[str, str]) -> list[Told]:
    """Every ratio of the table, in its order; `of` narrows to one site, customer, group or place."""
    made: dict[str, tuple[Ratio | None, Why]] = {
        **_points(reading, frame, of),
        **_vehicles(reading, frame, of),
        "links_connected": _links(reading, frame, of),
    }
    return [Told(one, *_or_why(*made.get(code, (None, "no_source")))) for code, one in NAMED.items()]


def _or_why(ratio: Ratio | None, why: Why) -> tuple[Ratio | None, Why]:
    """A ratio without a value says why, if nobody has said it."""
    if ratio is not None and ratio.value is None and not why:
        return ratio, "nothing_known"
    return ratio, why


# --- points ----------------------------------------------------------------------------------------------------------

INSTANTS = ("points_online_now", "pictures_good", "recordings_complete", "recordings_kept")


class Channel(NamedTuple):
    """A channel of a device: its name in readings (`channel[3]`), and what was read of it last."""

    device: str
    name: str
    readings: Mapping[str, Any]

    @property
    def is_empty(self) -> bool:
        """Whether it has no camera."""
        return self.readings.get("state") in EMPTY


class PointOver(NamedTuple):
    """A channel over a window: how long it was what while its recorder served for what is asked."""

    device: str
    name: str
    is_empty: bool
    time: PointTime


def _points(reading: Reading, frame: Frame, of: Mapping[str, str]) -> dict[str, tuple[Ratio | None, Why]]:
    over = point_times(reading, frame, of)
    found: dict[str, tuple[Ratio | None, Why]] = {"points_online": (None, "no_devices")}
    if over:
        times = (one.time for one in over if not one.is_empty)
        empty = sum(one.is_empty for one in over)
        found["points_online"] = (ratios.online_over_time(times, not_configured=empty), "")
    if frame.known_ms is not None or frame.to_ms < frame.now_ms:
        return {**found, **dict.fromkeys(INSTANTS, (None, "only_now" if over else "no_devices"))}
    return {**found, **_instants(reading, frame, of)}


def point_times(reading: Reading, frame: Frame, of: Mapping[str, str]) -> list[PointOver]:
    """Every channel of every device that served for what is asked, by device and channel.

    A device that moved counts on both sides with its time there. Which channels it has is what it told last.
    """
    asked = reckon.asked_of(frame, {name: {key} for name, key in of.items()})
    found: list[PointOver] = []
    after = ""
    while True:
        with reading() as connection:
            devices = reckon.candidates(connection, asked, after, AT_ONCE)
            if not devices:
                return found
            told = ratio_facts.points_of(connection, devices)
            names = [one.device for one in told]
            served = reckon.served(connection, names, frame)
            broken = ratio_facts.broken(connection, names, CAMERA_OFFLINE, frame.past, frame.known_ms)
        for one in told:
            where = reckon.narrowed(one.device, served.get(one.device, ()), asked.of)
            if where:
                stretches = sorted(stretch for each in where for stretch in each.stretches)
                found += _over(one, stretches, broken.get(one.device, {}))
        after = devices[-1]


def _instants(reading: Reading, frame: Frame, of: Mapping[str, str]) -> dict[str, tuple[Ratio | None, Why]]:
    """What channels are now, of the devices that stand there now."""
    states: list[PointState] = []
    read: list[Channel] = []
    with reading() as connection:
        devices = ratio_facts.points(connection, frame.scope, of)
    if not devices:
        return dict.fromkeys(INSTANTS, (None, "no_devices"))
    for some in _parts(devices, AT_ONCE):
        with reading() as connection:
            served = reckon.served(connection, [one.device for one in some], frame)
        for one in some:
            stretches = sorted(_stretches(served.get(one.device, ())))
            mine = list(channels(one, is_fresh=one.covered_to_ms >= frame.past_to_ms - OLD_MS))
            read += mine
            states += [state_now(channel, one, stretches, frame.past_to_ms) for channel in mine]
    seen = [channel for channel in read if not channel.is_empty]
    kept = ((_days(channel, "retained_days"), _days(channel, "required_days")) for channel in seen)
    return {
        "points_online_now": (ratios.points_online(states), ""),
        "pictures_good": (ratios.pictures_good(_is_good(channel) for channel in seen), ""),
        "recordings_complete": (ratios.mean_percent(_percent(channel) for channel in seen), ""),
        "recordings_kept": (ratios.kept_long_enough(kept), ""),
    }


def channels(one: Points, *, is_fresh: bool = True) -> Iterator[Channel]:
    """The channels of a device, by name, each with its readings under the last part of their names.

    Of a device that has said nothing for long only which channels it has: what was true of them may be so no more.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, value in one.readings.items():
        component, bracket, rest = name.rpartition("].")
        if bracket and component.startswith("channel["):
            found.setdefault(f"{component}]", {})[rest] = value
    for name in sorted(found):
        kept = found[name] if is_fresh else {key: value for key, value in found[name].items() if key == "state"}
        yield Channel(one.device, name, kept)


def state_now(channel: Channel, device: Points, stretches: Sequence[Stretch], now_ms: int) -> PointState:
    """What a channel is now: empty, as its recorder where that is not up, else as was read of it."""
    if channel.is_empty:
        return "empty"
    at_ms = min(now_ms, device.covered_to_ms)
    if at_ms < now_ms - LATE_MS:
        return "unknown"
    held = next((one for one in stretches if one.from_ms < at_ms <= one.to_ms), None)
    if held is None or held.state == "excluded":
        return "excluded"  # outside service hours, or out of the reckoning
    if held.state == "unknown":
        return "unknown"
    if held.state == "down" and _hides(held):
        return "offline"
    said = channel.readings.get("state")
    return "online" if said in ONLINE else "offline" if said in OFFLINE else "unknown"


def _hides(held: Stretch) -> bool:
    """Whether a recorder that is down answers nothing of its channels: it is off, or cannot be reached."""
    return held.cause != "fault" or held.fault == "host.unreachable"


def _over(one: Points, stretches: Sequence[Stretch], broken: Mapping[str, Intervals]) -> Iterator[PointOver]:
    by: dict[str, list[tuple[int, int]]] = {"up": [], "down": [], "unknown": [], "excluded": []}
    for stretch in stretches:
        # A recorder with a fault of its own that still answers tells of its channels as well as one without.
        state = "up" if stretch.state == "down" and not _hides(stretch) else stretch.state
        by[state].append((stretch.from_ms, stretch.to_ms))
    up, down, unknown, excluded = (normal(by[state]) for state in ("up", "down", "unknown", "excluded"))
    for channel in channels(one):
        time = ratios.point_time(up, down, unknown, excluded, broken.get(channel.name, ()))
        yield PointOver(one.device, channel.name, channel.is_empty, time)


def _is_good(channel: Channel) -> bool | None:
    said = channel.readings.get("image")
    return None if said is None else said == "ok"


def _percent(channel: Channel) -> Fraction | None:
    said = _number(channel, "recorded_percent")
    return said if said is not None and said <= 100 else None


def _days(channel: Channel, name: str) -> int | None:
    said = _number(channel, name)
    return None if said is None else int(said)


def _number(channel: Channel, name: str) -> Fraction | None:
    """A reading that is a number and not negative."""
    said = channel.readings.get(name)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < MOST:
        return None
    return Fraction(str(said))


# --- vehicles --------------------------------------------------------------------------------------------------------


def _vehicles(reading: Reading, frame: Frame, of: Mapping[str, str]) -> dict[str, tuple[Ratio | None, Why]]:
    fleet = [one.counted for one in vehicles.over(reading, frame, of)]
    if not fleet:
        return dict.fromkeys(("vehicles_on_net", "vehicles_online"), (None, "no_devices"))
    return {
        "vehicles_on_net": (ratios.ever_reported(fleet), ""),
        "vehicles_online": (ratios.reported(fleet), ""),
    }


def _stretches(where: Sequence[Served]) -> list[Stretch]:
    return [one for served in where for one in served.stretches]


# --- links -----------------------------------------------------------------------------------------------------------


def _links(reading: Reading, frame: Frame, of: Mapping[str, str]) -> tuple[Ratio | None, Why]:
    with reading() as connection:
        links = ratio_facts.links(connection, frame.scope, of, frame.past, frame.known_ms)
    ratio = ratios.pooled(_link(one, frame) for one in links)
    return ratio, "" if ratio is not None else "no_devices"


def _link(one: Link, frame: Frame) -> Ratio:
    begin, end = max(frame.from_ms, one.added_ms), frame.past[1]
    period = normal([(begin, max(begin, end))])
    silent = normal((a, max(a, end if b is None else b)) for a, b in one.silent)
    return ratios.connected(period, silent, () if one.was_heard else period)


def _parts(whole: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, size)):
        yield part
