"""Rounds and errands: an inspection that somebody asked for, and what each agent was asked to do for it.

    round     running  --all errands over, or time--> answered --the document is built--> done (frozen)
                       --the same, where people look, too--> open --they finish--> answered    (round_log.py)
    errand    new      --published--> sent --the agent's result--> done | failed        (both: no answer --> expired)

A round is begun in one transaction: its number, its devices, an errand for each agent that speaks for some of them.
`after_seq` and an errand's `seq` are where the evidence of the inspection begins and ends: what was received between
them, and nothing else, is what the round saw; it may be read days later and still says the same.

An errand is answered by its agent alone: a result that names somebody else's errand changes nothing. A document is
written once; whoever comes second reads the first one's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.asking import CHANGING
from roundsman_collector.core.fulfilment import RoundSeen
from roundsman_collector.core.looking import Mode
from roundsman_collector.store import audit, commands, schema, series, tasks
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.sql import chunks, clean, insert, json_text, many, marks, run

SERIES = "round"
Kind = Literal["site", "group", "device"]
DETAIL_LIMIT = 400
OUTPUT_LIMIT = 65_536
UNASKED_MS = 10 * 60_000
"""A round whose document nobody has asked for so long after it was answered gets it all the same."""


class Target(NamedTuple):
    """What a round can be of: a site of the register, else a group, else a device; `group`, `customer` for scopes."""

    kind: Kind
    id: str
    group: str | None
    customer: str | None


class RoundDevice(NamedTuple):
    """A device of a round, and the agent that spoke for it when it was asked; None: nobody did."""

    device: str
    agent_no: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrandNew:
    """Something to ask of an agent. `id` is the wire's command id."""

    id: str
    agent_no: int
    verb: str
    args: Mapping[str, Any]
    consent: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundBegun:
    """A round to be made, for a person's command. `year` stands in its number: the year it is at the site. `task`: what
    it is begun for."""

    command: int
    target: Target
    devices: Sequence[RoundDevice]
    errands: Sequence[ErrandNew]
    from_ms: int
    to_ms: int
    asked_ms: int
    asked_by: str
    until_ms: int
    after_seq: int
    year: int
    mode: Mode = "remote"
    task: int | None = None


class ErrandAnswer(NamedTuple):
    """An agent's result."""

    id: str
    agent_no: int
    ok: bool
    detail: str
    at_ms: int
    output: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundAnswered:
    """A round is over: `heads` are the newest evidence of its agents."""

    round_id: int
    heads: Mapping[int, int]


class ErrandOut(NamedTuple):
    """An errand to be published, and where to."""

    id: str
    group: str
    agent: str
    verb: str
    args: dict[str, Any]
    asked_ms: int
    asked_by: str
    consent: str
    expires_ms: int


class RoundRow(NamedTuple):
    """A round as it stands, without its document. state: running, open, answered, done."""

    id: int
    number: str
    kind: Kind
    site: str
    group_id: str | None
    customer: str | None
    state: str
    from_ms: int
    to_ms: int
    asked_ms: int
    asked_by: str
    until_ms: int
    after_seq: int
    answered_ms: int | None
    done_ms: int | None
    sha256: str | None
    mode: Mode
    task: int | None
    version: int
    finished_ms: int | None
    finished_by: str | None


class RoundOver(NamedTuple):
    """A round that is to be ended now, with its errands as they stand."""

    id: int
    number: str
    asked_ms: int
    errands: "list[ErrandRow]"


class ErrandRow(NamedTuple):
    """An errand as it stands, and its agent. state: new, sent, done, failed, expired."""

    id: str
    agent_no: int
    agent: str
    state: str
    sent_ms: int | None
    done_ms: int | None
    seq: int | None
    detail: str


COLUMNS = ", ".join(RoundRow._fields)


# --- what a round is of ----------------------------------------------------------------------------------------------


def target_of(connection: Connection, name: str) -> Target | None:
    """What this name means: the site, else the group, else the device of that id; None: nothing."""
    site = run(connection, "SELECT group_id, customer FROM site WHERE id = ? AND to_ms IS NULL", name).first()
    if site is not None:
        return Target("site", name, site[0], site[1])
    group = run(
        connection,
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM monitoring_group WHERE id = ? AND to_ms IS NULL) "
        "OR EXISTS (SELECT 1 FROM agent WHERE group_id = ? AND removed_ms IS NULL)",
        name,
        name,
    ).first()
    if group is not None:
        return Target("group", name, name, None)
    device = run(
        connection,
        "SELECT COALESCE(site.group_id, agent.group_id), site.customer FROM device "
        "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
        "LEFT JOIN agent ON agent.no = assignment.agent_no "
        "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
        "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
        "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL WHERE device.id = ?",
        name,
    ).first()
    return None if device is None else Target("device", name, device[0], device[1])


