"""The words of the forms, in both languages: tables. Words of steps and reasons are core/lifecycle.py's, names of
clocks core/level.py's. Pure.
"""

from collections.abc import Mapping

from roundsman_collector.core import lifecycle
from roundsman_wire.catalogue import Label

OWED = Label(
    zh="合同口径可用率按合同对未知时间的约定计算（计为正常、计为故障，或不计入）。",
    en="Under the contract, unknown time is taken as the contract says: as up, as down, or as neither.",
)
"""How the figure that a contract promises is reckoned."""
SOURCES: Mapping[str, Label] = {
    "monitoring": Label(zh="监控自动报修", en="monitoring"),
    "phone": Label(zh="电话报修", en="phone"),
    "qr": Label(zh="扫码报修", en="QR label"),
    "api": Label(zh="系统对接", en="another system"),
    "plan": Label(zh="巡检计划", en="a plan"),
}
SEVERITIES: Mapping[str, Label] = {
    "urgent": Label(zh="紧急", en="urgent"),
    "major": Label(zh="严重", en="major"),
    "minor": Label(zh="一般", en="minor"),
}
STATE = Label(zh="状态", en="State")
"""A column of how far something has come: it goes on when the report is out, which is no late truth of its period."""
CLOCK_STATES: Mapping[str, Label] = {
    "waiting": Label(zh="未开始", en="not begun"),
    "running": Label(zh="计时中", en="running"),
    "paused": Label(zh="暂停", en="paused"),
    "met": Label(zh="按时", en="in time"),
    "missed": Label(zh="超时完成", en="late"),
    "breached": Label(zh="超时", en="overdue"),
    "counted": Label(zh="计入均值", en="counted in a mean"),
    "cancelled": Label(zh="取消", en="cancelled"),
}
CAUSES: Mapping[str, Label] = {
    "fault": Label(zh="故障", en="fault"),
    "off": Label(zh="关机或断电", en="switched off, or no power"),
    "silent": Label(zh="采集端失联", en="nothing came from the agent"),
    "missing": Label(zh="有记录尚未补报", en="records that have not come yet"),
    "lost": Label(zh="记录已丢失", en="records were lost"),
    "agent_stopped": Label(zh="采集程序停止", en="the agent was stopped"),
    "agent_off": Label(zh="采集主机关机", en="the agent's machine was off"),
    "uplink": Label(zh="站点网络中断", en="the site's line was broken"),
    "power": Label(zh="上级电源断电", en="no power from what feeds it"),
    "no_answer": Label(zh="无应答，待确认", en="no answer, not confirmed yet"),
    "not_polled": Label(zh="未采集", en="was not polled"),
    "starting": Label(zh="启动中", en="starting"),
    "never_seen": Label(zh="从未上报", en="never reported"),
    "not_yet": Label(zh="尚未上报", en="not reported yet"),
    "correction": Label(zh="更正", en="as corrected"),
    "not_in_service": Label(zh="未投用", en="not in service"),
    "no_calendar": Label(zh="站点的日历不存在", en="the site's calendar is not there"),
    "no_hours": Label(zh="站点没有应运行时间", en="the site has no service hours"),
    "unreadable": Label(zh="站点的应运行时间无法识读", en="the site's service hours cannot be read"),
}
"""Why a device was not up, or nobody knows: causes of the ledger, as the console has them."""
REPLIES: Mapping[str, Label] = {
    "phone": Label(zh="电话答复", en="by phone"),
    "remote": Label(zh="远程处理", en="remotely"),
    "visit": Label(zh="安排上门", en="somebody will come"),
}
BECAME: Mapping[str, Label] = {
    "returned": Label(zh="已归还", en="returned"),
    "converted": Label(zh="转为正式设备", en="kept by the customer"),
    "lost": Label(zh="遗失", en="lost"),
}
COPIES: tuple[Label, ...] = (
    Label(zh="客户联", en="Customer's copy"),
    Label(zh="总部联", en="Headquarters' copy"),
    Label(zh="网点联", en="Service point's copy"),
    Label(zh="财务联", en="Finance copy"),
)
"""一联交客户, 一联总部备案, 一联当地网点备案; the fourth goes to finance with voided sheets."""
NOT_NAMED = Label(zh="故障待查", en="fault not named yet")
"""Of a ticket that people reported, before anybody knows what it is."""
YES, NO = Label(zh="是", en="yes"), Label(zh="否", en="no")
BY_EVIDENCE = Label(zh="监控读数验证已恢复", en="readings prove that it works again")
VOID = Label(zh="作废", en="VOID")


def word(table: Mapping[str, Label], key: str) -> Label | str:
    """A word of a table; what is not in it is shown as it is."""
    return table.get(key, key)


def step_word(table: Mapping[str, tuple[str, str]], key: str) -> Label | str:
    """The same of the tables of core/lifecycle.py."""
    return Label(zh=table[key][0], en=table[key][1]) if key in table else key


def state_word(state: str) -> Label | str:
    """How a ticket stands."""
    return step_word(lifecycle.STATES, state)


def yes_no(said: object) -> Label | None:
    """A truth as a word; nothing where nobody said."""
    return (YES if said else NO) if isinstance(said, bool) else None
