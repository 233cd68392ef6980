"""Every word of the pages: English where it is used, Chinese in locale/zh_CN/LC_MESSAGES/roundsman.po.

    {{ _("Open tickets") }}    {{ ngettext("%(num)s device", "%(num)s devices", n) }}    {% trans %}…{% endtrans %}
    saying("as of %(at)s Beijing time", at="10:42:07")          in Python: web/saying.py
    N_("switched off, or no power")                             in a table: marked here, said later by saying.word()

English is what stands in the code, so a page reads like one. The Chinese file is read as text when the program starts:
there is no .mo, because a compiled copy is one more file that can be forgotten or be older than its source, and
reading some hundred lines takes milliseconds. `make words` brings new words into the file (web/extract.py); a test
fails while one has no Chinese.

A literal percent sign is written %%: every text is filled by Python's % with named values.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from roundsman_collector.core import level, lifecycle, parts, plan_kinds, tasks, worries
from roundsman_collector.core.ticket_words import PAUSES
from roundsman_wire.catalogue import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
CHINESE_FILE = Path(__file__).parent / "locale" / "zh_CN" / "LC_MESSAGES" / "roundsman.po"


def N_(message: str) -> str:
    """Mark a text of a table as one that is said to people; it is looked up where it is said."""
    return message


class Words:
    """The texts of one language: what gettext and Jinja ask for. A text without an entry is said in English."""

    def __init__(self, said: Mapping[tuple[str, str], str]) -> None:
        self._said = said

    def gettext(self, message: str) -> str:
        """A text."""
        return self._said.get(("", message), message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """A text about a number of things; Chinese has one form for all numbers."""
        return self._said.get(("", one), one if number == 1 else many)

    def pgettext(self, context: str, message: str) -> str:
        """A text whose English word means several things."""
        return self._said.get((context, message), message)

    def npgettext(self, context: str, one: str, many: str, number: int) -> str:
        """Both of it."""
        return self._said.get((context, one), one if number == 1 else many)


@cache
def words_of(language: Language) -> Words:
    """The texts of a language."""
    return Words(_chinese() if language == "zh" else {})


def _chinese() -> dict[tuple[str, str], str]:
    with CHINESE_FILE.open("rb") as opened:
        found = read_po(opened, locale="zh_CN")
    said: dict[tuple[str, str], str] = {}
    for entry in found:
        plural = isinstance(entry.id, tuple | list)
        message = entry.id[0] if plural else entry.id
        chinese = entry.string[0] if isinstance(entry.string, tuple | list) else entry.string
        if message and chinese:
            said[entry.context or "", str(message)] = str(chinese)
    return said


# --- words for what the database holds -------------------------------------------------------------------------------

STATES: Mapping[str, str] = {
    "normal": N_("normal"),
    "warning": N_("warning"),
    "fault": N_("fault"),
    "offline": N_("offline"),
    "maintenance": N_("maintenance"),
    "unknown": N_("unknown"),
}
CAUSES: Mapping[str, str] = {
    "fault": N_("fault"),
    "off": N_("switched off, or no power"),
    "silent": N_("nothing came from the agent"),
    "missing": N_("records that have not come yet"),
    "lost": N_("records were lost"),
    "agent_stopped": N_("the agent was stopped"),
    "agent_off": N_("the agent's machine was off"),
    "uplink": N_("the site's line was broken"),
    "power": N_("no power from what feeds it"),
    "maintenance": N_("maintenance"),
    "degraded": N_("works, but not all of it"),
    "no_answer": N_("no answer, not confirmed yet"),
    "resting": N_("parked, or out of use on purpose"),
    "not_polled": N_("was not polled"),
    "starting": N_("starting"),
    "never_seen": N_("never reported"),
    "overdue": N_("nothing new for long"),
    "not_yet": N_("not reported yet"),
    "correction": N_("as corrected"),
    "exclusion": N_("excluded"),
    "closed": N_("outside service hours"),
    "not_in_service": N_("not in service"),
    "no_calendar": N_("the site's calendar is not there"),
    "no_hours": N_("the site has no service hours"),
    "unreadable": N_("the site's service hours cannot be read"),
}
"""Why a device is not up, or not known: causes of the ledger and of api.standing. Others are shown as they are."""
LEDGER: Mapping[str, str] = {"up": N_("up"), "down": N_("down"), "unknown": N_("unknown")}
SEVERITIES: Mapping[str, str] = {"urgent": N_("urgent"), "major": N_("major"), "minor": N_("minor")}
OUTCOMES: Mapping[str, str] = {
    "recovered": N_("recovered by itself"),
    "communication": N_("the line was broken"),
    "off": N_("switched off, or no power"),
    "agent_stopped": N_("the agent was stopped"),
    "unknown": N_("nobody knows why"),
    "by_person": N_("by a person"),
    "void": N_("voided"),
    "merged": N_("explained by another ticket"),
    "seen_later": N_("seen in a later inspection"),
}
SERVICE_CLASSES: Mapping[str, str] = {
    "clerk": N_("for the clerk"),
    "maintenance": N_("for maintenance"),
    "replacement": N_("for replacement"),
}
VERBS: Mapping[str, str] = {
    "open": N_("Reported"),
    "promise": N_("Promised by the contract"),
    "acknowledge": N_("Acknowledged"),
    "examine": N_("Looked into from afar"),
    "plan": N_("Solution named"),
    "dispatch": N_("Dispatched"),
    "depart": N_("On the way"),
    "arrive": N_("Arrived"),
    "leave": N_("Left, not mended yet"),
    "fix": N_("Mended"),
    "resolve": N_("Resolved"),
    "verify": N_("Verified"),
    "confirm": N_("Confirmed by the customer"),
    "report": N_("Report handed in"),
    "follow_up": N_("Followed up"),
    "review": N_("Reviewed"),
    "close": N_("Closed"),
    "reopen": N_("Opened again"),
    "transfer": N_("Goes on under another number"),
    "void": N_("Voided"),
    "wait": N_("Waits"),
    "resume": N_("Goes on"),
    "appoint": N_("Appointment"),
    "part": N_("Part used"),
    "take_away": N_("Taken to the workshop"),
    "bring_back": N_("Brought back"),
    "loan": N_("Loan unit provided"),
    "loan_back": N_("Loan unit taken back"),
    "sign": N_("Signed"),
    "attach": N_("File attached"),
    "consent": N_("The customer consents"),
    "check": N_("Report checked"),
    "contact": N_("Customer contacted"),
    "call": N_("The customer called again"),
    "hand_over": N_("Handed over"),
    "priority": N_("The customer's priority"),
    "override": N_("Overruled by a manager"),
    "note": N_("Note"),
    "amend": N_("Amended"),
    "recover": N_("The fault is over"),
    "recur": N_("The fault came back"),
    "join": N_("Joined by what stands behind it"),
    "release": N_("On their own again"),
    "merge": N_("Merged into the ticket of its cause"),
    "doubt": N_("The readings do not show the repair"),
    "call_back": N_("Call the customer back now"),
    "warn": N_("Soon due"),
    "breach": N_("Overdue"),
}
DEEDS: Mapping[str, str] = {
    "login": N_("signed in"),
    "login.failed": N_("could not sign in"),
    "logout": N_("signed out"),
    "person.add": N_("entered a user"),
    "person.change": N_("changed a user"),
    "person.invite": N_("made a one-time link"),
    "person.password": N_("set a password"),
    "person.unlock": N_("unlocked a user"),
    "person.disable": N_("shut a user out"),
    "person.enable": N_("let a user in again"),
    "label.make": N_("made a label"),
    "label.replace": N_("replaced a label"),
    "label.revoke": N_("revoked a label"),
    "label.words": N_("changed what a label tells strangers"),
    "token.add": N_("made a token"),
    "token.revoke": N_("revoked a token"),
    "way.add": N_("added a way of being told"),
    "way.change": N_("changed a way of being told"),
    "way.test": N_("sent a test"),
    "way.retry": N_("tried notices of a way again"),
    "way.disable": N_("switched a way off"),
    "way.enable": N_("switched a way on"),
    "notice.retry": N_("tried a notice again"),
    "inbox.entered": N_("entered from the inbox"),
    "inbox.dismissed": N_("dismissed from the inbox"),
    "ticket.acknowledge": N_("acknowledged a ticket"),
    "ticket.note": N_("noted on a ticket"),
    "ticket.resolve": N_("resolved a ticket"),
    "person.point": N_("said to which service point somebody belongs"),
    "person.skill": N_("gave somebody a skill"),
    "person.skill_end": N_("took a skill back"),
    "duty.add": N_("entered a duty"),
    "duty.remove": N_("took a duty back"),
    "duty.pattern": N_("wrote the pattern of a rota"),
    "duty.fill": N_("filled a rota"),
    "duty.ask_swap": N_("asked to swap a duty"),
    "duty.agreed": N_("agreed to a swap"),
    "duty.refused": N_("refused a swap"),
    "duty.withdrawn": N_("withdrew a swap"),
    "duty.set_swap": N_("set who has a duty"),
    "overlay.propose": N_("proposed maintenance, an exclusion or a correction"),
    "overlay.approve": N_("approved maintenance, an exclusion or a correction"),
    "overlay.refuse": N_("refused maintenance, an exclusion or a correction"),
    "overlay.revoke": N_("revoked maintenance, an exclusion or a correction"),
    "overlay.end": N_("ended maintenance, an exclusion or a correction"),
    "ask.inspect": N_("had an agent inspect"),
    "ask.birth": N_("asked an agent who it is"),
    "ask.diagnose": N_("had an agent diagnose itself"),
    "ask.log_tail": N_("asked an agent for a log"),
    "ask.restart_app": N_("had an application restarted"),
    "ask.reboot": N_("had a machine rebooted"),
    "answer.inspect": N_("answered: inspection"),
    "answer.birth": N_("answered: who it is"),
    "answer.diagnose": N_("answered: diagnosis"),
    "answer.log_tail": N_("answered: log"),
    "answer.restart_app": N_("answered: restart of the application"),
    "answer.reboot": N_("answered: reboot"),
    "config.push": N_("pushed a configuration"),
    "config.withdraw": N_("withdrew a configuration"),
    "config.confirmed": N_("took a configuration"),
    "config.refused": N_("refused a configuration"),
    "config.rolled_back": N_("took a configuration back"),
    "agent.add": N_("gave an agent a credential"),
    "agent.revoke": N_("revoked an agent"),
    "agent.rotate": N_("gave an agent a new credential"),
    "round.start": N_("started an inspection"),
    "round": N_("inspection begun"),
    "register": N_("changed the register"),
    "put device": N_("wrote a device"),
    "put behind": N_("said what a device stands behind"),
    "behind": N_("had the collector take over what stands behind what"),
    "put customer": N_("wrote a customer"),
    "put contract": N_("wrote a contract"),
    "put site": N_("wrote a site"),
    "put place": N_("wrote a place"),
    "put group": N_("wrote a monitoring centre"),
    "put point": N_("wrote a service point"),
    "end point": N_("ended a service point"),
    "put installation": N_("wrote where a device stands"),
    "end customer": N_("ended a customer"),
    "end contract": N_("ended a contract"),
    "end site": N_("ended a site"),
    "end place": N_("ended a place"),
    "end group": N_("ended a monitoring centre"),
    "end installation": N_("took a device away"),
    "put stock item": N_("wrote a spare item"),
    "put stock location": N_("wrote a stock location"),
    "put stock level": N_("said how many spares are to be there"),
    "end stock item": N_("ended a spare item"),
    "end stock location": N_("ended a stock location"),
    "stock.receive": N_("received spares"),
    "stock.issue": N_("issued spares"),
    "stock.return": N_("took spares back"),
    "stock.collect": N_("took something in for repair"),
    "stock.send": N_("sent spares to repair"),
    "stock.repaired": N_("got spares back from repair"),
    "stock.discard": N_("gave up what is beyond repair"),
    "stock.scrap": N_("scrapped spares"),
    "stock.count": N_("counted spares otherwise"),
    "recurrence.analyse": N_("said what is at the root of a recurrence"),
    "stock.reserve": N_("kept spares for a ticket"),
    "stock.ask": N_("asked for spares for a ticket"),
    "stock.release": N_("released spares"),
    "stock.keep": N_("signed a month of the stock"),
    "stock.check": N_("checked a month of the stock"),
    "part.put": N_("entered what is built in"),
    "part.out": N_("took a part out"),
    "part.mistake": N_("took a part back that was entered by mistake"),
    "database.restore": N_("restored the database"),
    "rules": N_("changed the fault rules"),
}
EVIDENCE_ROLES: Mapping[str, str] = {
    "first": N_("first record"),
    "confirmed": N_("confirming record"),
    "proof": N_("proof that it worked"),
    "proof_to": N_("last proof"),
}
KINDS: Mapping[str, str] = {
    "kiosk": N_("kiosk"),
    "nvr": N_("recorder"),
    "camera": N_("camera"),
    "ups": N_("UPS"),
    "vehicle": N_("vehicle terminal"),
    "printer": N_("printer"),
    "computer": N_("computer"),
    "host": N_("host"),
    "gateway": N_("gateway"),
    "switch": N_("switch"),
    "router": N_("router"),
    "sensor": N_("sensor"),
}
COMPONENTS: Mapping[str, str] = {
    "agent": N_("agent"),
    "host": N_("host"),
    "disk": N_("disk"),
    "temperature": N_("temperature"),
    "clock": N_("clock"),
    "net": N_("network"),
    "printer": N_("printer"),
    "supply": N_("supply"),
    "ups": N_("UPS"),
    "input": N_("UPS input"),
    "output": N_("UPS output"),
    "nvr": N_("video recorder"),
    "camera": N_("camera"),
    "gnss": N_("satellite positioning"),
    "satellites": N_("satellites"),
    "app": N_("program"),
    "web": N_("web page"),
    "tcp": N_("TCP port"),
    "ping": N_("ping"),
    "usb": N_("USB device"),
    "switch": N_("switch"),
    "contact": N_("contact input"),
    "trouble_code": N_("trouble code"),
    "screen": N_("screen"),
    "touch": N_("touch panel"),
    "cash": N_("bill acceptor"),
    "coin": N_("coin acceptor"),
    "hopper": N_("hopper"),
    "card": N_("card reader"),
    "idreader": N_("ID card reader"),
    "scanner": N_("code scanner"),
    "pinpad": N_("PIN pad"),
    "channel": N_("channel"),
    "port": N_("port"),
    "uplink": N_("uplink"),
    "line": N_("line"),
    "probe": N_("probe"),
    "modem": N_("mobile modem"),
    "air": N_("air"),
    "water": N_("water sensor"),
    "smoke": N_("smoke sensor"),
    "door": N_("door"),
    "terminal": N_("terminal"),
    "onboard": N_("onboard camera"),
    "vehicle": N_("vehicle"),
    "engine": N_("engine"),
}
ROLES: Mapping[str, str] = {
    "viewer": N_("viewer"),
    "engineer": N_("engineer"),
    "storekeeper": N_("storekeeper"),
    "dispatcher": N_("dispatcher"),
    "manager": N_("service manager"),
    "administrator": N_("administrator"),
}
WINDOWS: Mapping[str, str] = {
    "10m": N_("last 10 minutes"),
    "1h": N_("last hour"),
    "24h": N_("last 24 hours"),
    "30d": N_("last 30 days"),
}

TABLES: Mapping[str, Mapping[str, str]] = {
    "state": STATES,
    "cause": CAUSES,
    "ledger": LEDGER,
    "severity": SEVERITIES,
    "outcome": OUTCOMES,
    "class": SERVICE_CLASSES,
    "verb": VERBS,
    "deed": DEEDS,
    "evidence": EVIDENCE_ROLES,
    "kind": KINDS,
    "component": COMPONENTS,
    "role": ROLES,
    "window": WINDOWS,
}

SOURCES: Mapping[str, tuple[str, str]] = {
    "monitoring": ("监控报修", "monitoring"),
    "phone": ("电话报修", "phone"),
    "qr": ("扫码报修", "QR label"),
    "api": ("系统对接", "another system"),
    "plan": ("巡检计划", "a plan"),
}
REPLIES: Mapping[str, tuple[str, str]] = {
    "phone": ("电话答复", "by phone"),
    "remote": ("远程处理", "remotely"),
    "visit": ("安排上门", "somebody will come"),
}
CLOCK_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("未开始", "not begun"),
    "running": ("计时中", "running"),
    "paused": ("暂停", "paused"),
    "met": ("按时完成", "in time"),
    "missed": ("超时完成", "ended late"),
    "breached": ("已超时", "overdue"),
    "counted": ("已计入", "counted"),
    "cancelled": ("已取消", "cancelled"),
}
STRETCHES: Mapping[str, tuple[str, str]] = {
    "working": ("计时", "counts"),
    "closed": ("非服务时间", "outside service hours"),
    "paused": ("暂停", "paused"),
}
"""What a stretch of a clock was."""

TASK_MARKS: Mapping[str, tuple[str, str]] = {
    "waiting": ("未到期", "later"),
    "coming": ("即将到期", "coming"),
    "open": ("可开始", "open"),
    "danger": ("有逾期风险", "in danger"),
    "overdue": ("已逾期", "overdue"),
    "met": ("按时完成", "in time"),
    "missed": ("超时完成", "ended late"),
}
"""How far the work, its report or the customer's word has got (core/worries.py)."""

PAIRS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "ticket": lifecycle.STATES,
    "step": {verb: (step.zh, step.en) for verb, step in lifecycle.STEPS.items()},
    "waiting": lifecycle.WAITING,
    "delay": lifecycle.DELAYS,
    "pause": PAUSES,
    "damage": lifecycle.CAUSES,
    "mode": lifecycle.MODES,
    "service": lifecycle.SERVICES,
    "asked": lifecycle.ASKED,
    "ending": lifecycle.ENDINGS,
    "examination": lifecycle.EXAMINATIONS,
    "contact": lifecycle.CONTACTS,
    "exclusion": parts.EXCLUSIONS,
    "clock": level.CLOCKS,
    "source": SOURCES,
    "reply": REPLIES,
    "clock_state": CLOCK_STATES,
    "stretch": STRETCHES,
    "task": tasks.STATES,
    "task_step": {verb: (step.zh, step.en) for verb, step in tasks.STEPS.items()},
    "task_about": {str(about): said for about, said in worries.ABOUT.items()},
    "task_mark": TASK_MARKS,
    "plan_mode": {str(mode): said for mode, said in plan_kinds.MODES.items()},
}
"""Words that have both languages where they are kept: the steps of a ticket, the clocks of a service level."""