AT_SITE = (
    "SELECT installation.device FROM site JOIN place ON place.site = site.id AND place.to_ms IS NULL "
    "JOIN installation ON installation.place = place.id AND installation.to_ms IS NULL "
    "WHERE site.to_ms IS NULL AND site."
)
OF_AGENTS = (
    "SELECT assignment.device FROM agent JOIN assignment ON assignment.agent_no = agent.no "
    "AND assignment.to_ms IS NULL WHERE agent.removed_ms IS NULL AND agent.group_id = ?"
)
DEVICES_OF: Mapping[Kind, tuple[str, int]] = {
    "site": (f"{AT_SITE}id = ?", 1),
    "group": (f"{AT_SITE}group_id = ? UNION {OF_AGENTS}", 2),
    "device": ("SELECT id FROM device WHERE id = ?", 1),
}
"""The devices of a target, and how often its id stands in the question."""


def devices_of(connection: Connection, target: Target) -> list[RoundDevice]:
    """The devices that a target has now, each with its voice."""
    question, times = DEVICES_OF[target.kind]
    found = run(
        connection,
        "SELECT device.id, agent.no FROM device "
        "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
        "LEFT JOIN agent ON agent.no = assignment.agent_no AND agent.removed_ms IS NULL "
        f"WHERE device.id IN ({question}) ORDER BY device.id",
        *[target.id] * times,
    )
    return [RoundDevice(row[0], row[1]) for row in found]


def unfinished_of(connection: Connection, target: Target) -> list[tuple[str, str, str]]:
    """Rounds of the same that are not over: (number, state, mode)."""
    found = run(
        connection,
        "SELECT number, state, mode FROM round WHERE state IN ('running', 'open') AND site = ? AND kind = ? "
        "ORDER BY id",
        target.id,
        target.kind,
    )
    return [(str(number), str(state), str(mode)) for number, state, mode in found]


# --- what the engine writes ------------------------------------------------------------------------------------------


def begin(connection: Connection, begun: Sequence[RoundBegun]) -> None:
    """Make rounds with their errands, and answer the commands that asked for them."""
    for one in begun:
        number = f"R{one.year:04d}-{series.mark(connection)}{series.number(connection, SERIES):06d}"
        round_id = run(
            connection,
            "INSERT INTO round (number, kind, site, group_id, customer, state, from_ms, to_ms, asked_ms, asked_by, "
            "until_ms, after_seq, mode, task) VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            number,
            one.target.kind,
            one.target.id,
            one.target.group,
            one.target.customer,
            one.from_ms,
            one.to_ms,
            one.asked_ms,
            clean(one.asked_by, DETAIL_LIMIT),
            one.until_ms,
            one.after_seq,
            one.mode,
            one.task,
        ).scalar_one()
        many(connection, insert(schema.round_device), [(round_id, *device) for device in one.devices])
        many(connection, insert(schema.errand), [_errand(one, int(round_id), errand) for errand in one.errands])
        tasks.wake_of_rounds(connection, [int(round_id)], one.asked_ms)
        said = {"round": number, "devices": len(one.devices), "agents": len(one.errands)}
        commands.answer(
            connection, [commands.CommandDone(command=one.command, ok=True, done_ms=one.asked_ms, result=said)]
        )


def _errand(one: RoundBegun, round_id: int, errand: ErrandNew) -> tuple[object, ...]:
    return (
        errand.id,
        errand.agent_no,
        round_id,
        errand.verb,
        json_text(dict(errand.args)),
        one.asked_ms,
        clean(one.asked_by, DETAIL_LIMIT),
        errand.consent,
        one.until_ms,
        "new",
        None,
        None,
        None,
        "",
        None,
        None,
        "",
    )


def mark_sent(connection: Connection, ids: Sequence[str], now_ms: int) -> None:
    """These errands are on the line."""
    many(
        connection,
        "UPDATE errand SET state = 'sent', sent_ms = ? WHERE id = ? AND state = 'new'",
        [(now_ms, errand) for errand in ids],
    )


ONCE = "(" + ", ".join(f"'{verb}'" for verb in sorted(CHANGING)) + ")"
"""What changes something goes once."""
UNANSWERED = f"state = 'sent' AND expires_ms > ? AND sent_ms <= ? AND verb NOT IN {ONCE}"


