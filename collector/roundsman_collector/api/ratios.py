"""/ratios: 点位在线率, 录像完整率, 保存天数达标率, 入网率, 上线率, 连通率 …, each with its two numbers.

    GET /ratios?of=site:metro-a&from=…&to=…&known=…

They are made of what is measured: channels from the readings of recorders and cameras, vehicles from the uptime ledger,
links from the silences of agents. What has no source is there with `why`, and no value: never 0 %, never 100 %.

A channel is up while its recorder is and no fault `cam.offline` holds for it. Where the recorder is down, its channels
are; where nobody knows of the recorder, nobody knows of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.figures import frame_of, stretches_of
from roundsman_collector.api.moments import DAY_MS, KnownWindow, Window, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.core import ratios
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.intervals import Intervals, Pair, normal
from roundsman_collector.core.ratios import PointState, PointTime, Ratio, Vehicle
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.roles import Scope
from roundsman_collector.store.ratio_facts import NARROWED, Link, Points
from roundsman_collector.wording import short

T = TypeVar("T")
Why = Literal["", "no_source", "no_devices", "nothing_known", "only_now"]
WHYS: Mapping[Why, tuple[str, str]] = {
    "": ("", ""),
    "no_source": ("暂无数据来源", "nothing reports it yet"),
    "no_devices": ("范围内没有这类设备", "there are no such devices here"),
    "nothing_known": ("尚无已知数据", "nothing is known of it"),
    "only_now": ("只能查询当前", "it can only be asked for now"),
}
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
WINDOW = KnownWindow(usual_ms=30 * DAY_MS, longest_ms=366 * DAY_MS)

router = APIRouter(tags=["availability"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A ratio of the trade: what it is called, what it is, and since which data there is."""

    code: str
    zh: str
    en: str
    how_zh: str
    how_en: str
    is_instant: bool = False


NAMED: Mapping[str, Named] = {
    one.code: one
    for one in (
        Named(
            code="points_online_now",
            zh="点位在线率（实时）",
            en="points online, now",
            how_zh="此刻在线通道数 ÷ 已配置通道数；未配置的通道不计。",
            how_en="Channels online now ÷ configured channels; one without a camera is not counted.",
            is_instant=True,
        ),
        Named(
            code="points_online",
            zh="点位在线率（按时长）",
            en="points online, by time",
            how_zh="各通道在线时长之和 ÷（在线＋离线）时长之和；未知时长不计入。",
            how_en="Σ time online ÷ Σ time online or offline, over configured channels; unknown time is in neither.",
        ),
        Named(
            code="pictures_good",
            zh="图像完好率",
            en="pictures good",
            how_zh="图像完好通道数 ÷ 已诊断通道数，不是 ÷ 全部通道。",
            how_en="Channels with a good picture ÷ channels whose picture was looked at, not ÷ all.",
            is_instant=True,
        ),
        Named(
            code="recordings_complete",
            zh="录像完整率（昨日）",
            en="recordings complete, yesterday",
            how_zh="各通道昨日录像完整率的平均值，由录像机上报，各通道权重相同。",
            how_en="The mean of what recorders report of each channel's yesterday; every channel weighs the same.",
            is_instant=True,
        ),
        Named(
            code="recordings_kept",
            zh="录像保存天数达标率",
            en="recordings kept long enough",
            how_zh="保存天数达到要求的通道数 ÷ 有要求且已知天数的通道数。",
            how_en="Channels that keep what they must ÷ channels of which both numbers of days are known.",
            is_instant=True,
        ),
        Named(
            code="vehicles_on_net",
            zh="车辆入网率",
            en="vehicles on the net",
            how_zh="至少正常上报过一次的车辆数 ÷ 在册车辆数；整个期间报停的车辆不计。",
            how_en="Vehicles that were up at least once ÷ vehicles in the register; laid up all the time is left out.",
        ),
        Named(
            code="vehicles_online",
            zh="车辆上线率",
            en="vehicles online",
            how_zh="期间内至少上线一次的车辆数 ÷ 入网车辆数。",
            how_en="Vehicles that were up at least once in the period ÷ vehicles on the net.",
        ),
        Named(
            code="links_connected",
            zh="连通率",
            en="links connected",
            how_zh="各采集端连通时长之和 ÷ 在册时长之和；从未上报的采集端为未知。",
            how_en="Σ time in which an agent was heard ÷ Σ time it is in the register; never heard is unknown.",
        ),
        Named(
            code="tracks_complete",
            zh="轨迹完整率",
            en="tracks complete",
            how_zh="轨迹完整里程 ÷ 轨迹总里程。",
            how_en="Mileage of complete tracks ÷ mileage of all tracks.",
        ),
        Named(
            code="data_qualified",
            zh="数据合格率",
            en="data qualified",
            how_zh="合格定位数据条数 ÷ 上传数据总条数。",
            how_en="Qualified positions ÷ positions sent.",
        ),
        Named(
            code="vehicles_drifting",
            zh="定位漂移车辆率",
            en="vehicles that drift",
            how_zh="有定位漂移的车辆数 ÷ 上线车辆数。",
            how_en="Vehicles whose positions jump ÷ vehicles online.",
        ),
    )
}


