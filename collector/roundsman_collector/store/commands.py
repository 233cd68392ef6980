"""Commands: what people ask for. The one table that other processes add to; the engine answers.

A command is `new` until the engine's transaction that carries it out says `done` or `failed`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import STEPS
from roundsman_collector.store import audit
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, json_text, run

if TYPE_CHECKING:
    from roundsman_collector.store.tickets import TicketOpened


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
    """The engine's answer. `opens`: which of the tickets that the same batch opened it tells of, by id and number."""

    command: int
    ok: bool
    done_ms: int
    result: Mapping[str, Any] = field(default_factory=dict)
    opens: int | None = None


COLUMNS = ", ".join(CommandRow._fields)
KEY_LIMIT = 200
TOLD_ELSEWHERE = (*(verb for verb, step in STEPS.items() if step.is_persons), "moved")
"""Verbs that the audit log has already: of what people do with tickets and entries, with before and after."""


def ask(
    connection: Connection, *, who: str, verb: str, args: Mapping[str, Any], now_ms: int, key: str | None = None
) -> int:
    """Add a command; return its id, under which the answer will be found.

    `key`: of the same person's choice. What was asked under it before is not asked again: the id is that of before;
    StoreError (`conflict`) where it was something else.
    """
    said = json_text(dict(args))
    new = run(
        connection,
        "INSERT INTO command (at_ms, who, verb, args, state, key) VALUES (?, ?, ?, ?, 'new', ?) "
        "ON CONFLICT (who, key) DO NOTHING RETURNING id",
        now_ms,
        clean(who, 160),
        clean(verb, 160),
        said,
        None if key is None else clean(key, KEY_LIMIT),
    ).scalar()
    if new is not None:
        return int(new)
    assert key is not None, "without a key nothing is in the way"
    sql = "SELECT id, verb, args FROM command WHERE who = ? AND key = ?"
    known = run(connection, sql, clean(who, 160), clean(key, KEY_LIMIT)).one()
    if (known[1], known[2]) != (clean(verb, 160), said):
        raise conflict("this key stands for another request", "command", "choose a new key for what is new")
    return int(known[0])


def answer(connection: Connection, answers: Sequence[CommandDone], opened: "Sequence[TicketOpened]" = ()) -> None:
    """Write the engine's answers; a command is answered once. What was done goes into the audit log."""
    for one_answer in answers:
        result = dict(one_answer.result)
        if one_answer.opens is not None:
            new = opened[one_answer.opens]
            result |= {"ticket": new.id, "number": new.number}
        changed = run(
            connection,
            "UPDATE command SET state = ?, done_ms = ?, result = ? WHERE id = ? AND state = 'new' "
            "RETURNING who, verb, args",
            "done" if one_answer.ok else "failed",
            one_answer.done_ms,
            json_text(result),
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


def of_key(connection: Connection, who: str, key: str) -> CommandRow | None:
    """What somebody asked for under a key."""
    sql = f"SELECT {COLUMNS} FROM command WHERE who = ? AND key = ?"
    found = run(connection, sql, clean(who, 160), clean(key, KEY_LIMIT)).first()
    return None if found is None else _read(found)


def _read(row: Sequence[Any]) -> CommandRow:
    return CommandRow(*row)._replace(args=json.loads(row[4]), result=None if row[7] is None else json.loads(row[7]))
