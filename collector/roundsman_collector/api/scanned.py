"""What a stranger may do who scanned a label: hear whether the fault is known, report it, see what became of that.

    label = scanned(desk, code, address)           the label; Problem, the same for what is unknown, over or no code
    shown = about(desk, label)                     what device it is and where it stands, in the owner's words
    known(desk, label)                             whether a repair is under way, where [labels] tells lets it be told
    report(desk, label, said, key)                 the same command as a report by phone: the engine decides
    outcome(desk, label, key)                      what became of it, for whoever knows the key that it was sent under

A stranger learns no id, no customer, nothing of other tickets. What is sent twice is one report; a report of what has a
ticket joins it; a device has at most MOST live tickets from its label; whoever goes on is told to wait (api/guard.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from roundsman_collector.api import tickets
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.guard import Tries, network
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import Caller, Fault
from roundsman_collector.core import label as codes
from roundsman_collector.core.lifecycle import TO_MEND
from roundsman_collector.core.rulebook import Function
from roundsman_collector.roles import EVERYTHING, Who
from roundsman_collector.store import CommandRow, LabelRow, TicketRow

MOST = 3
"""So many live tickets a device has from its label; what else is reported joins the newest."""
LOOKED_AT = 20
NO_CODE = "0" * codes.CODE_LETTERS
"""Looked up in place of what is no code, so that the answer takes as long."""

Stage = Literal["known", "coming", "here"]
STAGES: Mapping[str, Stage] = {
    "open": "known",
    "acknowledged": "known",
    "planned": "known",
    "dispatched": "coming",
    "departed": "coming",
    "on_site": "here",
}


def scanned(desk: Desk, typed: str, address: str) -> LabelRow:
    """Where a code leads; Problem where it leads nowhere, and no word more."""
    found = desk.view.label_of_code(codes.read(typed) or NO_CODE)
    if found is not None:
        return found
    now_ms, key = desk.now_ms(), network(address)
    _refuse_beyond(desk.scans.wrong, key, now_ms, "too many labels that are not good were tried from this address")
    desk.scans.wrong.note(key, now_ms)
    raise Problem(
        404,
        "no_label",
        what="this label is not good, or not any more",
        where="the label",
        expected="the code of a label that is in use",
        do="scan the label again, or call the service line",
    )


def refuse_flood(desk: Desk, address: str) -> None:
    """Problem for an address that sends too many forms; looked at before a form is read."""
    now_ms, key = desk.now_ms(), network(address)
    _refuse_beyond(desk.scans.sent, key, now_ms, "too many reports came from this address")
    desk.scans.sent.note(key, now_ms)


def _refuse_beyond(tries: Tries, key: object, now_ms: int, what: str) -> None:
    seconds = tries.wait_s(key, now_ms)
    if seconds:
        raise Problem(
            429,
            "too_many_scans",
            what=what,
            where="this label",
            expected=f"at most {tries.most} in {tries.window_ms // 60_000} minutes",
            do="wait, or call the service line",
            retry_after_s=seconds,
        )


# --- what a stranger reads -------------------------------------------------------------------------------------------


class About(NamedTuple):
    """What a device or site is called and where it stands; `kind` empty: a site, or nobody knows."""

    name_zh: str
    name_en: str
    spot_zh: str
    spot_en: str
    kind: str


def about(desk: Desk, row: LabelRow) -> About:
    """What strangers read of a label's device or site: its owner's words, else the register's."""
    return abouts(desk, [row])[row.id]


def abouts(desk: Desk, rows: list[LabelRow]) -> dict[int, About]:
    """The same of many labels, by their numbers."""
    cards = desk.view.cards_named([one.subject for one in rows if one.subject[0] != "#"])
    sites = desk.view.entries_named("site", {one.subject[1:] for one in rows if one.subject[0] == "#"})
    return {one.id: _about(one, cards.get(one.subject), sites.get(one.subject[1:])) for one in rows}


def _about(row: LabelRow, card: Any, site: Any) -> About:
    if card is not None:
        model = f" {card.model}" if card.model else ""
        names = f"{card.name_zh}{model}", f"{card.name_en}{model}"
        spots = _joined(card.site_zh, card.place_zh), _joined(card.site_en, card.place_en)
    elif site is not None:
        names = str(site.fields["name_zh"]), str(site.fields["name_en"])
        spots = (str(site.fields.get("address") or ""),) * 2
    else:
        names = spots = "", ""
    return About(
        row.name_zh or names[0],
        row.name_en or names[1],
        row.spot_zh or spots[0],
        row.spot_en or spots[1],
        "" if card is None else card.kind,
    )


def _joined(*names: str | None) -> str:
    return " ".join(name for name in names if name)


