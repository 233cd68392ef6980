"""What people found in rounds: a log that only grows, the last ticks beside it, photos and signatures.

    write(connection, row, line, deed) -> Line        a tick or a signature; the same key again answers as at first
    finish(connection, row, deed, data)               freezes it: nothing is written afterwards
    standing(connection, row, asked_by_kind, questions) -> Standing
    page(connection, round_id, ...) -> [DeviceRow]    its devices, some at a time, with how much of each is done

People write here from the console's processes; whoever changes the round's row first goes first, the others wait for it
and see what it wrote. Photos and signatures are claimed in the transaction of the line that names them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.inspection import WORST, Verdict
from roundsman_collector.core.looking import STATES, WORDS_LIMIT, Line, Progress, Standing
from roundsman_collector.store import audit, files, tasks
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.rounds import COLUMNS as ROUND_COLUMNS
from roundsman_collector.store.rounds import RoundRow
from roundsman_collector.store.sql import chunks, clean, json_text, marks, run

LINE = "id, verb, device, item, verdict, words, files, who, at_ms, known_ms, data"
AUDITED = ("sign", "finish")
WHO_LIMIT = 160


class KeyUsed(Exception):
    """The key stands for another line of this person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewLine:
    """What somebody found, or signs. `key`: the same key of the same person is the same line. `version`: the last line
    that they had seen; None: it does not matter."""

    verb: str
    item: str
    at_ms: int
    device: str = ""
    verdict: str = ""
    words: str = ""
    files: tuple[int, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    version: int | None = None


class DeviceRow(NamedTuple):
    """A device of a round: how many of its ticks are done, and how many of them were not well."""

    device: str
    kind: str
    name_zh: str
    name_en: str
    place_zh: str | None
    place_en: str | None
    agent_state: str | None
    found: int
    wrong: int


# --- what people write -----------------------------------------------------------------------------------------------


def write(connection: Connection, round_id: int, new: NewLine, deed: Deed) -> Line:
    """Write a line. Raises KeyUsed, or StoreError (`conflict`) where the round is finished or has changed."""
    known = _of_key(connection, round_id, new, deed)
    if known is not None:
        return known
    _hold(connection, round_id)
    known = _of_key(connection, round_id, new, deed)  # it may have come while we waited
    if known is not None:
        return known
    _must_be(connection, round_id, new.version)
    for file in new.files:
        files.claim(connection, files.ROUNDS, round_id, file, deed.at_ms, is_signature=new.verb == "sign")
    line = _insert(connection, round_id, new, deed)
    if new.verb == "tick":
        run(
            connection,
            "INSERT INTO round_mark (round_id, device, item, verdict, line) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (round_id, device, item) DO UPDATE SET verdict = excluded.verdict, line = excluded.line",
            round_id,
            new.device,
            new.item,
            new.verdict,
            line.id,
        )
    elif new.verb in AUDITED:
        after = {"line": line.id, "item": new.item, "name": line.words, "files": list(new.files)}
        audit.add(connection, deed, f"round.{new.verb}", f"round:{_number(connection, round_id)}", after=after)
    return line


def finish(connection: Connection, round_id: int, new: NewLine, deed: Deed) -> Line:
    """Finish a round: it is answered now, and its document can be built. Raises as `write` does."""
    line = write(connection, round_id, new, deed)
    run(
        connection,
        "UPDATE round SET state = 'answered', finished_ms = ?, finished_by = ? WHERE id = ? AND state = 'open'",
        line.known_ms,
        line.who,
        round_id,
    )
    tasks.wake_of_rounds(connection, [round_id], deed.at_ms)
    return line


def _of_key(connection: Connection, round_id: int, new: NewLine, deed: Deed) -> Line | None:
    """What this key brought before."""
    line = None if new.key is None else of_key(connection, round_id, deed.who, new.key)
    if line is None:
        return None
    said = (new.verb, new.device, new.item, new.verdict, new.files)
    if (line.verb, line.device, line.item, line.verdict, line.files) != said:
        raise KeyUsed
    return line


def _hold(connection: Connection, round_id: int) -> None:
    """Let nobody else write to the round until this is done."""
    run(connection, "UPDATE round SET version = version WHERE id = ?", round_id)


def _must_be(connection: Connection, round_id: int, version: int | None) -> None:
    state, last = run(connection, "SELECT state, version FROM round WHERE id = ?", round_id).one()
    if state not in STATES:
        raise conflict(f"round {round_id} is {state}", "round", "it is finished; begin another one")
    if version not in (None, last):
        raise conflict(f"round {round_id} has line {last}, not {version}", "version", "look again at what was found")


def _insert(connection: Connection, round_id: int, new: NewLine, deed: Deed) -> Line:
    words, who = clean(new.words, WORDS_LIMIT), clean(deed.who, WHO_LIMIT)
    line_id = run(
        connection,
        "INSERT INTO round_log (round_id, verb, device, item, verdict, words, files, who, at_ms, known_ms, data, key) "
        f"VALUES ({marks(12)}) RETURNING id",
        round_id,
        new.verb,
        new.device,
        new.item,
        new.verdict,
        words,
        json_text(list(new.files)),
        who,
        new.at_ms,
        deed.at_ms,
        json_text(dict(new.data)),
        new.key,
    ).scalar_one()
    run(connection, "UPDATE round SET version = ? WHERE id = ?", line_id, round_id)
    return Line(
        int(line_id),
        new.verb,
        new.device,
        new.item,
        new.verdict,
        words,
        new.files,
        who,
        new.at_ms,
        deed.at_ms,
        dict(new.data),
    )


def _number(connection: Connection, round_id: int) -> str:
    return str(run(connection, "SELECT number FROM round WHERE id = ?", round_id).scalar_one())


def of_key(connection: Connection, round_id: int, who: str, key: str) -> Line | None:
    """What this key of this person brought before."""
    sql = f"SELECT {LINE} FROM round_log WHERE round_id = ? AND who = ? AND key = ?"
    found = run(connection, sql, round_id, clean(who, WHO_LIMIT), key).first()
    return None if found is None else _line(found)


# --- what people see -------------------------------------------------------------------------------------------------


def _line(row: Sequence[Any]) -> Line:
    line = Line(*row)
    return line._replace(files=tuple(json.loads(row[6])), data=json.loads(row[10]))


def lines(connection: Connection, round_id: int, device: str | None = None) -> list[Line]:
    """The log of a round; of one device of it, if named."""
    where, values = ("", ()) if device is None else (" AND device = ?", (device,))
    sql = f"SELECT {LINE} FROM round_log WHERE round_id = ?{where} ORDER BY id"
    return [_line(row) for row in run(connection, sql, round_id, *values)]


def last_marks(connection: Connection, round_id: int, devices: Sequence[str] | None = None) -> list[Line]:
    """The last tick of each device and item; of these devices, if named."""
    columns = ", ".join(f"log.{name}" for name in LINE.split(", "))
    sql = (
        f"SELECT {columns} FROM round_mark mark JOIN round_log log ON log.id = mark.line "
        "WHERE mark.round_id = ?{} ORDER BY log.id"
    )
    if devices is None:
        return [_line(row) for row in run(connection, sql.format(""), round_id)]
    found: list[Line] = []
    for some in chunks(devices):
        only = f" AND mark.device IN ({marks(len(some))})"
        found += [_line(row) for row in run(connection, sql.format(only), round_id, *some)]
    return found


def deeds(connection: Connection, round_id: int) -> list[Line]:
    """What is in the log beside ticks: what monitoring said, signatures, the end."""
    sql = f"SELECT {LINE} FROM round_log WHERE round_id = ? AND verb <> 'tick' ORDER BY id"
    return [_line(row) for row in run(connection, sql, round_id)]


def kinds(connection: Connection, round_id: int) -> dict[str, int]:
    """How many devices of each kind a round has."""
    sql = (
        "SELECT device.kind, count(*) FROM round_device asked JOIN device ON device.id = asked.device "
        "WHERE asked.round_id = ? GROUP BY device.kind"
    )
    return {str(kind): int(count) for kind, count in run(connection, sql, round_id)}


def kind_of(connection: Connection, round_id: int, device: str) -> str | None:
    """The kind of a device of a round; None: the round has no such device."""
    sql = (
        "SELECT device.kind FROM round_device asked JOIN device ON device.id = asked.device "
        "WHERE asked.round_id = ? AND asked.device = ?"
    )
    found = run(connection, sql, round_id, device).scalar()
    return None if found is None else str(found)


def standing(connection: Connection, row: RoundRow, by_kind: Mapping[str, int], questions: int) -> Standing:
    """How a round stands, where `by_kind` says how many things are asked of a device, beside so many questions."""
    asked = questions + sum(by_kind.get(kind, 0) * count for kind, count in kinds(connection, row.id).items())
    counted = run(connection, "SELECT verdict, count(*) FROM round_mark WHERE round_id = ? GROUP BY verdict", row.id)
    found = {str(verdict): count for verdict, count in counted}
    verdicts: dict[Verdict, int] = {name: int(found.get(name, 0)) for name in WORST}
    sql = "SELECT id FROM round_log WHERE round_id = ? AND verb = 'tick' ORDER BY id DESC LIMIT 1"
    ticked = run(connection, sql, row.id).scalar()
    sql = "SELECT item, max(id) FROM round_log WHERE round_id = ? AND verb = 'sign' GROUP BY item"
    return Standing(
        mode=row.mode,
        state=row.state,
        version=row.version,
        progress=Progress(asked, sum(verdicts.values()), verdicts),
        ticked=int(ticked or 0),
        signed={str(item): int(line) for item, line in run(connection, sql, row.id)},
    )


def page(
    connection: Connection,
    round_id: int,
    by_kind: Mapping[str, int],
    *,
    after: str = "",
    limit: int = 50,
    only_open: bool = False,
) -> list[DeviceRow]:
    """Devices of a round behind `after`, by id; only those of which something is missing, where that is asked for."""
    done = "(SELECT count(*) FROM round_mark mark WHERE mark.round_id = asked.round_id AND mark.device = asked.device)"
    values: list[object] = [round_id, after]
    is_open = ""
    if only_open:
        wanted = " ".join("WHEN ? THEN CAST(? AS BIGINT)" for _ in by_kind)
        is_open = f" AND {done} < CASE device.kind {wanted} ELSE 0 END" if by_kind else " AND 1 = 0"
        values += [value for pair in by_kind.items() for value in pair]
    sql = (
        "SELECT device.id, device.kind, device.name_zh, device.name_en, place.name_zh, place.name_en, errand.state, "
        f"{done}, (SELECT count(*) FROM round_mark mark WHERE mark.round_id = asked.round_id "
        "AND mark.device = asked.device AND mark.verdict <> 'pass') "
        "FROM round_device asked JOIN device ON device.id = asked.device "
        "LEFT JOIN errand ON errand.round_id = asked.round_id AND errand.agent_no = asked.agent_no "
        "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
        "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
        f"WHERE asked.round_id = ? AND asked.device > ?{is_open} ORDER BY asked.device LIMIT ?"
    )
    return [DeviceRow(*row) for row in run(connection, sql, *values, limit)]


def of_task(connection: Connection, task: int) -> list[RoundRow]:
    """The rounds that were begun for a task, the first first."""
    found = run(connection, f"SELECT {ROUND_COLUMNS} FROM round WHERE task = ? ORDER BY id", task)
    return [RoundRow(*row) for row in found]


def before(connection: Connection, row: RoundRow) -> RoundRow | None:
    """The last round of the same before this one, in which somebody looked, too, and which is finished."""
    found = run(
        connection,
        f"SELECT {ROUND_COLUMNS} FROM round WHERE site = ? AND kind = ? AND id < ? AND mode IN ('visit', 'phone') "
        "AND finished_ms IS NOT NULL ORDER BY id DESC LIMIT 1",
        row.site,
        row.kind,
        row.id,
    ).first()
    return None if found is None else RoundRow(*found)
