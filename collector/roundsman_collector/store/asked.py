"""What people ask of an agent beside rounds: a row of `errand` without a round, with what the customer agreed to.

    ask(connection, "gw-2", wish, deed=..., scope=...) -> its id      refused, or written and audited at once

It is published, answered and told like an errand of a round (rounds.py): new -> sent -> done | failed | expired. What
changes something goes once; an answer that comes after its time is over is still the answer. Both what was asked and
what became of it stand in the audit log.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.asking import (
    CAPABILITY,
    CHANGING,
    EXPIRES_S,
    OPEN_LIMIT,
    AskError,
    Consent,
    agreed,
    checked,
    expiry,
    told_to_agent,
    verb_of,
)
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import agents_now, audit, schema
from roundsman_collector.store.agents_now import AgentNow
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.rounds import ErrandAnswer
from roundsman_collector.store.sql import chunks, clean, insert, json_text, many, marks, run

WHO_LIMIT = 400
STANDING = "standing: it only reads (docs/how-to/remote-commands.md)"
OPEN = "round_id IS NULL AND state IN ('new', 'sent')"


@dataclass(frozen=True, kw_only=True, slots=True)
class AskWish:
    """Something to be asked of an agent. `consent` is needed where it changes something."""

    verb: str
    args: Mapping[str, object]
    consent: Consent | None = None
    expires_s: float = EXPIRES_S


class AskedRow(NamedTuple):
    """A command as it stands. state: new, sent, done, failed, expired. `output` is what the agent sent beside."""

    id: str
    agent: str
    device: str | None
    verb: str
    args: dict[str, Any]
    asked_ms: int
    asked_by: str
    expires_ms: int
    state: str
    sent_ms: int | None
    done_ms: int | None
    detail: str
    output: str
    agreed: dict[str, Any] | None


COLUMNS = (
    "errand.id, agent.id, errand.device, errand.verb, errand.args, errand.asked_ms, errand.asked_by, "
    "errand.expires_ms, errand.state, errand.sent_ms, errand.done_ms, errand.detail, errand.output, errand.agreed"
)


# --- asking ----------------------------------------------------------------------------------------------------------


def ask(connection: Connection, agent: str, wish: AskWish, *, deed: Deed, scope: Scope = EVERYTHING) -> str:
    """Ask something of an agent; returns the command's id. Raises EntryError."""
    now = reached(connection, agent, scope)
    where = f"agent {agent}"
    try:
        verb = verb_of(wish.verb)
        args = checked(verb, wish.args)
        life_ms = expiry(wish.expires_s)
        consent = _consent(verb, wish.consent, deed.at_ms)
    except AskError as error:
        raise _wrong(where, error.field, error.what, error.expected) from error
    device = str(args["device"]) if "device" in args else consent.device if consent is not None else None
    if device is not None and device not in now.devices:
        field = "args.device" if "device" in args else "consent.device"
        raise _wrong(where, field, f"the agent does not speak for {device}", "a device that it speaks for")
    _check_capable(where, verb, now)
    # Takes the agent's row, so that two people who ask at once are counted one after the other. It changes nothing.
    run(connection, "UPDATE agent SET no = no WHERE no = ?", now.no)
    _check_room(connection, where, verb, now.no, deed.at_ms)
    new = secrets.token_hex(8)
    row = {
        "id": new,
        "agent_no": now.no,
        "round_id": None,
        "verb": verb,
        "args": json_text(args),
        "asked_ms": deed.at_ms,
        "asked_by": clean(deed.who, WHO_LIMIT),
        "consent": STANDING if consent is None else clean(told_to_agent(consent), WHO_LIMIT),
        "expires_ms": deed.at_ms + life_ms,
        "state": "new",
        "sent_ms": None,
        "done_ms": None,
        "seq": None,
        "detail": "",
        "device": device,
        "agreed": None if consent is None else json_text(asdict(consent)),
        "output": "",
    }
    many(connection, insert(schema.errand), [tuple(row[column.name] for column in schema.errand.columns)])
    told = {"command": new, "verb": verb, "args": args, "device": device, "expires_s": life_ms / 1000}
    if consent is not None:
        told["consent"] = asdict(consent)
    audit.add(connection, deed, f"ask.{verb}", f"agent:{agent}", after=told)
    return new


def reached(connection: Connection, agent: str, scope: Scope) -> AgentNow:
    """An agent all of which this scope reaches; EntryError where there is none: which of the two is not told."""
    now = agents_now.one(connection, agent)
    if now is None or not agents_now.reaches_wholly(connection, scope, now):
        raise EntryError(
            what=f"there is no agent {agent[:63]}",
            where=f"agent {agent[:63]}",
            expected="an agent of the register, all of whose devices you reach",
            do="look it up on the page of one of its devices",
            cause="missing",
        )
    return now


def _consent(verb: str, given: Consent | None, at_ms: int) -> Consent | None:
    if verb not in CHANGING:
        if given is not None:
            raise AskError("consent", f"{verb} only reads and needs none", "nothing")
        return None
    if given is None:
        raise AskError("consent", f"{verb} needs that the customer agreed", "who agreed, how, when, for which device")
    return agreed(given, at_ms)