class Known(NamedTuple):
    """A repair that is under way: how far it is, and by when somebody comes, if that is known and may be told."""

    number: str
    stage: Stage
    by_ms: int | None


def known(desk: Desk, row: LabelRow) -> Known | None:
    """Whether a fault of this device is known; None too where strangers are not to learn that."""
    if desk.labels.tells == "nothing":
        return None
    live = desk.view.tickets(states=TO_MEND, subject=row.subject, limit=LOOKED_AT)
    if not live:
        return None
    furthest = max(live, key=lambda one: (TO_MEND.index(one.state), one.id))
    stage = STAGES[furthest.state]
    by_ms = _arrival(desk, furthest) if desk.labels.tells == "arrival" and stage != "here" else None
    return Known(furthest.number, stage, by_ms)


def _arrival(desk: Desk, row: TicketRow) -> int | None:
    """By when somebody comes: as appointed, else as the contract promises; nothing that has passed."""
    clocks = desk.view.ticket_clocks([row.id]).get(row.id, [])
    due = [one.promised_ms or one.due_ms for one in clocks if one.clock == "arrive" and one.state == "running"]
    by_ms = row.arrival_ms or next(iter(due), None)
    return by_ms if by_ms is not None and by_ms > desk.now_ms() else None


def choices(desk: Desk, kind: str) -> list[tuple[Function, list[str]]]:
    """What may be wrong with a device of this kind, as its users see it: functions, and the faults that take them."""
    found = []
    for function in desk.functions.values():
        faults = [code for code, takes in desk.takes.items() if takes == function.name and code in desk.faults]
        if kind in function.kinds and faults:
            found.append((function, faults))
    return found


# --- reporting -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a stranger reports. `joins`: it is about what is known already."""

    text: str
    code: str = ""
    name: str = ""
    phone: str = ""
    joins: bool = False


def reporter(row: LabelRow) -> Who:
    """Whoever scanned a label, as the engine's commands name them. Nobody comes in by it: no address asks for it."""
    return Who(id=codes.author(row.id), name="", role="engineer", scope=EVERYTHING, is_program=True)


def report(desk: Desk, row: LabelRow, said: Said, key: str) -> CommandRow:
    """Ask for a ticket, or join the one that is known; the same key again is the same report."""
    who, now_ms = reporter(row), desk.now_ms()
    if desk.view.command_of_key(who.id, key) is None:
        _refuse_beyond(desk.scans.taken, row.id, now_ms, "this device was reported many times just now")
        desk.scans.taken.note(row.id, now_ms)
    there = known(desk, row) if said.joins else None
    if there is not None:
        data = {name: value for name, value in (("name", said.name), ("phone", said.phone)) if value}
        return tickets.ask(desk, who, there.number, "call", said.text, data=data, key=key)
    fault = Fault(
        subject=row.subject,
        code=said.code,
        text=said.text,
        caller=Caller(name=said.name, phone=said.phone),
        source="qr",
    )
    return tickets.ask_to_open(desk, who, fault, key, at_most=MOST)


class Outcome(NamedTuple):
    """What became of a report. `number` empty: the engine has not answered yet, or said no (`is_refused`)."""

    number: str
    state: str
    is_joined: bool
    is_refused: bool
    respond_by_ms: int | None
    may_call_back: bool
    is_young: bool
    """It came this very moment: more will be known of it soon."""


YOUNG_MS = 10_000


def outcome(desk: Desk, row: LabelRow, key: str) -> Outcome | None:
    """What became of what was reported under a key; None: nothing was."""
    command = desk.view.command_of_key(codes.author(row.id), key)
    if command is None:
        return None
    is_young = desk.now_ms() - command.at_ms < YOUNG_MS
    caller = command.args.get("caller") or command.args.get("data") or {}
    has_phone = bool(caller.get("phone"))
    found = ticket_of(desk, command)
    if found is None:
        return Outcome("", "", False, command.state == "failed", None, has_phone, is_young)
    is_joined = command.verb == "call" or bool((command.result or {}).get("is_known"))
    return Outcome(found.number, found.state, is_joined, False, _respond_by(desk, found), has_phone, is_young)


def ticket_of(desk: Desk, command: CommandRow) -> TicketRow | None:
    """The ticket that a report opened or joined, once the engine has answered."""
    ticket_id = (command.result or {}).get("ticket") if command.state == "done" else None
    found = None if ticket_id is None else desk.view.ticket(int(ticket_id))
    return None if found is None else found[0]


def _respond_by(desk: Desk, row: TicketRow) -> int | None:
    clocks = desk.view.ticket_clocks([row.id]).get(row.id, [])
    due = [one.promised_ms or one.due_ms for one in clocks if one.clock == "respond" and one.state == "running"]
    by_ms = next(iter(due), None)
    return by_ms if by_ms is not None and by_ms > desk.now_ms() else None
