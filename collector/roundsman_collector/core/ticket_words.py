"""The words of a ticket: its states, and what people choose from in its steps, in both languages. Pure.

    STATES, and groups of them: TO_MEND, UNSENT, SENT, MENDED, LIVE, OVER
    WAITING, PAUSES, DELAYS, CAUSES, MODES, SERVICES, ASKED, ENDINGS, EXAMINATIONS, CONTACTS        word -> (zh, en)

core/lifecycle.py has the steps that lead from state to state.
"""

from collections.abc import Mapping

STATES: Mapping[str, tuple[str, str]] = {
    "open": ("已报修", "reported"),
    "acknowledged": ("已受理", "acknowledged"),
    "planned": ("方案已定", "solution named"),
    "dispatched": ("已派单", "dispatched"),
    "departed": ("已出发", "on the way"),
    "on_site": ("已到场", "on site"),
    "fixed": ("已修复", "fixed"),
    "verified": ("已验证", "verified by readings"),
    "confirmed": ("客户已确认", "confirmed by the customer"),
    "followed_up": ("已回访", "followed up"),
    "closed": ("已关闭", "closed"),
    "resolved": ("已恢复", "resolved without a visit"),
    "void": ("已作废", "void"),
    "merged": ("已并入", "merged"),
    "transferred": ("已转单", "transferred"),
}
TO_MEND = ("open", "acknowledged", "planned", "dispatched", "departed", "on_site")
"""The fault is still there, as far as people know."""
UNSENT = ("open", "acknowledged", "planned")
"""Nobody has been sent."""
MENDED = ("fixed", "verified", "confirmed", "followed_up")
"""Mended, and not yet closed."""
LIVE = (*TO_MEND, *MENDED)
"""Somebody has something to do."""
OVER = ("resolved", "closed", "void", "merged", "transferred")
ANY = tuple(STATES)
SENT = ("dispatched", "departed", "on_site")

WAITING: Mapping[str, tuple[str, str]] = {
    "customer_absent": ("用户不在", "the customer is not there"),
    "rescheduled": ("改约", "another appointment, agreed with the customer"),
    "customer_network": ("客户网络原因", "the customer's network"),
    "force_majeure": ("不可抗力", "force majeure"),
    "refused": ("用户拒绝上门", "the customer refuses the visit"),
    "not_reached": ("联系不上用户", "the customer cannot be reached"),
    "parts": ("待备件", "waiting for parts"),
    "other": ("其他", "another reason"),
}
"""Why a ticket waits. Which of them stop a clock, the service level says."""
PAUSES: Mapping[str, tuple[str, str]] = {
    **WAITING,
    "mended": ("已修复（后重新打开）", "mended, until it was opened again"),
}
"""Why a clock stands still."""
DELAYS: Mapping[str, tuple[str, str]] = {
    "parts": ("缺备件", "a part was missing"),
    "skill": ("技术原因", "it takes another specialist"),
    "customer": ("客户原因", "on the customer's side"),
    "refused": ("用户拒绝上门", "refused at the door"),
    "site": ("现场条件不具备", "the place did not allow it"),
    "diagnosis": ("需进一步判断", "it takes more looking into"),
    "other": ("其他", "another reason"),
}
"""Why a visit ended and it is not mended (延时原因)."""
CAUSES: Mapping[str, tuple[str, str]] = {
    "product": ("产品质量", "the product"),
    "workmanship": ("施工质量", "the installation"),
    "misuse": ("操作不当", "wrong use"),
    "damage": ("人为损坏", "damage done by people"),
    "other": ("其他", "something else"),
}
"""What had caused the fault: what a repair costs follows from it."""
MODES: Mapping[str, tuple[str, str]] = {
    "phone": ("电话支持", "by phone"),
    "remote": ("远程处理", "remotely"),
    "visit": ("现场维修", "on site"),
    "supply": ("送货", "by delivery"),
}
SERVICES: Mapping[str, tuple[str, str]] = {
    "parts": ("零配件", "spare parts"),
    "support": ("技术支持", "technical support"),
    "upkeep": ("辅助维护保养", "upkeep"),
}
"""Which kind of service the customer gets (S0-9); the mode says by which way."""
ASKED: Mapping[str, tuple[str, str]] = {
    "desk": ("接报人", "who took the call"),
    "customer": ("客户", "the customer"),
}
"""Who was asked whether a report is right: first whoever took it, then the customer (S1-13)."""
ENDINGS: Mapping[str, tuple[str, str]] = {
    "phone": ("电话解决", "solved by phone"),
    "remote": ("远程解决", "solved remotely"),
    "false_alarm": ("误报", "a false alarm"),
    "misuse": ("使用不当，已指导", "wrong use, explained"),
    "by_itself": ("自行恢复", "it went away by itself"),
    "other": ("其他", "otherwise"),
}
"""How a ticket ended without a visit."""
CALLED_BACK = ("phone", "false_alarm", "misuse")
"""Endings after which the customer is called back, with the readings of the time between (S1-15)."""
EXAMINATIONS: Mapping[str, tuple[str, str]] = {
    "phone": ("电话询问", "asked by phone"),
    "remote": ("远程检测", "tested remotely"),
    "readings": ("查看监控读数", "read off the readings"),
}
"""How somebody looked into a fault without going there."""
CONTACTS: Mapping[str, tuple[str, str]] = {
    "reached": ("已联系上", "reached"),
    "declined": ("不接受电话指导，要求上门", "does not want advice by phone"),
    "refused": ("拒绝上门", "does not want anybody to come"),
    "not_reached": ("联系不上", "not reached"),
}
"""What came of trying to speak with the customer."""
TRIED = ("declined", "not_reached")
"""Outcomes after which nobody can be helped by phone: somebody goes, to the address if need be (S1-63, S1-64)."""
BY_PERSON = "by_person"
REPORTED = "reported"
"""The code of a fault that nobody could name yet."""
NOT_SEEN = "not_seen"
"""The code of an agent that an inspection did not reach."""
TASK_LATE = "task_late"
"""The code of a plan's task whose due date is in danger."""
OWN_FAULTS: Mapping[str, tuple[str, str]] = {
    REPORTED: ("人工报修", "reported by people"),
    NOT_SEEN: ("巡检未见", "not seen in an inspection"),
    TASK_LATE: ("巡检任务有逾期风险", "a task of a plan may be late"),
}
"""Codes that no rule sees: tickets of these are opened by people, or by Roundsman itself."""
