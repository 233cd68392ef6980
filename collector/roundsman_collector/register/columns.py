"""The columns of a register file: how they are called, what they hold, and which entry they speak of.

A header is known by its name, by its Chinese or English title, or by what people call it (`also`). Case, blanks and
brackets do not matter. `of` is the kind of entry whose `field` the column holds; an entry's own id is its field `id`.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from roundsman_collector.core.causes import Kind
from roundsman_collector.store import ZONES

Of = Literal["device", "agent", "customer", "contract", "site", "place", "behind"]
Holds = Literal["id", "login", "name", "text", "phone", "date", "zone", "hours"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnKind:
    """What a kind of column expects, for people."""

    expected_zh: str
    expected_en: str


HOLDS: Mapping[Holds, ColumnKind] = {
    "id": ColumnKind(
        expected_zh="编号：1-63 个小写字母、数字、_ 或 -，不以 _ 或 - 开头",
        expected_en="an id: 1-63 of a-z 0-9 _ -, not starting with _ or -",
    ),
    "login": ColumnKind(expected_zh="已有用户的登录名", expected_en="the login name of a user"),
    "name": ColumnKind(expected_zh="名称，1-200 个字", expected_en="a name of 1-200 characters"),
    "text": ColumnKind(expected_zh="文字，最多 400 个字", expected_en="at most 400 characters"),
    "phone": ColumnKind(
        expected_zh="电话号码，例如 020-8888 6666", expected_en="a telephone number such as 020-8888 6666"
    ),
    "date": ColumnKind(expected_zh="日期，例如 2026-11-21", expected_en="a date such as 2026-11-21"),
    "zone": ColumnKind(
        expected_zh="、".join(zh for zh, _ in ZONES.values()) + " 之一",
        expected_en="one of " + ", ".join(ZONES),
    ),
    "hours": ColumnKind(
        expected_zh="24x7，或 周一至周五 09:00-18:00；周六 09:00-12:00",
        expected_en="24x7, or Mon-Fri 09:00-18:00; Sat 09:00-12:00",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column: its name in the program, its titles, what it holds, and what it says about what."""

    name: str
    zh: str
    en: str
    of: Of
    field: str
    holds: Holds
    about_zh: str
    about_en: str
    sample: str = ""
    also: tuple[str, ...] = ()