class Told(NamedTuple):
    """A ratio as it stands: `ratio` None where nobody can say, and `why` not."""

    named: Named
    ratio: Ratio | None
    why: Why


class RatioShape(BaseModel):
    """A ratio. Exact: `part`, `whole`, `unknown`, `left_out` are fractions as text, in `unit`."""

    model_config = ConfigDict(extra="forbid")

    code: str
    name_zh: str
    name_en: str
    how_zh: str
    how_en: str
    is_instant: bool = Field(description="of now; otherwise of the window")
    unit: str | None = Field(description="count, ms, percent")
    part: str | None
    whole: str | None
    value: str | None = Field(description="part / whole; null where there is nothing to count, or nobody can say")
    value_percent: str | None
    unknown: str | None = Field(description="in neither part nor whole")
    bounds_percent: list[str] | None = Field(description="the lowest and highest value that the unknown allows")
    left_out: dict[str, str] = Field(description="what is not counted at all, by reason")
    why: Why = Field(description="why there is no value; empty where there is one")
    why_zh: str
    why_en: str


class RatiosShape(BaseModel):
    """The ratios of what the scope reaches, over a window."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    ratios: list[RatioShape]


@router.get(
    "/ratios", response_model=RatiosShape, summary="The ratios of the trade: points, recordings, vehicles, links"
)
def ratios_of(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    of: Annotated[
        list[str] | None,
        Query(description=f"Only of this: {', '.join(f'{one}:id' for one in NARROWED)}.", max_length=120),
    ] = None,
) -> dict[str, Any]:
    """Of the devices that you reach now, over the window; 30 days up to now, if none is given."""
    found = reckoned(desk_of(request), who.scope, window, narrowed(of or ()))
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.known_ms),
        "ratios": [told(one) for one in found],
    }


def narrowed(texts: Iterable[str]) -> dict[str, str]:
    """`site:metro-a` as what to narrow by; Problem for what cannot be."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, key = text.partition(":")
        if name not in NARROWED or not key or name in found:
            expected = " or ".join(f"{one}:id" for one in NARROWED)
            raise bad_parameter("of", f"{short(text)} cannot be used", f"{expected}, each once")
        found[name] = key
    return found


def told(one: Told) -> dict[str, Any]:
    """A ratio as the API says it."""
    ratio, named = one.ratio, one.named
    bounds = None if ratio is None else ratio.bounds
    return {
        "code": named.code,
        "name_zh": named.zh,
        "name_en": named.en,
        "how_zh": named.how_zh,
        "how_en": named.how_en,
        "is_instant": named.is_instant,
        "unit": None if ratio is None else ratio.unit,
        "part": None if ratio is None else str(ratio.part),
        "whole": None if ratio is None else str(ratio.whole),
        "value": None if ratio is None or ratio.value is None else str(ratio.value),
        "value_percent": None if ratio is None or ratio.value is None else percent_text(ratio.value, 4),
        "unknown": None if ratio is None else str(ratio.unknown),
        "bounds_percent": None if bounds is None else [percent_text(edge, 4) for edge in bounds],
        "left_out": {} if ratio is None else {reason: str(amount) for reason, amount in ratio.left_out.items()},
        "why": one.why,
        "why_zh": WHYS[one.why][0],
        "why_en": WHYS[one.why][1],
    }


# --- what they are made of -------------------------------------------------------------------------------------------


def reckoned(desk: Desk, scope: Scope, window: Window, of: Mapping[str, str]) -> list[Told]:
    """Every ratio of the table, in its order."""
    made: dict[str, tuple[Ratio | None, Why]] = {
        **_points(desk, scope, window, of),
        **_vehicles(desk, scope, window, of),
        "links_connected": _links(desk, scope, window, of),
    }
    return [Told(one, *_or_why(*made.get(code, (None, "no_source")))) for code, one in NAMED.items()]


def _or_why(ratio: Ratio | None, why: Why) -> tuple[Ratio | None, Why]:
    """A ratio without a value says why, if nobody has said it."""
    if ratio is not None and ratio.value is None and not why:
        return ratio, "nothing_known"
    return ratio, why


# --- points ----------------------------------------------------------------------------------------------------------

POINT_RATIOS = ("points_online_now", "points_online", "pictures_good", "recordings_complete", "recordings_kept")
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


