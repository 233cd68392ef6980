"""Every page that is tried in a browser: a name, where it is, and what must be read on it in Chinese and in English."""

from typing import NamedTuple

from tests.collector.api import world
from tests.collector.api.rounds_desk import NUMBER


class Seen(NamedTuple):
    """A page and a word on it in both languages. `who` "": a stranger; `{key}` in the path: that of a one-time link."""

    name: str
    path: str
    zh: str
    en: str
    who: str = world.ADMIN
    status: int = 200


LOOKED_AT_TWICE = ("devices", "device", "ticket", "inbox", "round", "login")
"""Pages whose English is looked through by axe, too; of the others the elements are the same in both languages."""

PAGES: tuple[Seen, ...] = (
    Seen("login", "/login", "忘记密码或从未登录", "Forgotten, or never signed in", who=""),
    Seen("welcome", "/welcome?key={key}", "设置密码并登录", "Set the password and begin", who=""),
    Seen("account", "/account", "修改密码", "Change the password"),
    Seen("people", "/people", "各角色的权限", "What each role may do"),
    Seen("person", "/people/engineer", "权限", "What they may do"),
    Seen("tokens", "/tokens", "程序凭令牌访问接口", "Programs use the API with a token"),
    Seen("devices", "/devices", "离线", "offline"),
    Seen("devices-narrowed", "/devices?state=normal&kind=kiosk&window=30d", "自助终端", "kiosk"),
    Seen("devices-none", "/devices?q=qqq", "没有符合条件的设备", "No device is like this"),
    Seen("device", "/devices/kiosk-7", "运行台账", "Ledger"),
    Seen("device-down", "/devices/nvr-2?window=30d", "离线", "offline"),
    Seen("device-new", "/devices/new-1", "从未上报", "never reported"),
    Seen("availability", "/availability?period=30d&by=site", "开机率", "Power-on rate"),
    Seen("availability-devices", "/availability?period=7d&by=device&bucket=day", "逐台平均", "mean of devices"),
    Seen("reckoning", "/devices/nvr-2/reckoning?period=24h", "认定依据", "Decided by"),
    Seen("samples", f"/devices/kiosk-7/samples?at={world.at(12)}", "上报的读数", "reported"),
    Seen("tickets", "/tickets", "已报修", "reported"),
    Seen("tickets-all", "/tickets?state=all", "已恢复", "resolved without a visit"),
    Seen("tickets-late", "/tickets?look=late", "超时或 2 小时内到期", "Late, or within 2 hours"),
    Seen("mine", "/mine", "暂无派给你的工单", "Nothing to do for you"),
    Seen("mine-engineer", "/mine", "已派单", "dispatched", who="engineer"),
    Seen("report", "/tickets/new", "哪台设备，或哪个站点？", "Which device, or which site?"),
    Seen("report-found", "/tickets/new?q=metro", "站点（尚不清楚是哪台设备）", "Sites, where nobody knows"),
    Seen("report-form", "/tickets/new?subject=kiosk-7", "是否就是下面的故障", "Is it one of these?"),
    Seen("report-site", "/tickets/new?subject=%23metro-a", "登记报修", "Enter the report"),
    Seen("ticket", "/tickets/2024-000002", "经过", "What happened"),
    Seen("ticket-open", "/tickets/2024-000001", "答复客户", "Reply to the customer"),
    Seen("ticket-dispatch", "/tickets/2024-000001?do=dispatch", "推荐人选与理由", "Whom to send, and why"),
    Seen("stock", "/stock/quantities", "采购清单", "Purchase list"),
    Seen("stock-moves", "/stock/moves", "盘点差异", "counted otherwise"),
    Seen("stock-out", "/stock/out", "工单预留", "Kept for tickets"),
    Seen("stock-items", "/stock/items", "新建备件", "New item"),
    Seen("stock-item", "/stock/items/head-80", "原始数量", "Authorised quantity"),
    Seen("stock-item-new", "/stock/items/~new", "所替换的部件", "Component that it replaces"),
    Seen("stock-locations", "/stock/locations", "新建库位", "New location"),
    Seen("stock-location", "/stock/locations/hq", "月度对账", "Months"),
    Seen("stock-month", "/stock/locations/hq/months/2024-09", "库管员签字", "Sign as keeper"),
    Seen("stock-month-signed", "/stock/locations/hq/months/2024-08", "核对签字", "Sign as checked"),
    Seen("asset", "/devices/kiosk-7/file", "现装部件", "Built in now"),
    Seen("asset-bare", "/devices/nvr-2/file", "尚未登记部件", "Nobody has written down yet"),
    Seen("place-file", "/places/metro-1/file", "点位履历", "What stood here"),
    Seen("serial", "/parts?serial=KP23-0001", "装机履历", "Built into"),
    Seen("serial-none", "/parts?serial=X", "查无此序列号", "Nobody knows this serial number"),
    Seen("rounds", "/rounds", "发起巡检", "Start an inspection"),
    Seen("round", f"/rounds/{NUMBER}", "打印巡检报告", "Report to print and sign"),
    Seen("agent", "/agents/kiosk-7", "重启（须经客户同意）", "Restart, with the customer's consent"),
    Seen("agent-many", "/agents/gateway-2", "全部设备", "all of them"),
    Seen("configuration", "/agents/kiosk-7/configuration", "下发记录", "Pushed so far"),
    Seen("paper", f"/rounds/{NUMBER}/paper", "设备巡检报告", "Equipment inspection report"),
    Seen("cover", f"/rounds/{NUMBER}/cover", "巡检意见", "Remarks"),
    Seen("forms", "/forms?from=2024-10-01&to=2024-10-31", "打印登记表", "Register to print"),
    Seen("forms-none", "/forms?from=2023-10-01&to=2023-10-31", "本期间没有工单", "No ticket in this period"),
    Seen("register-paper", "/forms/register?from=2024-10-01&to=2024-10-31", "报修登记表", "Register of fault reports"),
    Seen("ticket-forms", "/tickets/2024-000001/forms", "单据与附件", "Forms and files"),
    Seen("work-order", "/tickets/2024-000001/forms/W1", "服务工单", "Service work order"),
    Seen("overlays", "/overlays", "待审批", "to be approved"),
    Seen("overlays-none", "/overlays?status=revoked", "没有符合条件的记录", "Take away a filter"),
    Seen("overlay", "/overlays/4", "申请内容", "What is proposed"),
    Seen("overlay-approved", "/overlays/1", "客户停电", "the customer's power"),
    Seen("overlay-about", "/overlays/~new", "对象类型", "Of a"),
    Seen("overlay-new", "/overlays/~new?kind=correction&scope=device&target=nvr-2", "实际状态", "It really was"),
    Seen("overlay-planned", "/overlays/~new?kind=maintenance&scope=site&target=metro-a", "北京时间", "Beijing time"),
    Seen("changes", "/changes", "当时", "Told then"),
    Seen("changes-none", "/changes?known=2024-10-04T17:59&device=ups-2", "没有变更", "No device is told otherwise"),
    Seen("inbox", "/inbox", "待认领", "Inbox"),
    Seen("customers", "/customers", "新建客户", "New customer"),
    Seen("customer", "/customers/metro", "合同", "Contracts"),
    Seen("sites", "/sites", "区域", "Zone"),
    Seen("site-new", "/sites/~new?customer=metro", "应运行时间", "Service hours"),
    Seen("calendars", "/calendars", "新建日历", "New calendar"),
    Seen("calendar", "/calendars/cn?year=2025", "国庆节", "National Day"),
    Seen("calendar-day", "/calendars/cn?day=2027-10-01", "放假安排尚未公布", "is not announced yet"),
    Seen("ratios", "/ratios?window=1d", "点位在线率", "points online"),
    Seen("rules", "/rules?category=printer", "打印机缺纸", "printer is out of paper"),
    Seen("rules-none", "/rules?q=qqq", "没有符合条件的故障", "No fault is like this"),
    Seen("rule", "/rules/host.cpu_high", "调整规则", "Let it be different"),
    Seen("rule-function", "/rules/functions/receipts", "关键功能", "critical"),
    Seen("duty", "/duty", "当前值班", "On duty now"),
    Seen("duty-ahead", "/duty?group=south&week=2024-10-07", "值班表", "Duty rota"),
    Seen("duty-one", "/duty/shifts/1", "由谁顶班", "Who takes it"),
    Seen("duty-pattern", "/duty/pattern?group=south", "轮换起始日", "Turns are counted from"),
    Seen("engineers", "/engineers", "没有负责工程师", "nobody who is responsible"),
    Seen("engineer", "/engineers/chen.j", "登记技能", "Add the skill"),
    Seen("points", "/points", "新建网点", "New service point"),
    Seen("point", "/points/tianhe", "覆盖区域", "Zones it covers"),
    Seen("card", "/devices/kiosk-7/card", "安装记录", "Where it stood"),
    Seen("import", "/import", "预览", "See what it would do"),
    Seen("health", "/health", "隔离区", "Quarantine"),
    Seen("audit", "/audit", "操作日志", "Audit log"),
    Seen("ways", "/ways", "通知事件", "Told of"),
    Seen("way-mail", "/ways/1", "发送测试", "Send a test"),
    Seen("way-webhook", "/ways/2", "更换密钥", "Make a new secret"),
    Seen("way-off", "/ways/3", "启用", "Switch on"),
    Seen("outbox", "/outbox", "未送达", "not delivered"),
    Seen("outbox-all", "/outbox?state=all", "已发送", "sent"),
    Seen("outbox-none", "/outbox?state=gathered", "没有符合条件的通知", "No notice is like this"),
    Seen("reference", "/api/v1/docs", "接口文档", "API reference"),
    Seen("missing", "/devices/nvr-9", "找不到这台设备", "There is no such device", status=404),
)
