"""Commands: what people ask for. The one table that other processes add to; the engine answers.

A command is `new` until the engine's transaction that carries it out says `done` or `failed`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, json_text, run


class CommandRow(NamedTuple):
    """A command and what became of it. state: new, done, failed."""

    id: int
    at_ms: int
    who: str
    verb: str
    args: dict[str, Any]
    state: str
    done_ms: int | None
    result: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandDone:
    """The engine's answer."""

    command: int
    ok: bool
    done_ms: int
    result: Mapping[str, Any] = field(default_factory=dict)


COLUMNS = ", ".join(CommandRow._fields)
TOLD_ELSEWHERE = ("acknowledge", "note", "resolve", "moved")
"""Verbs that the audit log has already: of what people do with tickets and entries, with before and after."""


def ask(connection: Connection, *, who: str, verb: str, args: Mapping[str, Any], now_ms: int) -> int:
    """Add a command; return its id, under which the answer will be found."""
    new = run(
        connection,
        "INSERT INTO command (at_ms, who, verb, args, state) VALUES (?, ?, ?, ?, 'new') RETURNING id",
        now_ms,
        clean(who, 160),
        clean(verb, 160),
        json_text(dict(args)),
    )
    return int(new.scalar_one())


def answer(connection: Connection, answers: Sequence[CommandDone]) -> None:
    """Write the engine's answers; a command is answered once. What was done goes into the audit log."""
    for one_answer in answers:
        changed = run(
            connection,
            "UPDATE command SET state = ?, done_ms = ?, result = ? WHERE id = ? AND state = 'new' "
            "RETURNING who, verb, args",
            "done" if one_answer.ok else "failed",
            one_answer.done_ms,
            json_text(dict(one_answer.result)),
            one_answer.command,
        ).first()
        if changed is None:
            raise conflict(
                f"command {one_answer.command} is not there or answered already", "command", "answer it once"
            )
        if one_answer.ok and changed[1] not in TOLD_ELSEWHERE:
            deed = audit.Deed(who=changed[0], at_ms=one_answer.done_ms)
            after = _worth_telling(json.loads(changed[2]))
            audit.add(connection, deed, changed[1], f"command:{one_answer.command}", after=after)


def _worth_telling(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a command for the audit log; what is long is told by its length."""
    return {name: f"{len(value)} entries" if isinstance(value, list) else value for name, value in args.items()}


def new(connection: Connection, limit: int) -> list[CommandRow]:
    """Commands that nobody has answered, the oldest first."""
    found = run(connection, f"SELECT {COLUMNS} FROM command WHERE state = 'new' ORDER BY id LIMIT ?", limit)
    return [_read(row) for row in found]


def one(connection: Connection, command_id: int) -> CommandRow | None:
    """A command by its id."""
    found = run(connection, f"SELECT {COLUMNS} FROM command WHERE id = ?", command_id).first()
    return None if found is None else _read(found)


def _read(row: Sequence[Any]) -> CommandRow:
    return CommandRow(*row)._replace(args=json.loads(row[4]), result=None if row[7] is None else json.loads(row[7]))