def _check_capable(where: str, verb: str, now: AgentNow) -> None:
    """An agent that has not said yet who it is may be asked to: nothing else."""
    known = now.born.capabilities if now.born is not None else (f"{CAPABILITY}birth",)
    if f"{CAPABILITY}{verb}" not in known:
        raise EntryError(
            what=f"the agent does not offer {verb}",
            where=where,
            expected=" or ".join(sorted(name for name in known if name.startswith(CAPABILITY))) or "nothing at all",
            do="allow it in the agent's own configuration, [commands], and start it again; or update the agent",
            cause="conflict",
            field="verb",
        )


def _check_room(connection: Connection, where: str, verb: str, agent_no: int, now_ms: int) -> None:
    waiting = list(
        run(
            connection,
            f"SELECT verb FROM errand WHERE agent_no = ? AND {OPEN} AND expires_ms > ?",
            agent_no,
            now_ms,
        ).scalars()
    )
    if len(waiting) >= OPEN_LIMIT:
        what, expected = f"{len(waiting)} commands wait for it already", f"at most {OPEN_LIMIT} at once"
    elif verb in CHANGING and verb in waiting:
        what, expected = f"a {verb} waits for it already", "one at a time"
    else:
        return
    raise EntryError(
        what=what,
        where=where,
        expected=expected,
        do="wait until they are answered, or their time is over",
        cause="conflict",
        field="busy",
    )


def _wrong(where: str, field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=where, expected=expected, do="mend it and ask again", field=field)


# --- what becomes of it ----------------------------------------------------------------------------------------------


def unsend(connection: Connection, ids: Sequence[str]) -> None:
    """These did not leave after all: there is no line."""
    many(
        connection,
        "UPDATE errand SET state = 'new', sent_ms = NULL WHERE id = ? AND state = 'sent'",
        [(one,) for one in ids],
    )


def are_over(connection: Connection, now_ms: int) -> bool:
    """Whether the time of any command is over that is not answered."""
    found = run(connection, f"SELECT 1 FROM errand WHERE {OPEN} AND expires_ms <= ? LIMIT 1", now_ms)
    return found.first() is not None


def expire(connection: Connection, now_ms: int) -> int:
    """Let commands be over whose time is; returns how many."""
    found = run(
        connection,
        f"UPDATE errand SET state = 'expired', done_ms = ? WHERE {OPEN} AND expires_ms <= ? "
        "RETURNING id, agent_no, verb, sent_ms",
        now_ms,
        now_ms,
    ).all()
    names = _names(connection, {row[1] for row in found})
    for errand, agent_no, verb, sent_ms in found:
        told = {"command": errand, "state": "expired", "sent": sent_ms is not None}
        audit.add(
            connection,
            Deed(who=f"agent:{names[agent_no]}", at_ms=now_ms),
            f"answer.{verb}",
            f"agent:{names[agent_no]}",
            after=told,
        )
    return len(found)


def tell_answered(connection: Connection, answers: Sequence[ErrandAnswer]) -> None:
    """Write into the audit log what agents answer to people's commands; before the answers are written (rounds.py)."""
    said = {one_answer.id: one_answer for one_answer in answers}
    for part in chunks(said):
        found = run(
            connection,
            "SELECT errand.id, errand.agent_no, errand.verb, agent.id FROM errand "
            f"JOIN agent ON agent.no = errand.agent_no WHERE errand.id IN ({marks(len(part))}) "
            "AND errand.round_id IS NULL AND errand.state IN ('new', 'sent', 'expired')",
            *part,
        ).all()
        for errand, agent_no, verb, name in found:
            answer = said[errand]
            if answer.agent_no == agent_no:
                told = {"command": errand, "ok": answer.ok, "detail": clean(answer.detail, WHO_LIMIT)}
                deed = Deed(who=f"agent:{name}", at_ms=answer.at_ms)
                audit.add(connection, deed, f"answer.{verb}", f"agent:{name}", after=told)


def _names(connection: Connection, numbers: set[int]) -> dict[int, str]:
    if not numbers:
        return {}
    found = run(connection, f"SELECT no, id FROM agent WHERE no IN ({marks(len(numbers))})", *sorted(numbers))
    return {row[0]: row[1] for row in found}


# --- what people see -------------------------------------------------------------------------------------------------


def rows(connection: Connection, agent: str, *, limit: int, before_ms: int | None = None) -> list[AskedRow]:
    """The commands of people to an agent, the newest first."""
    found = run(
        connection,
        f"SELECT {COLUMNS} FROM errand JOIN agent ON agent.no = errand.agent_no "
        "WHERE agent.id = ? AND errand.round_id IS NULL AND errand.asked_ms < ? "
        "ORDER BY errand.asked_ms DESC, errand.id DESC LIMIT ?",
        agent,
        2**62 if before_ms is None else before_ms,
        limit,
    )
    return [_read(row) for row in found]


def one(connection: Connection, command: str) -> AskedRow | None:
    """A person's command by its id."""
    found = run(
        connection,
        f"SELECT {COLUMNS} FROM errand JOIN agent ON agent.no = errand.agent_no "
        "WHERE errand.id = ? AND errand.round_id IS NULL",
        command,
    ).first()
    return None if found is None else _read(found)


def _read(row: Sequence[Any]) -> AskedRow:
    known = None if row[13] is None else json.loads(row[13])
    return AskedRow(*row)._replace(args=json.loads(row[4]), agreed=known)