def _points(desk: Desk, scope: Scope, window: Window, of: Mapping[str, str]) -> dict[str, tuple[Ratio | None, Why]]:
    devices = desk.view.ratio_points(scope, of)
    if not devices:
        return dict.fromkeys(POINT_RATIOS, (None, "no_devices"))
    found: dict[str, tuple[Ratio | None, Why]] = {}
    times: list[PointTime] = []
    states: list[PointState] = []
    read: list[Channel] = []
    for some in _parts(devices, AT_ONCE):
        served = desk.view.served([one.device for one in some], frame_of(window, scope))
        broken = desk.view.ratio_broken([one.device for one in some], CAMERA_OFFLINE, _past(window), window.known_ms)
        for one in some:
            stretches = sorted(stretches_of(served.get(one.device, [])))
            mine = list(channels(one, is_fresh=one.covered_to_ms >= window.past_to_ms - OLD_MS))
            read += mine
            states += [state_now(channel, one, stretches, window.past_to_ms) for channel in mine]
            times += _times(mine, stretches, broken.get(one.device, {}))
    empty = sum(channel.is_empty for channel in read)
    found["points_online"] = (ratios.online_over_time(times, not_configured=empty), "")
    if window.known_ms is not None or window.to_ms < window.now_ms:
        return {**found, **dict.fromkeys(INSTANTS, (None, "only_now"))}
    seen = [channel for channel in read if not channel.is_empty]
    found["points_online_now"] = (ratios.points_online(states), "")
    found["pictures_good"] = (ratios.pictures_good(_is_good(channel) for channel in seen), "")
    found["recordings_complete"] = (ratios.mean_percent(_percent(channel) for channel in seen), "")
    kept = ((_days(channel, "retained_days"), _days(channel, "required_days")) for channel in seen)
    found["recordings_kept"] = (ratios.kept_long_enough(kept), "")
    return found


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


def _times(mine: Sequence[Channel], stretches: Sequence[Stretch], broken: Mapping[str, Intervals]) -> list[PointTime]:
    by: dict[str, list[tuple[int, int]]] = {"up": [], "down": [], "unknown": [], "excluded": []}
    for one in stretches:
        # A recorder with a fault of its own that still answers tells of its channels as well as one without.
        state = "up" if one.state == "down" and not _hides(one) else one.state
        by[state].append((one.from_ms, one.to_ms))
    up, down, unknown, excluded = (normal(by[state]) for state in ("up", "down", "unknown", "excluded"))
    return [
        ratios.point_time(up, down, unknown, excluded, broken.get(channel.name, ()))
        for channel in mine
        if not channel.is_empty
    ]


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


def _vehicles(desk: Desk, scope: Scope, window: Window, of: Mapping[str, str]) -> dict[str, tuple[Ratio | None, Why]]:
    fleet = [one for one in desk.view.ratio_fleet(scope, of, window.known_ms) if one.is_in_service]
    if not fleet:
        return dict.fromkeys(("vehicles_on_net", "vehicles_online"), (None, "no_devices"))
    vehicles: list[Vehicle] = []
    for some in _parts(fleet, AT_ONCE):
        served = desk.view.served([one.device for one in some], frame_of(window, scope))
        for one in some:
            stretches = stretches_of(served.get(one.device, []))
            is_up = any(stretch.state == "up" for stretch in stretches)
            vehicles.append(Vehicle(one.ever_up, is_up, is_laid_up=_is_laid_up(stretches)))
    return {
        "vehicles_on_net": (ratios.ever_reported(vehicles), ""),
        "vehicles_online": (ratios.reported(vehicles), ""),
    }


def _is_laid_up(stretches: Sequence[Stretch]) -> bool:
    """Whether all of the time that would count was taken out of the reckoning."""
    return bool(stretches) and all(one.state == "excluded" for one in stretches)


# --- links -----------------------------------------------------------------------------------------------------------


def _links(desk: Desk, scope: Scope, window: Window, of: Mapping[str, str]) -> tuple[Ratio | None, Why]:
    links = desk.view.ratio_links(scope, of, _past(window), window.known_ms)
    ratio = ratios.pooled(_link(one, window) for one in links)
    return ratio, "" if ratio is not None else "no_devices"


def _link(one: Link, window: Window) -> Ratio:
    begin, end = max(window.from_ms, one.added_ms), _past(window)[1]
    period = normal([(begin, max(begin, end))])
    silent = normal((a, max(a, end if b is None else b)) for a, b in one.silent)
    return ratios.connected(period, silent, () if one.was_heard else period)


def _past(window: Window) -> Pair:
    """The part of the window that is past."""
    return window.from_ms, max(window.from_ms, min(window.to_ms, window.past_to_ms))


def _parts(whole: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, size)):
        yield part
