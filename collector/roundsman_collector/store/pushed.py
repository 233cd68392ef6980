"""Configurations that people push to agents: what, who, when, and what became of each.

    new -> sent -> confirmed                     the agent's birth names the hash, or its result says so
               \\-> refused | rolled_back        its result says why
    replaced                                     another one came before this one was answered
    withdrawing -> withdrawn                     the broker keeps none any more; the agent keeps what it has

The newest one of an agent is at the broker, retained, unless it was withdrawn. `sent` means that the broker confirmed
it (app.py): an agent that is away gets it when it comes back, without anybody sending it again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.configured import LONGEST_S, NOTE_LIMIT, ROLLBACK_S, SHORTEST_S, flaws
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit
from roundsman_collector.store.agents_now import Born
from roundsman_collector.store.asked import reached
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.rounds import ErrandAnswer
from roundsman_collector.store.sql import chunks, clean, json_text, marks, run
from roundsman_wire.codec import config_hash

ANSWERS_TO = "config:"
TAKEN_BACK = ("rolled back", "set aside")
"""So an agent's answer begins that took the old configuration back, or its own file, which somebody changed."""
DETAIL_LIMIT = 400
WAITING = "('new', 'sent')"
UNMOVED = ("new", "sent", "confirmed", "refused", "rolled_back")
"""An agent that has a configuration, or does not want it, does nothing when the same comes again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushWish:
    """A configuration to be pushed: the tables of agent.toml that are to be other than the agent's own."""

    body: Mapping[str, Any]
    rollback_s: int = ROLLBACK_S
    note: str = ""


class PushRow(NamedTuple):
    """A configuration as it was pushed, and what became of it."""

    id: int
    agent: str
    hash: str
    body: dict[str, Any]
    note: str
    rollback_s: int
    made_ms: int
    made_by: str
    state: str
    sent_ms: int | None
    done_ms: int | None
    detail: str


class PushOut(NamedTuple):
    """What the broker is to keep for an agent; `body` None: nothing any more."""

    id: int
    group: str
    agent: str
    hash: str
    body: dict[str, Any] | None
    rollback_s: int


COLUMNS = (
    "pushed.id, agent.id, pushed.hash, pushed.body, pushed.note, pushed.rollback_s, pushed.made_ms, pushed.made_by, "
    "pushed.state, pushed.sent_ms, pushed.done_ms, pushed.detail"
)


# --- what people do --------------------------------------------------------------------------------------------------


