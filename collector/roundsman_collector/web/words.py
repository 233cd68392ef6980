"""Every word of the pages in both languages, in one table; Chinese first, because it is written first.

say("zh", "tickets.open")            "未结工单"
say("en", "updated", at="10:42:07")  "as of 10:42:07"
"""

from collections.abc import Mapping

from roundsman_collector.api.standing import CHINESE
from roundsman_wire.catalogue import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")

STATES: Mapping[str, tuple[str, str]] = {word: (chinese, word) for word, chinese in CHINESE.items()}

CAUSES: Mapping[str, tuple[str, str]] = {
    "": ("", ""),
    "fault": ("故障", "fault"),
    "off": ("关机或断电", "switched off, or no power"),
    "silent": ("采集端失联", "nothing came from the agent"),
    "missing": ("有记录尚未补报", "records that have not come yet"),
    "lost": ("记录已丢失", "records were lost"),
    "agent_stopped": ("采集程序停止", "the agent was stopped"),
    "agent_off": ("采集主机关机", "the agent's machine was off"),
    "uplink": ("站点网络中断", "the site's line was broken"),
    "no_answer": ("无应答,待确认", "no answer, not confirmed yet"),
    "not_polled": ("未采集", "was not polled"),
    "starting": ("启动中", "starting"),
    "never_seen": ("从未上报", "never reported"),
    "overdue": ("长时间无新数据", "nothing new for long"),
}
"""Why a device is not up, or not known: causes of the ledger and of api.standing. Others are shown as they are."""

SEVERITIES: Mapping[str, tuple[str, str]] = {
    "urgent": ("紧急", "urgent"),
    "major": ("严重", "major"),
    "minor": ("一般", "minor"),
}
TICKET_STATES: Mapping[str, tuple[str, str]] = {
    "open": ("待接单", "open"),
    "acknowledged": ("已接单", "acknowledged"),
    "resolved": ("已修复", "resolved"),
    "void": ("已作废", "void"),
}
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "": ("", ""),
    "recovered": ("自行恢复", "recovered"),
    "communication": ("通信中断", "the line was broken"),
    "off": ("关机或断电", "switched off"),
    "agent_stopped": ("采集程序停止", "the agent was stopped"),
    "unknown": ("原因不明", "nobody knows"),
    "by_person": ("人工处理", "by a person"),
    "void": ("作废", "void"),
}
SERVICE_CLASSES: Mapping[str, tuple[str, str]] = {
    "clerk": ("营业员处理类", "for the clerk"),
    "maintenance": ("维护类", "maintenance"),
    "replacement": ("更换类", "replacement"),
}
VERBS: Mapping[str, tuple[str, str]] = {
    "open": ("系统自动报修", "opened"),
    "acknowledge": ("接单", "acknowledged"),
    "amend": ("更新", "amended"),
    "note": ("备注", "note"),
    "resolve": ("修复", "resolved"),
    "void": ("作废", "voided"),
}
ROLES: Mapping[str, tuple[str, str]] = {
    "first": ("首条依据", "first"),
    "confirmed": ("确认依据", "confirmed"),
}
KINDS: Mapping[str, tuple[str, str]] = {
    "kiosk": ("自助终端", "kiosk"),
    "nvr": ("硬盘录像机", "recorder"),
    "camera": ("摄像机", "camera"),
    "ups": ("不间断电源", "UPS"),
    "vehicle": ("车载终端", "vehicle terminal"),
    "printer": ("打印机", "printer"),
    "computer": ("计算机", "computer"),
    "host": ("主机", "computer"),
}
COMPONENTS: Mapping[str, tuple[str, str]] = {
    "agent": ("采集端", "agent"),
    "host": ("主机", "host"),
    "disk": ("磁盘", "disk"),
    "temperature": ("温度", "temperature"),
    "clock": ("时钟", "clock"),
    "net": ("网络", "network"),
    "printer": ("打印机", "printer"),
    "supply": ("耗材", "supply"),
    "ups": ("UPS", "UPS"),
    "input": ("UPS 输入", "UPS input"),
    "output": ("UPS 输出", "UPS output"),
    "nvr": ("录像机", "recorder"),
    "camera": ("摄像机", "camera"),
    "gnss": ("卫星定位", "satellite positioning"),
    "satellites": ("卫星", "satellites"),
}

TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "state": STATES,
    "cause": CAUSES,
    "severity": SEVERITIES,
    "ticket": TICKET_STATES,
    "outcome": OUTCOMES,
    "class": SERVICE_CLASSES,
    "verb": VERBS,
    "role": ROLES,
    "kind": KINDS,
    "component": COMPONENTS,
}

PHRASES: Mapping[str, tuple[str, str]] = {
    # --- every page
    "brand": ("巡检员", "Roundsman"),
    "brand.beside": ("Roundsman", "巡检员"),
    "menu": ("主菜单", "Main menu"),
    "menu.devices": ("设备", "Devices"),
    "menu.api": ("接口文档", "API"),
    "language": ("English", "中文"),
    "skip": ("跳到正文", "Skip to the content"),
    "zone": ("北京时间", "Beijing time"),
    "updated": ("数据截至 {at}(北京时间)", "as of {at} Beijing time"),
    "refreshes": ("每 {seconds} 秒刷新", "renewed every {seconds} s"),
    "none": ("无", "none"),
    "page.next": ("下一页", "Next page"),
    "page.first": ("回到第一页", "First page"),
    "legend": ("图例", "Legend"),
    "offline_or_fault": ("故障 / 离线", "fault / offline"),
    # --- the fleet
    "devices": ("设备", "Devices"),
    "devices.count": ("{count} 台", "{count} devices"),
    "devices.some": ("前 {count} 台", "the first {count} devices"),
    "counted.some": ("只统计前 {count} 台", "only the first {count} are counted"),
    "window": ("时间范围", "Window"),
    "window.1h": ("近 1 小时", "last hour"),
    "window.24h": ("近 24 小时", "last 24 hours"),
    "window.30d": ("近 30 天", "last 30 days"),
    "short.1h": ("1 小时", "1 h"),
    "short.24h": ("24 小时", "24 h"),
    "short.30d": ("30 天", "30 d"),
    "availability": ("可用率", "availability"),
    "coverage": ("覆盖率", "coverage"),
    "bounds": ("区间", "bounds"),
    "nothing_known": ("尚无数据", "nothing known yet"),
    "column.id": ("编号", "id"),
    "column.name": ("名称", "name"),
    "column.state": ("状态", "state"),
    "column.problem": ("当前问题", "problem now"),
    "column.tickets": ("工单", "tickets"),
    "settling": ("核算中", "settling"),
    "settling.why": ("有补报数据正在核算,数字可能变动", "late news is being worked in: figures may still move"),
    "tickets": ("工单", "Tickets"),
    "tickets.open": ("未结工单", "Open tickets"),
    "tickets.none": ("没有未结工单。", "No open tickets."),
    "tickets.more": ("另有更早的工单,见接口 GET /api/v1/tickets", "There are older ones: GET /api/v1/tickets"),
    "column.number": ("工单号", "number"),
    "column.device": ("设备", "device"),
    "column.fault": ("故障项", "fault"),
    "column.severity": ("级别", "severity"),
    "column.since": ("故障起始", "since"),
    "column.lasting": ("已持续", "for"),
    "empty.title": ("还没有设备", "No devices yet"),
    "empty.do": (
        "先登记一个采集端,再在设备所在的机器上启动它:",
        "Enter an agent, then start it on the machine beside the devices:",
    ),
    "empty.demo": ("或者先看演示:", "Or look at the demo first:"),
    # --- a device
    "device.title": ("{id} {name}", "{id} {name}"),
    "seen": ("最近上报 {at}", "last report {at}"),
    "seen.never": ("从未上报", "never reported"),
    "covered": ("数据截至 {at}", "evidence up to {at}"),
    "agent": ("采集端 {agent}", "agent {agent}"),
    "agent.none": ("没有采集端负责此设备", "no agent speaks for it"),
    "group": ("监控分中心 {group}", "group {group}"),
    "uptime": ("运行情况", "Uptime"),
    "outages": ("停机 {span},{count} 次", "down {span}, outages: {count}"),
    "outages.none": ("无停机", "no outage"),
    "unknown.for": ("未知 {span}", "unknown {span}"),
    "parts": ("部件", "Parts"),
    "parts.none": ("还没有读数。", "No readings yet."),
    "parts.at": ("读数时间 {at}", "read at {at}"),
    "problems": ("当前异常", "What is wrong now"),
    "problems.none": ("没有异常。", "Nothing is wrong."),
    "ledger": ("运行台账", "Ledger"),
    "ledger.none": ("这段时间还没有记录。", "There is nothing of this time."),
    "ledger.some": ("只列出最近 {count} 段", "the latest {count} only"),
    "column.from": ("起", "from"),
    "column.to": ("止", "to"),
    "column.lasted": ("时长", "lasted"),
    "column.cause": ("原因", "cause"),
    "column.evidence": ("依据", "evidence"),
    "column.component": ("部件", "part"),
    "column.reading": ("测点", "reading"),
    "column.value": ("读数", "value"),
    "goes_on": ("至今", "goes on"),
    "up_to_evidence": ("至数据截止 {at}", "up to the evidence, {at}"),
    "ledger.up": ("正常运行", "up"),
    "ledger.down": ("停机", "down"),
    "ledger.unknown": ("未知", "unknown"),
    "readings": ("采样", "samples"),
    "as_json": ("JSON", "JSON"),
    "value.unknown": ("未知", "unknown"),
    "tickets.device": ("相关工单", "Tickets"),
    "tickets.device.none": ("没有工单。", "No tickets."),
    # --- a ticket
    "ticket": ("工单", "Ticket"),
    "ticket.course": ("经过", "What happened"),
    "ticket.evidence": ("依据", "Evidence"),
    "ticket.evidence.none": ("没有记录可显示。", "There is no record to show."),
    "ticket.evidence.gone": ("记录已清理,或不是采样", "the record is pruned, or no sample"),
    "ticket.advice": ("原因与建议", "Causes and remedy"),
    "ticket.from": ("{at} 起,持续 {span}", "since {at}, for {span}"),
    "ticket.over": ("{at} 起,持续 {span},{end} 结束", "since {at}, for {span}, over at {end}"),
    "ticket.actions": ("处理", "What to do"),
    "ticket.acknowledge": ("接单", "Acknowledge"),
    "ticket.resolve": ("标记修复", "Resolve"),
    "ticket.note": ("添加备注", "Add a note"),
    "ticket.words": ("说明(备注必填)", "Words (a note must have some)"),
    "ticket.waiting": ("已提交,等待中心端处理。", "Asked; the collector has not answered yet."),
    "ticket.opened_late": ("补报后开单", "opened late"),
    "no_answer": ("设备无应答", "the device did not answer"),
    # --- the API's reference
    "api": ("接口文档", "API"),
    "api.document": ("OpenAPI 文档", "OpenAPI document"),
    "api.token": ("令牌保存在 {place}", "the token is in {place}"),
    "api.parameters": ("参数", "Parameters"),
    "api.required": ("必填", "required"),
    "api.answers": ("应答", "Answers"),
    "api.body": ("请求正文", "Body"),
    "api.shapes": ("数据结构", "Shapes"),
    "api.language": ("以下说明为英文。", ""),
    # --- what went wrong
    "problem.401": ("需要登录令牌", "A token is needed"),
    "problem.403": ("不允许", "Not allowed"),
    "problem.404": ("找不到", "Not found"),
    "problem.409": ("现在不能这样做", "This cannot be done now"),
    "problem.422": ("参数有误", "This cannot be used"),
    "problem.503": ("数据库暂时不可用", "The database cannot be read now"),
    "problem.other": ("出错了", "Something went wrong"),
    "problem.where": ("位置", "Where"),
    "problem.expected": ("应为", "Expected"),
    "problem.do": ("怎么办", "What to do"),
    "problem.code": ("代码", "Code"),
    "problem.back": ("返回工单", "Back to the ticket"),
    "token.how": (
        "令牌保存在运行中心端的机器上,只有启动它的用户能读:",
        "The token is kept on the collector's machine, readable by the user who started it:",
    ),
    "token.open": ("用浏览器打开一次下面的地址(换上令牌),之后便不再需要:", "Open this address once, with the token:"),
}


def say(language: Language, key: str, **values: object) -> str:
    """A phrase."""
    return PHRASES[key][LANGUAGES.index(language)].format(**values)


def word(language: Language, table: str, key: str) -> str:
    """A word of one of the TABLES; what is not in it is shown as it is."""
    found = TABLES[table].get(key)
    return key if found is None else found[LANGUAGES.index(language)]
