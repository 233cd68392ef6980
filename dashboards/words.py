"""Every text of the dashboards, in both languages: one row per text, as roundsman_collector.web.words has them."""

from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

WORDS: dict[str, tuple[str, str]] = {
    "title": ("设备可用率总览", "Fleet uptime"),
    "about": (
        "全部设备的可用率、数据覆盖率、状态、工单与采集情况。由 dashboards/generate.py 生成,请勿手工修改。",
        "Availability, coverage, states, tickets and intake of the whole fleet. "
        "Made by dashboards/generate.py: do not edit.",
    ),
    "other": ("English", "中文"),
    "group": ("分组", "Group"),
    "kind": ("设备类型", "Kind"),
    "device": ("设备", "Device"),
    "source": ("数据源", "Data source"),
    "all": ("全部", "All"),
    # --- rows ---
    "row.uptime": ("可用率", "Availability"),
    "row.tickets": ("工单与通知", "Tickets and notices"),
    "row.intake": ("采集情况", "Intake"),
    # --- panels: title, and what a reader should know ---
    "now": ("当前设备状态", "Devices now"),
    "now.about": ("按状态统计的设备数。", "How many devices stand how."),
    "window": ("近 {span}", "Last {span}"),
    "window.about": (
        "可用率 = 可用时长 ÷(可用 + 不可用时长);数据覆盖率 = 状态已知的时长占比。"
        "覆盖率低时,可用率只代表已知的那部分时间。",
        "Availability is up ÷ (up + down); coverage is the share of the time of which anything is known. "
        "Where coverage is low, availability speaks of that share only.",
    ),
    "availability": ("可用率", "Availability"),
    "coverage": ("数据覆盖率", "Coverage"),
    "down": ("不可用时长", "Down time"),
    "outages": ("中断次数", "Outages"),
    "course": ("可用率与数据覆盖率走势(24 小时滚动)", "Availability and coverage over time (of the 24 h before)"),
    "course.about": (
        "每一点都是其之前 24 小时的数值。",
        "Each point tells of the 24 hours before it.",
    ),
    "states": ("设备状态走势", "States over time"),
    "states.about": ("各状态的设备数。", "How many devices stood how."),
    "by_group": ("按分组与设备类型(近 24 小时)", "By group and kind (last 24 h)"),
    "by_group.about": ("可用率最低的排在最前。", "The lowest availability first."),
    "worst": ("可用率最低的设备(近 24 小时)", "Worst devices (last 24 h)"),
    "worst.about": (
        "可用率最低的 20 台设备。设备超过 2000 台时不再提供单台数据,本表为空。",
        "The twenty devices with the lowest availability. Beyond 2,000 devices there are no series of single devices, "
        "and this table is empty.",
    ),
    "tickets": ("未关闭工单", "Open tickets"),
    "tickets.about": ("按严重程度统计,不受分组筛选影响。", "By severity; the filters do not apply."),
    "tickets_course": ("未关闭工单走势", "Open tickets over time"),
    "unclaimed": ("待接单", "Not acknowledged"),
    "unclaimed.about": ("尚无人接单的工单数。", "Tickets that nobody has acknowledged yet."),
    "notices": ("通知发件箱", "Outbox"),
    "notices.about": (
        "等待发送与发送失败(已放弃)的通知数。失败的通知需要人工处理。",
        "Notices that wait to be sent, and those that were given up: somebody has to look at these.",
    ),
    "reports": ("每秒上报数", "Reports per second"),
    "reports.about": ("采集端写入的上报。", "Reports written down by the collector."),
    "last": ("距最近一次上报", "Since the last report"),
    "last.about": ("整个系统最近一次收到上报至今的时间。", "Since anything at all came in."),
    "refused": ("每秒拒收数", "Refused per second"),
    "refused.about": (
        "按原因统计,原因说明见 roundsman status。",
        "By cause; `roundsman status` shows an example of each.",
    ),
    "nothing_refused": ("无拒收", "nothing refused"),
    "waiting": ("待处理", "Waiting"),
    "waiting.about": (
        "核算中的采集端、待执行的指令、待认领的设备、隔离的消息。",
        "Agents whose late news is being worked in, commands, unknown devices, messages set aside.",
    ),
    "settling": ("核算中的采集端", "Settling agents"),
    "commands": ("待执行指令", "Commands"),
    "inbox": ("待认领", "Inbox"),
    "quarantine": ("隔离区", "Quarantine"),
    "disk": ("数据库与磁盘剩余空间", "Database and room left"),
    "disk.about": ("数据库大小与其所在磁盘的剩余空间。", "The size of the database, and what is free on its disk."),
    "database": ("数据库", "Database"),
    "free": ("剩余空间", "Free"),
    # --- words of metrics' labels ---
    "1h": ("1 小时", "hour"),
    "24h": ("24 小时", "24 hours"),
    "30d": ("30 天", "30 days"),
    "normal": ("正常", "normal"),
    "warning": ("告警", "warning"),
    "fault": ("故障", "fault"),
    "offline": ("离线", "offline"),
    "maintenance": ("维护", "maintenance"),
    "unknown": ("未知", "unknown"),
    "urgent": ("紧急", "urgent"),
    "major": ("严重", "major"),
    "minor": ("一般", "minor"),
    "new": ("等待发送", "waiting"),
    "dead": ("发送失败", "given up"),
}


def say(key: str, language: Language) -> str:
    """A text in one language; KeyError for one that is not in the table."""
    return WORDS[key][LANGUAGES.index(language)]