COLUMNS: tuple[Column, ...] = (
    Column(
        name="device",
        zh="设备编号",
        en="device",
        of="device",
        field="id",
        holds="id",
        about_zh="必填。每台设备一行；同一编号再次导入时只更新，不会重复。",
        about_en="Needed. One row per device; the same id again updates it and never makes a second one.",
        sample="kiosk-7",
        also=("设备id", "设备ID", "device id", "id"),
    ),
    Column(
        name="kind",
        zh="设备类型",
        en="kind",
        of="device",
        field="kind",
        holds="id",
        about_zh="新设备必填，例如 kiosk、nvr、camera、vehicle、ups。",
        about_en="Needed for a new device: kiosk, nvr, camera, vehicle, ups …",
        sample="kiosk",
        also=("类型", "device kind", "type"),
    ),
    Column(
        name="model",
        zh="型号",
        en="model",
        of="device",
        field="model",
        holds="name",
        about_zh="厂商型号。",
        about_en="The maker's model.",
        sample="DR-58",
        also=("设备型号",),
    ),
    Column(
        name="serial",
        zh="序列号",
        en="serial",
        of="device",
        field="serial",
        holds="name",
        about_zh="出厂序列号。请把该列设为“文本”，否则 Excel 会丢掉前面的 0 或写成 1.23E+05。",
        about_en="The maker's serial number. Format the column as text, or Excel drops leading zeros.",
        sample="00421873",
        also=("sn", "s/n", "出厂编号", "serial number"),
    ),
    Column(
        name="vendor",
        zh="供应商",
        en="vendor",
        of="device",
        field="vendor",
        holds="name",
        about_zh="厂家或供应商；故障率按此统计，请始终写成一样。",
        about_en="Who made or delivered it: failure rates are told by it, so write it the same each time.",
        sample="示例科技",
        also=("厂家", "厂商", "生产厂家", "supplier", "manufacturer"),
    ),
    Column(
        name="batch",
        zh="批次",
        en="batch",
        of="device",
        field="batch",
        holds="name",
        about_zh="采购或出厂批次。",
        about_en="The batch in which it was bought or made.",
        sample="2026-03",
        also=("采购批次", "出厂批次", "lot"),
    ),
    Column(
        name="name_zh",
        zh="设备名称",
        en="name (zh)",
        of="device",
        field="name_zh",
        holds="name",
        about_zh="中文名称；不填则与英文名称或编号相同。",
        about_en="Chinese name; if empty, the English name or the id.",
        sample="自助终端 7",
        also=("中文名称", "名称"),
    ),
    Column(
        name="name_en",
        zh="设备英文名称",
        en="name (en)",
        of="device",
        field="name_en",
        holds="name",
        about_zh="英文名称；不填则与中文名称相同。",
        about_en="English name; if empty, the Chinese one.",
        sample="Kiosk 7",
        also=("英文名称", "name"),
    ),
    Column(
        name="agent",
        zh="采集端",
        en="agent",
        of="agent",
        field="id",
        holds="id",
        about_zh="由哪个采集端上报；新采集端须同时填写监控分中心，凭证另由 roundsman agent add 发放。",
        about_en="Which agent speaks for it; a new one needs the group; roundsman agent add gives it a credential.",
        sample="kiosk-7",
        also=("采集端编号", "agent id"),
    ),
    Column(
        name="group",
        zh="监控分中心",
        en="group",
        of="agent",
        field="group_id",
        holds="id",
        about_zh="站点所属的监控分中心编号；新站点必填。",
        about_en="The monitoring centre that the site belongs to; needed for a new site.",
        sample="south",
        also=("分中心", "分组", "监控分中心编号", "group id"),
    ),
    Column(
        name="customer",
        zh="客户编号",
        en="customer",
        of="customer",
        field="id",
        holds="id",
        about_zh="新站点必填。",
        about_en="Needed for a new site.",
        sample="metro",
        also=("客户id", "customer id"),
    ),
    Column(
        name="customer_zh",
        zh="客户名称",
        en="customer name (zh)",
        of="customer",
        field="name_zh",
        holds="name",
        about_zh="客户中文名称。",
        about_en="The customer's Chinese name.",
        sample="示例地铁",
        also=("客户", "客户中文名称", "甲方"),
    ),
    Column(
        name="customer_en",
        zh="客户英文名称",
        en="customer name (en)",
        of="customer",
        field="name_en",
        holds="name",
        about_zh="客户英文名称。",
        about_en="The customer's English name.",
        sample="Example Metro",
        also=("customer name",),
    ),
    Column(
        name="contract",
        zh="合同编号",
        en="contract",
        of="contract",
        field="id",
        holds="id",
        about_zh="站点适用的合同。",
        about_en="The contract that the site stands under.",
        sample="metro-2026",
        also=("合同id", "contract id"),
    ),
    Column(
        name="contract_name",
        zh="合同名称",
        en="contract name",
        of="contract",
        field="name",
        holds="name",
        about_zh="不填则与合同编号相同。",
        about_en="If empty, the contract's id.",
        sample="2026 年维保合同",
        also=("合同",),
    ),
    Column(
        name="accepted_on",
        zh="验收日期",
        en="accepted on",
        of="contract",
        field="accepted_on",
        holds="date",
        about_zh="通过验收的日期，质保自当日起算。",
        about_en="The day of acceptance; the warranty begins on it.",
        sample="2025-03-01",
        also=("验收", "acceptance date", "accepted"),
    ),
    Column(
        name="warranty_until",
        zh="质保截止",
        en="warranty until",
        of="contract",
        field="warranty_until",
        holds="date",
        about_zh="质保的最后一天（含当日）。",
        about_en="The last day of the warranty, itself included.",
        sample="2027-02-28",
        also=("质保截止日期", "质保到期", "质保期至", "warranty"),
    ),
    Column(
        name="maintenance_until",
        zh="维保截止",
        en="maintenance until",
        of="contract",
        field="maintenance_until",
        holds="date",
        about_zh="维保的最后一天（含当日）。",
        about_en="The last day of maintenance, itself included.",
        sample="2029-02-28",
        also=("维保截止日期", "维保到期", "维保期至", "maintenance"),
    ),
    Column(
        name="labour_until",
        zh="免费上门截止",
        en="free labour until",
        of="contract",
        field="labour_until",
        holds="date",
        about_zh="免费上门服务的最后一天（含当日），与部件质保不同时填写；不填则与质保相同。",
        about_en="The last day on which labour on site is free, where it is not the warranty's.",
        sample="",
        also=("免费上门", "上门服务截止", "labour"),
    ),
    Column(
        name="service_level",
        zh="服务级别",
        en="service level",
        of="contract",
        field="service_level",
        holds="id",
        about_zh="报修响应、到场、修复等时限的承诺，如 kiosk；不填则不承诺。",
        about_en="What is promised for tickets, for instance kiosk; if empty, nothing is.",
        sample="",
        also=("服务等级", "sla"),
    ),
    Column(
        name="site",
        zh="站点编号",
        en="site",
        of="site",
        field="id",
        holds="id",
        about_zh="设备所在站点。",
        about_en="The site where the device stands.",
        sample="metro-rmgc",
        also=("站点id", "网点编号", "site id"),
    ),
    Column(
        name="site_zh",
        zh="站点名称",
        en="site name (zh)",
        of="site",
        field="name_zh",
        holds="name",
        about_zh="站点中文名称。",
        about_en="The site's Chinese name.",
        sample="人民广场站",
        also=("站点", "网点名称", "站点中文名称"),
    ),
    Column(
        name="site_en",
        zh="站点英文名称",
        en="site name (en)",
        of="site",
        field="name_en",
        holds="name",
        about_zh="站点英文名称。",
        about_en="The site's English name.",
        sample="People's Square",
        also=("site name",),
    ),
    Column(
        name="address",
        zh="地址",
        en="address",
        of="site",
        field="address",
        holds="text",
        about_zh="站点地址，工程师照此到场。",
        about_en="The site's address, where the engineer drives to.",
        sample="示例路 1 号",
        also=("站点地址", "详细地址"),
    ),
    Column(
        name="zone",
        zh="区域",
        en="zone",
        of="site",
        field="zone",
        holds="zone",
        about_zh="市区、郊区、异地、边远之一；决定到场时限。不填为市区。",
        about_en="urban, suburban, elsewhere or remote: decides how fast somebody has to arrive. If empty, urban.",
        sample="市区",
        also=("区域类型", "地域"),
    ),
    Column(
        name="time_zone",
        zh="时区",
        en="time zone",
        of="site",
        field="time_zone",
        holds="text",
        about_zh="IANA 时区名；不填为 Asia/Shanghai。",
        about_en="An IANA name; if empty, Asia/Shanghai.",
        sample="Asia/Shanghai",
        also=("timezone",),
    ),
    Column(
        name="service_hours",
        zh="应运行时间",
        en="service hours",
        of="site",
        field="service_hours",
        holds="hours",
        about_zh="站点必须正常运行的时间；不填为 24x7。",
        about_en="When the site has to be up; if empty, 24x7.",
        sample="每天 06:00-23:00",
        also=("服务时间", "运行时间", "营业时间", "hours"),
    ),
    Column(
        name="engineer",
        zh="负责工程师",
        en="engineer",
        of="site",
        field="engineer",
        holds="login",
        about_zh="站点负责工程师的登录名，须已存在。",
        about_en="The login name of the engineer who looks after the site; must be a user.",
        sample="",
        also=("工程师", "站点工程师", "site engineer"),
    ),
    Column(
        name="calendar",
        zh="节假日日历",
        en="calendar",
        of="site",
        field="calendar",
        holds="id",
        about_zh="节假日与调休按哪个日历计，须已存在；新站点不填为 cn（中国法定节假日），none 表示不分节假日。",
        about_en="Which holidays the site keeps; must be a calendar. New sites: empty is cn (China); none: none.",
        sample="cn",
        also=("日历", "日历编号", "假日日历", "holidays", "calendar id"),
    ),
    Column(
        name="point",
        zh="服务网点",
        en="service point",
        of="site",
        field="point",
        holds="id",
        about_zh="负责该站点的服务网点（特约维修点）编号，须已存在；不填则按网点的覆盖区域。",
        about_en="The service point whose people go there; must be one. If empty, the one whose zones cover the site.",
        sample="",
        also=("服务网点编号", "维修点", "特约维修点", "point"),
    ),
    Column(
        name="contact",
        zh="现场联系人",
        en="on the spot",
        of="site",
        field="contact",
        holds="name",
        about_zh="当地设备管理人员：可在电话指导下协助处理。",
        about_en="Who looks after the devices there and can be guided by phone.",
        sample="周师傅",
        also=("当地设备管理人员", "站点联系人", "contact"),
    ),
    Column(
        name="contact_phone",
        zh="现场联系电话",
        en="telephone on the spot",
        of="site",
        field="contact_phone",
        holds="phone",
        about_zh="现场联系人的电话。",
        about_en="Their telephone number.",
        sample="020-8888 6666",
        also=("站点联系电话", "contact phone"),
    ),
    Column(
        name="place",
        zh="点位编号",
        en="place",
        of="place",
        field="id",
        holds="id",
        about_zh="设备安装的点位；填了站点而不填点位时，以设备编号建立点位。更换设备时点位不变，考核连续。",
        about_en="Where the device stands. With a site and no place, a place with the device's id is made.",
        sample="metro-rmgc-hall-3",
        also=("点位id", "place id"),
    ),
    Column(
        name="place_zh",
        zh="点位名称",
        en="place name (zh)",
        of="place",
        field="name_zh",
        holds="name",
        about_zh="点位中文名称。",
        about_en="The place's Chinese name.",
        sample="站厅 3 号口",
        also=("点位", "安装位置", "点位中文名称"),
    ),
    Column(
        name="place_en",
        zh="点位英文名称",
        en="place name (en)",
        of="place",
        field="name_en",
        holds="name",
        about_zh="点位英文名称。",
        about_en="The place's English name.",
        sample="Hall, exit 3",
        also=("place name",),
    ),
    Column(
        name="place_engineer",
        zh="点位工程师",
        en="place engineer",
        of="place",
        field="engineer",
        holds="login",
        about_zh="与站点负责工程师不同时填写。",
        about_en="If somebody else than the site's engineer looks after it.",
        sample="",
    ),
    Column(
        name="place_contact",
        zh="点位联系人",
        en="on the spot at the place",
        of="place",
        field="contact",
        holds="name",
        about_zh="与站点的现场联系人不同时填写。",
        about_en="If somebody else than the site's.",
        sample="",
        also=("place contact",),
    ),
    Column(
        name="place_contact_phone",
        zh="点位联系电话",
        en="telephone at the place",
        of="place",
        field="contact_phone",
        holds="phone",
        about_zh="点位联系人的电话。",
        about_en="Their telephone number.",
        sample="",
        also=("place contact phone",),
    ),
    Column(
        name="power_from",
        zh="供电来自",
        en="power from",
        of="behind",
        field="power",
        holds="id",
        about_zh="由哪台设备供电（如 UPS）的设备编号；该设备断电时，本设备的故障归因于它，不另开工单。none 表示没有。",
        about_en="The device that feeds it, such as a UPS: its loss of power explains this one's. none: nobody.",
        sample="",
        also=("供电设备", "上级电源", "ups编号", "power source"),
    ),
    Column(
        name="uplink_from",
        zh="网络上联",
        en="uplink from",
        of="behind",
        field="uplink",
        holds="id",
        about_zh="承载其网络的设备（交换机、路由器、网关）编号；它中断时，失联归因于它，不另开工单。none 表示没有。",
        about_en="The id of the switch, router or gateway that carries its traffic; its failure explains this one's.",
        sample="",
        also=("上联", "上联设备", "网关", "uplink"),
    ),
)
NOBODY = "none"
"""In the columns of what a device stands behind: it gets it from nobody that is known."""
BEHIND: Mapping[Kind, Column] = {
    "power": next(one for one in COLUMNS if one.name == "power_from"),
    "uplink": next(one for one in COLUMNS if one.name == "uplink_from"),
}
BY_NAME: Mapping[str, Column] = {one.name: one for one in COLUMNS}


def _folded(title: str) -> str:
    """A title without what does not matter; full-width signs, as Chinese keyboards write them, are their plain ones."""
    return re.sub(r"[\s_()\[\]【】*:-]+", "", unicodedata.normalize("NFKC", title)).lower()


TITLES: Mapping[str, str] = {
    _folded(title): one.name for one in reversed(COLUMNS) for title in (*one.also, one.zh, one.en, one.name)
}


def column_of(title: str) -> Column | None:
    """The column that a header names."""
    name = TITLES.get(_folded(title))
    return None if name is None else BY_NAME[name]


def titles() -> list[str]:
    """Every title that a header may have, as it is written in templates."""
    return [title for one in COLUMNS for title in (one.zh, one.en)]