def push(connection: Connection, agent: str, wish: PushWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Let an agent have another configuration; returns the push's id. Raises EntryError."""
    now = reached(connection, agent, scope)
    where = f"agent {agent}"
    if not SHORTEST_S <= wish.rollback_s <= LONGEST_S:
        raise _wrong(where, "rollback_s", f"{wish.rollback_s} s cannot be used", f"{SHORTEST_S} to {LONGEST_S} s")
    if len(wish.note) > NOTE_LIMIT:
        raise _wrong(where, "note", "it is too long", f"at most {NOTE_LIMIT} characters")
    found = flaws(wish.body)
    if found:
        raise _wrong(where, "body", found[0].said, "a configuration as docs/how-to/remote-commands.md describes it")
    body = dict(wish.body)
    new = config_hash(body)
    # Takes the agent's row, so that two people who push at once do so one after the other. It changes nothing.
    run(connection, "UPDATE agent SET no = no WHERE no = ?", now.no)
    before = newest(connection, agent)
    if before is not None and before.hash == new and before.state in UNMOVED:
        raise EntryError(
            what=f"configuration {new} is the newest one already: {before.state}",
            where=where,
            expected="another one: an agent does nothing about one that it has, or that it refused",
            do="change something, and push again",
            cause="conflict",
            field="same",
        )
    run(
        connection,
        f"UPDATE pushed SET state = 'replaced', done_ms = ? WHERE agent_no = ? AND state IN {WAITING}",
        deed.at_ms,
        now.no,
    )
    made = run(
        connection,
        "INSERT INTO pushed (agent_no, hash, body, note, rollback_s, made_ms, made_by, state, detail) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'new', '') RETURNING id",
        now.no,
        new,
        json_text(body),
        clean(wish.note.strip(), NOTE_LIMIT),
        wish.rollback_s,
        deed.at_ms,
        clean(deed.who, DETAIL_LIMIT),
    ).scalar_one()
    was = None if before is None else {"push": before.id, "hash": before.hash, "state": before.state}
    told = {"push": int(made), "hash": new, "rollback_s": wish.rollback_s, "note": wish.note.strip()}
    audit.add(connection, deed, "config.push", f"agent:{agent}", before=was, after=told)
    return int(made)


def withdraw(connection: Connection, agent: str, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Let the broker keep no configuration for an agent any more; returns the push that it kept. Raises EntryError."""
    now = reached(connection, agent, scope)
    run(connection, "UPDATE agent SET no = no WHERE no = ?", now.no)
    last = newest(connection, agent)
    if last is None or last.state in ("withdrawing", "withdrawn"):
        raise EntryError(
            what="nothing is pushed to it",
            where=f"agent {agent}",
            expected="an agent that a configuration was pushed to",
            do="look at its page as it stands now",
            cause="conflict",
        )
    run(connection, "UPDATE pushed SET state = 'withdrawing', done_ms = NULL WHERE id = ?", last.id)
    told = {"push": last.id, "hash": last.hash, "state": "withdrawing"}
    was = {"push": last.id, "hash": last.hash, "state": last.state}
    audit.add(connection, deed, "config.withdraw", f"agent:{agent}", before=was, after=told)
    return last.id


def _wrong(where: str, field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=where, expected=expected, do="mend it and push again", field=field)


# --- what the engine does --------------------------------------------------------------------------------------------


def outgoing(connection: Connection, limit: int) -> list[PushOut]:
    """What the broker does not have yet, the oldest first."""
    found = run(
        connection,
        "SELECT pushed.id, agent.group_id, agent.id, pushed.hash, pushed.body, pushed.rollback_s, pushed.state "
        "FROM pushed JOIN agent ON agent.no = pushed.agent_no "
        "WHERE pushed.state IN ('new', 'withdrawing') AND agent.removed_ms IS NULL ORDER BY pushed.id LIMIT ?",
        limit,
    )
    return [
        PushOut(row[0], row[1], row[2], row[3], None if row[6] == "withdrawing" else json.loads(row[4]), row[5])
        for row in found
    ]


def mark_sent(connection: Connection, ids: Sequence[int], now_ms: int) -> None:
    """The broker has confirmed these; one that the agent says it has already is in force."""
    for one_id in ids:
        run(
            connection,
            "UPDATE pushed SET state = 'sent', sent_ms = ? WHERE id = ? AND state = 'new'",
            now_ms,
            one_id,
        )
        has = run(
            connection,
            "SELECT pushed.agent_no, pushed.hash FROM pushed JOIN agent_now ON agent_now.agent_no = pushed.agent_no "
            "AND agent_now.config_hash = pushed.hash WHERE pushed.id = ? AND pushed.state = 'sent'",
            one_id,
        ).first()
        if has is not None:
            _settle(connection, has[0], has[1], "confirmed", "", now_ms)


def mark_withdrawn(connection: Connection, ids: Sequence[int], now_ms: int) -> None:
    """The broker has confirmed that it keeps these no more."""
    for one_id in ids:
        run(
            connection,
            "UPDATE pushed SET state = 'withdrawn', done_ms = ? WHERE id = ? AND state = 'withdrawing'",
            now_ms,
            one_id,
        )


def born(connection: Connection, births: Sequence[Born]) -> None:
    """Births that name the hash of what was pushed confirm it."""
    said = {one_birth.agent_no: one_birth for one_birth in births}
    for part in chunks(said):
        waiting = run(
            connection,
            f"SELECT agent_no FROM pushed WHERE state IN {WAITING} AND agent_no IN ({marks(len(part))})",
            *part,
        )
        for agent_no in set(waiting.scalars()):
            birth = said[agent_no]
            _settle(connection, agent_no, birth.config_hash, "confirmed", "", birth.received_ms)


def answer(connection: Connection, answers: Sequence[ErrandAnswer]) -> None:
    """Agents' results about configurations."""
    for one_answer in answers:
        if one_answer.id.startswith(ANSWERS_TO):
            said = one_answer.detail
            state = "confirmed" if one_answer.ok else "rolled_back" if said.startswith(TAKEN_BACK) else "refused"
            hash_ = one_answer.id.removeprefix(ANSWERS_TO)
            _settle(connection, one_answer.agent_no, hash_, state, said, one_answer.at_ms)


FROM = {"confirmed": WAITING, "refused": WAITING, "rolled_back": "('new', 'sent', 'confirmed')"}
"""From which states a push comes to another one: what was confirmed may still be taken back."""


def _settle(connection: Connection, agent_no: int, hash_: str, state: str, detail: str, at_ms: int) -> None:
    """Let the newest push of an agent be answered, if it is this one."""
    settled = run(
        connection,
        "UPDATE pushed SET state = ?, done_ms = ?, detail = ? WHERE hash = ? "
        f"AND state IN {FROM[state]} AND id = (SELECT max(id) FROM pushed WHERE agent_no = ?) RETURNING id",
        state,
        at_ms,
        clean(detail, DETAIL_LIMIT),
        hash_,
        agent_no,
    ).scalar()
    if settled is None:
        return
    agent = run(connection, "SELECT id FROM agent WHERE no = ?", agent_no).scalar_one()
    told = {"push": int(settled), "hash": hash_, "state": state, "detail": clean(detail, DETAIL_LIMIT)}
    deed = Deed(who=f"agent:{agent}", at_ms=at_ms)
    audit.add(connection, deed, f"config.{state}", f"agent:{agent}", after=told)


# --- what people see -------------------------------------------------------------------------------------------------


def rows(connection: Connection, agent: str, *, limit: int, before_id: int | None = None) -> list[PushRow]:
    """What was pushed to an agent, the newest first."""
    found = run(
        connection,
        f"SELECT {COLUMNS} FROM pushed JOIN agent ON agent.no = pushed.agent_no "
        "WHERE agent.id = ? AND pushed.id < ? ORDER BY pushed.id DESC LIMIT ?",
        agent,
        2**62 if before_id is None else before_id,
        limit,
    )
    return [PushRow(*row)._replace(body=json.loads(row[3])) for row in found]


def newest(connection: Connection, agent: str) -> PushRow | None:
    """What was pushed to an agent last."""
    return next(iter(rows(connection, agent, limit=1)), None)


def one(connection: Connection, agent: str, push_id: int) -> PushRow | None:
    """A push to an agent by its id."""
    found = rows(connection, agent, limit=1, before_id=push_id + 1)
    return found[0] if found and found[0].id == push_id else None