def is_unanswered(connection: Connection, sent_before_ms: int, now_ms: int) -> bool:
    """Whether anything fresh was sent long ago and is not answered."""
    found = run(connection, f"SELECT 1 FROM errand WHERE {UNANSWERED} LIMIT 1", now_ms, sent_before_ms)
    return found.first() is not None


def send_again(connection: Connection, sent_before_ms: int, now_ms: int) -> int:
    """What was sent long ago, is not answered and still fresh is to be sent once more; returns how many."""
    changed = run(connection, f"UPDATE errand SET state = 'new' WHERE {UNANSWERED}", now_ms, sent_before_ms)
    return int(changed.rowcount)


def answer(connection: Connection, answers: Sequence[ErrandAnswer]) -> None:
    """Agents' results. The first one counts, and only that of the agent who was asked.

    To what a person asked (asked.py) an answer is welcome also when its time is over: a machine that reboots needs
    some. A round ends with its time.
    """
    many(
        connection,
        "UPDATE errand SET state = ?, done_ms = ?, detail = ?, output = ? "
        "WHERE id = ? AND agent_no = ? AND (state IN ('new', 'sent') OR (state = 'expired' AND round_id IS NULL))",
        [
            (
                "done" if one.ok else "failed",
                one.at_ms,
                clean(one.detail, DETAIL_LIMIT),
                clean(one.output, OUTPUT_LIMIT),
                one.id,
                one.agent_no,
            )
            for one in answers
        ],
    )


def end(connection: Connection, answered: Sequence[RoundAnswered], at_ms: int) -> None:
    """Rounds that are over: who has not answered has not; the evidence of each agent ends here, at this known time."""
    for one in answered:
        run(
            connection,
            "UPDATE errand SET state = 'expired', done_ms = ? WHERE round_id = ? AND state IN ('new', 'sent')",
            at_ms,
            one.round_id,
        )
        many(
            connection,
            "UPDATE errand SET seq = ? WHERE round_id = ? AND agent_no = ?",
            [(seq, one.round_id, agent_no) for agent_no, seq in one.heads.items()],
        )
        run(
            connection,
            "UPDATE round SET state = CASE mode WHEN 'remote' THEN 'answered' ELSE 'open' END, answered_ms = ? "
            "WHERE id = ? AND state = 'running'",
            at_ms,
            one.round_id,
        )
    tasks.wake_of_rounds(connection, [one.round_id for one in answered], at_ms)


# --- what the engine reads -------------------------------------------------------------------------------------------


def outgoing(connection: Connection, now_ms: int, limit: int, *, changing: bool = False) -> list[ErrandOut]:
    """Errands that wait to be published and are fresh: those that only read, or those that change something."""
    found = run(
        connection,
        "SELECT errand.id, agent.group_id, agent.id, errand.verb, errand.args, errand.asked_ms, errand.asked_by, "
        "errand.consent, errand.expires_ms FROM errand JOIN agent ON agent.no = errand.agent_no "
        "WHERE errand.state = 'new' AND errand.expires_ms > ? AND agent.removed_ms IS NULL "
        f"AND errand.verb {'' if changing else 'NOT '}IN {ONCE} "
        "ORDER BY errand.expires_ms LIMIT ?",
        now_ms,
        limit,
    )
    return [ErrandOut(*row)._replace(args=json.loads(row[4])) for row in found]


def seen_at(connection: Connection, sites: Iterable[str], since_ms: int) -> list[RoundSeen]:
    """Rounds of these sites that were asked for since, over or not, the oldest first."""
    found: list[RoundSeen] = []
    for part in chunks(sorted(set(sites))):
        rows = run(
            connection,
            "SELECT number, site, mode, asked_ms, "
            "CASE WHEN state IN ('answered', 'done') THEN COALESCE(finished_ms, answered_ms) END, "
            "(SELECT count(*) FROM errand WHERE errand.round_id = round.id AND errand.state = 'done'), task "
            f"FROM round WHERE kind = 'site' AND site IN ({marks(len(part))}) AND asked_ms >= ? ORDER BY id",
            *part,
            since_ms,
        )
        found += (
            RoundSeen(id=row[0], site=row[1], mode=row[2], asked_ms=row[3], done_ms=row[4], reached=row[5], task=row[6])
            for row in rows
        )
    return found


