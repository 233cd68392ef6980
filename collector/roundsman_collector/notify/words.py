"""The words of notices in both languages, and how times and spans are written. Pure tables and functions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from roundsman_wire.catalogue import Language

Words = tuple[str, str]
ZONE = "Asia/Shanghai"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = 253_402_300_799_999

EVENTS: Mapping[str, Words] = {
    "opened": ("报修", "New"),
    "called_again": ("客户再次来电", "Called again"),
    "dispatched": ("已派单", "Dispatched"),
    "handed_over": ("已转交", "Handed over"),
    "warned": ("时限预警", "Due soon"),
    "breached": ("已超时", "Overdue"),
    "recovered": ("读数已恢复", "Readings recovered"),
    "verified": ("修复已验证", "Repair verified"),
    "resolved": ("已修复", "Resolved"),
    "reopened": ("故障复发", "Back again"),
    "voided": ("已作废", "Voided"),
    "task_due": ("巡检任务提醒", "Inspections"),
    "recurred": ("重复故障预警", "Recurrence"),
    "test": ("测试", "Test"),
    "digest": ("汇总", "Digest"),
    "daily": ("每日汇总", "Daily digest"),
}
MARKS: Mapping[str, Words] = {
    "coming": ("即将到期", "Coming"),
    "open": ("可开始", "Open"),
    "danger": ("有逾期风险", "In danger"),
    "overdue": ("已逾期", "Overdue"),
}
"""How far a task has got."""
SEVERITIES: Mapping[str, Words] = {
    "urgent": ("紧急", "urgent"),
    "major": ("严重", "major"),
    "minor": ("一般", "minor"),
}
OUTCOMES: Mapping[str, Words] = {
    "recovered": ("自行恢复", "recovered"),
    "communication": ("通信中断", "the line was broken"),
    "off": ("关机或断电", "switched off"),
    "agent_stopped": ("采集程序停止", "the agent was stopped"),
    "unknown": ("原因不明", "nobody knows"),
    "by_person": ("人工处理", "by a person"),
    "void": ("作废", "void"),
    "void_by_person": ("人工作废", "voided by a person"),
}
LABELS: Mapping[str, Words] = {
    "device": ("设备", "Device"),
    "agent": ("采集端", "Agent"),
    "site": ("站点", "Site"),
    "place": ("点位", "Place"),
    "group": ("监控分中心", "Group"),
    "fault": ("故障项", "Fault"),
    "severity": ("级别", "Severity"),
    "from": ("故障起始", "Since"),
    "to": ("故障结束", "Until"),
    "lasted": ("历时", "Lasted"),
    "number": ("工单号", "Ticket"),
    "engineer": ("工程师", "Engineer"),
    "clock": ("时限", "Clock"),
    "due": ("截止时间", "Due"),
    "again": ("提醒", "Reminder"),
    "when": ("时段", "From and to"),
    "outcome": ("处理结果", "Outcome"),
    "who": ("操作人", "By"),
    "text": ("说明", "Words"),
    "count": ("通知数", "Notices"),
    "way": ("通知方式", "Way"),
    "model": ("型号", "Model"),
    "class": ("故障类别", "Class of fault"),
    "period": ("时段", "Period"),
    "faults": ("故障数", "Faults"),
    "devices": ("设备数", "Devices"),
    "months": ("连续月数", "Months in a row"),
    "cause": ("根本原因", "At the root"),
    "concerns": ("交由", "Concerns"),
}
PHRASES: Mapping[str, Words] = {
    "title.ticket": (
        "【{event}】{subject}：{fault}（{severity}）工单 {number}",
        "[{event}] {subject}: {fault} ({severity}) {number}",
    ),
    "title.test": ("【{event}】巡检员的通知能送达", "[{event}] Notices of Roundsman arrive"),
    "title.digest": ("【{event}】{count} 条通知", "[{event}] {count} notices"),
    "title.recurred": (
        "【{event}】{what}：{fault} {period} 共 {faults} 次",
        "[{event}] {what}: {fault}, {faults} times in {period}",
    ),
    "title.analysed": (
        "【重复故障原因】{what}：{fault} {period}，{cause}",
        "[Root of a recurrence] {what}: {fault} in {period}, {cause}",
    ),
    "of.model": ("型号 {model}", "model {model}"),
    "of.all": ("全部设备", "all devices"),
    "recurred": (
        "同样的故障反复出现。请分析根本原因，并在系统中填写。",
        "The same fault comes again and again. Find what is at its root, and write it down.",
    ),
    "open.recurrence": ("打开预警", "Open the warning"),
    "event.warned": ("{clock}时限已用 {percent}%", "{percent} % of the time for: {clock}"),
    "event.breached": ("{clock}已超时", "Overdue: {clock}"),
    "again": (
        "第 {again} 次提醒(最多 {repeats} 次),至今无人处理",
        "reminder {again} of {repeats} at most; nobody has answered",
    ),
    "span": ("{begin} 至 {end}", "{begin} to {end}"),
    "signed": ("巡检员", "Roundsman"),
    "test": (
        "这是一条测试通知，由 {who} 发出。收到它，说明“{way}”配置无误。",
        "This is a test, asked for by {who}. That it came shows that the way “{way}” works.",
    ),
    "digest": (
        "通知较多，已合并为一条。以下按先后列出：",
        "There were so many notices that they are told in one. In their order:",
    ),
    "daily": ("以下是自上次每日汇总以来的情况：", "What happened since the last daily digest, in its order:"),
    "digest.more": ("……另有 {count} 条，请在系统中查看工单。", "… and {count} more: look at the list of tickets."),
    "entry": (
        "{at} 【{event}】{subject}：{fault}（{severity}）工单 {number}",
        "{at} [{event}] {subject}: {fault} ({severity}) {number}",
    ),
    "title.tasks": (
        "【{mark}】{kind} {period}（{about}）：{count} 项",
        "[{mark}] {kind} {period}, {about}: {count}",
    ),
    "entry.tasks": (
        "【{mark}】{kind} {period}（{about}）：{count} 项",
        "[{mark}] {kind} {period}, {about}: {count}",
    ),
    "task": ("{site}：截止 {at}", "{site}: until {at}"),
    "tasks.coming": ("以下巡检任务即将开始：", "These tasks open soon:"),
    "tasks.open": ("以下巡检任务现在可以开始：", "These tasks are open now:"),
    "tasks.danger": ("以下巡检任务有逾期风险，请尽快安排：", "These tasks may be late; see to them soon:"),
    "tasks.overdue": ("以下巡检任务已逾期：", "These tasks are overdue:"),
    "company": ("全公司", "the company"),
    "open.tasks": ("打开巡检任务", "Open the tasks"),
    "open": ("打开工单", "Open the ticket"),
    "open.tickets": ("打开工单列表", "Open the list of tickets"),
    "footer": (
        "本邮件由巡检员自动发出，请勿回复。如不需要此类通知，请联系管理员。",
        "Sent by Roundsman; nobody reads answers. If you need no such mail, tell your administrator.",
    ),
    "named": ("{name}({id})", "{name} ({id})"),
    "zone.beijing": ("北京时间", "Beijing time"),
}


def of(words: Words, language: Language) -> str:
    """The words in a language."""
    return words[0] if language == "zh" else words[1]


def say(language: Language, key: str, **values: object) -> str:
    """A phrase."""
    return of(PHRASES[key], language).format(**values)


def word(table: Mapping[str, Words], key: str, language: Language) -> str:
    """A word of a table; what is not in it is shown as it is."""
    return of(table[key], language) if key in table else key


def at(ms: int, zone: str | None, language: Language) -> str:
    """A time as the site's clocks show it, with the zone named."""
    name = zone or ZONE
    try:
        where = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        name, where = ZONE, ZoneInfo(ZONE)
    if not 0 <= ms <= LATEST_MS - 86_400_000:
        return str(ms)
    local = (EPOCH + timedelta(milliseconds=ms)).astimezone(where)
    shown = say(language, "zone.beijing") if name == ZONE else _offset(local)
    return f"{local:%Y-%m-%d %H:%M:%S} {shown}"


def _offset(local: datetime) -> str:
    sign = local.strftime("%z")
    return f"UTC{sign[:3]}:{sign[3:5]}"


def iso(ms: int | None) -> str | None:
    """A time as ISO 8601 UTC with milliseconds; None for none, and for what no calendar holds."""
    if ms is None or not 0 <= ms <= LATEST_MS:
        return None
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(ms: int, language: Language) -> str:
    """How long something lasted: its two largest units."""
    seconds = max(ms, 0) // 1000
    units = (("天", "d", 86_400), ("小时", "h", 3600), ("分", "min", 60), ("秒", "s", 1))
    parts = []
    for zh, en, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {zh if language == 'zh' else en}")
    return " ".join(parts[:2]) or ("0 秒" if language == "zh" else "0 s")
