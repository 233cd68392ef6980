"""What the ratios of the trade are called, what each of them is, and why there may be none. Tables.

NAMED["points_online"].zh    点位在线率（按时长）
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.core.ratios import Ratio

Why = Literal["", "no_source", "no_devices", "nothing_known", "only_now"]
WHYS: Mapping[Why, tuple[str, str]] = {
    "": ("", ""),
    "no_source": ("暂无数据来源", "nothing reports it yet"),
    "no_devices": ("范围内没有这类设备", "there are no such devices here"),
    "nothing_known": ("尚无已知数据", "nothing is known of it"),
    "only_now": ("只能查询当前", "it can only be asked for now"),
}


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