def over(connection: Connection, now_ms: int) -> list[RoundOver]:
    """Running rounds whose time is over or whose errands are."""
    found = run(
        connection,
        "SELECT id, number, asked_ms FROM round WHERE state = 'running' AND (until_ms <= ? OR NOT EXISTS "
        "(SELECT 1 FROM errand WHERE errand.round_id = round.id AND errand.state IN ('new', 'sent'))) ORDER BY id",
        now_ms,
    ).all()
    return [RoundOver(row[0], str(row[1]), row[2], errands(connection, row[0])) for row in found]


# --- what people do and see ------------------------------------------------------------------------------------------


def ask(connection: Connection, deed: Deed, args: Mapping[str, Any]) -> int:
    """Ask the engine for a round, and write into the audit log who did; returns the command's id."""
    audit.add(connection, deed, "round.start", str(args["site"]), after=args)
    return commands.ask(connection, who=deed.who, verb="round", args=args, now_ms=deed.at_ms)


class Frozen(NamedTuple):
    """A round's document, its digest, and what its page shows of it."""

    body: str
    sha256: str
    summary: str


def freeze(connection: Connection, number: str, frozen: Frozen, now_ms: int) -> bool:
    """Write a round's document, once; returns whether it was us."""
    changed = run(
        connection,
        "UPDATE round SET state = 'done', body = ?, sha256 = ?, summary = ?, done_ms = ? "
        "WHERE number = ? AND state = 'answered'",
        *frozen,
        now_ms,
        number,
    )
    return changed.rowcount == 1


def rows(
    connection: Connection,
    *,
    groups: Iterable[str] | None,
    customers: Iterable[str],
    site: str | None,
    before_id: int | None,
    limit: int,
) -> list[RoundRow]:
    """Rounds, the newest first: within these groups and customers (groups None: all), of one site, if named."""
    where, values = ["id < ?"], list[object]([2**62 if before_id is None else before_id])
    if groups is not None:
        held = [*[("group_id", one) for one in groups], *[("customer", one) for one in customers]]
        where.append(f"({' OR '.join(f'{column} = ?' for column, _ in held) or '1 = 0'})")
        values.extend(one for _, one in held)
    if site is not None:
        where.append("site = ?")
        values.append(site)
    found = run(
        connection, f"SELECT {COLUMNS} FROM round WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?", *values, limit
    )
    return [RoundRow(*row) for row in found]


def one(connection: Connection, number: str) -> RoundRow | None:
    """A round by its number."""
    found = run(connection, f"SELECT {COLUMNS} FROM round WHERE number = ?", number).first()
    return None if found is None else RoundRow(*found)


def unfrozen(connection: Connection, before_ms: int) -> str | None:
    """The number of the round that has waited longest for its document, since before then; None: none has."""
    waiting = "SELECT number FROM round WHERE state = 'answered' AND answered_ms <= ? ORDER BY answered_ms, id LIMIT 1"
    found = run(connection, waiting, before_ms).scalar()
    return None if found is None else str(found)


def body(connection: Connection, number: str) -> str | None:
    """A round's document as it was frozen."""
    found = run(connection, "SELECT body FROM round WHERE number = ?", number).scalar()
    return None if found is None else str(found)


def summary(connection: Connection, number: str) -> str | None:
    """What the page of a round shows of its document; None: it is not frozen, or was before there were summaries."""
    found = run(connection, "SELECT summary FROM round WHERE number = ?", number).scalar()
    return None if found is None else str(found)


def progress(connection: Connection, round_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many errands of each round are in each state."""
    counted: dict[int, dict[str, int]] = {round_id: {} for round_id in round_ids}
    for round_id in round_ids:
        found = run(connection, "SELECT state, count(*) FROM errand WHERE round_id = ? GROUP BY state", round_id)
        counted[round_id] = {str(state): int(count) for state, count in found}
    return counted


def errands(
    connection: Connection, round_id: int, *, agent_no: int | None = None, limit: int | None = None
) -> list[ErrandRow]:
    """The errands of a round, by agent: of one agent, or so many at most, where that is asked for."""
    one, values = ("", ()) if agent_no is None else (" AND agent_no = ?", (agent_no,))
    found = run(
        connection,
        "SELECT errand.id, errand.agent_no, agent.id, errand.state, errand.sent_ms, errand.done_ms, errand.seq, "
        f"errand.detail FROM errand JOIN agent ON agent.no = errand.agent_no WHERE round_id = ?{one} ORDER BY agent.id "
        "LIMIT ?",
        round_id,
        *values,
        2**31 if limit is None else limit,
    )
    return [ErrandRow(*row) for row in found]
