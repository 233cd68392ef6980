"""What the document of a round is made of, read at once for all of its devices: set by set, never device by device.

    facts(connection, row, where) -> RoundFacts

Ledger and conditions as they were known when the round was over, the register as it was when it was asked, the
evidence from where it began to where it ended: asked on another day, the answer is the same.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.looking import Line
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import conditions, evidence, reckon, round_log, rounds
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.evidence import RUNS, EvidenceRow, Partition
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.reckon import Frame, Served
from roundsman_collector.store.rounds import ErrandRow, RoundRow
from roundsman_collector.store.samples import records_in
from roundsman_collector.store.sql import run
from roundsman_collector.store.tickets import TicketRow, row_of


class DeviceFacts(NamedTuple):
    """What the register, and the newest sweep of the engine's memory, say of a device of a round."""

    device: str
    agent_no: int | None
    kind: str
    model: str | None
    name_zh: str
    name_en: str
    serial: str | None
    place: str | None
    covered_to_ms: int | None
    last_t_ms: int | None
    readings: dict[str, Any] | None
    readings_t_ms: int | None


class SiteFacts(NamedTuple):
    """Where a round took place, as the register had it: names in both languages; empty where it has none."""

    id: str
    name_zh: str
    name_en: str
    address: str
    time_zone: str
    engineer: str
    customer_zh: str
    customer_en: str
    contract: str


class PlaceFacts(NamedTuple):
    """A place of a site."""

    id: str
    name_zh: str
    name_en: str


class Reported(NamedTuple):
    """A sample that an agent sent while the round ran. `seen_ms`: when it was taken, as far as can be told."""

    agent_no: int
    stream: str
    n: int
    device: str
    seen_ms: int
    readings: dict[str, Any]
    failed: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundFacts:
    """Everything; see the module."""

    row: RoundRow
    site: SiteFacts
    places: dict[str, PlaceFacts]
    devices: list[DeviceFacts]
    errands: list[ErrandRow]
    intervals: list[Interval]
    conditions: list[ConditionRow]
    tickets: list[TicketRow]
    samples: list[Reported]
    rules_hash: str
    rules_text: str
    served: dict[str, list[Served]]
    """What of each device's time counts in the period, for the round's customer or group."""
    log: list[Line]
    """What people found, signed and finished; of one device alone nothing but what was found of it."""
    before: RoundRow | None
    """The round before in which somebody looked."""
    since: list[ConditionRow]
    """What befell its devices since then; since the period began, where nobody ever has."""


VALID_MS = 1_000
"""So long a sample of the round speaks at least: the sweep of the engine's memory may lag behind it."""


def facts(connection: Connection, row: RoundRow, where: str, device: str | None = None) -> RoundFacts:
    """Read everything, of a round whose agents are through; of one of its devices alone, if named."""
    if row.answered_ms is None:
        raise conflict(f"round {row.number} is {row.state}", "round", "wait until it is over")
    known_ms = row.answered_ms
    rules = rules_at(connection, known_ms)
    if rules is None:
        raise conflict("no rules were in force", "rule_set", "start the collector once")
    end_ms = max(row.to_ms, known_ms)
    of = Of(row.id, device)
    devices = devices_of(connection, row, of)
    errands = rounds.errands(connection, row.id) if device is None else _errands(connection, row, devices)
    samples = list(samples_of(connection, row, where, errands, of))
    before = round_log.before(connection, row)
    since_ms = row.from_ms if before is None or before.finished_ms is None else before.finished_ms
    return RoundFacts(
        row=row,
        site=site_of(connection, row),
        places=places_of(connection, row, of),
        devices=devices,
        errands=errands,
        intervals=intervals_of(connection, of, row.from_ms, end_ms + 1, known_ms),
        conditions=befell(connection, of, row.from_ms, end_ms + 1, known_ms),
        tickets=tickets_of(connection, of, row.from_ms, end_ms),
        samples=samples,
        rules_hash=rules[0],
        rules_text=rules[1],
        served=reckon.served(connection, [one.device for one in devices], _frame(row, samples)),
        log=_log(connection, row, device),
        before=before,
        since=befell(connection, of, since_ms, end_ms + 1, known_ms),
    )


class Of(NamedTuple):
    """The devices that are meant: all of a round, or one of them."""

    round_id: int
    device: str | None

    def within(self, column: str) -> str:
        """The condition that a column holds one of them; it takes `value`."""
        if self.device is not None:
            return f"{column} = ?"
        return f"{column} IN (SELECT device FROM round_device WHERE round_id = ?)"

    @property
    def value(self) -> int | str:
        """What the condition asks with."""
        return self.round_id if self.device is None else self.device


def _errands(connection: Connection, row: RoundRow, devices: list[DeviceFacts]) -> list[ErrandRow]:
    """What the agents of these few devices were asked."""
    voices = dict.fromkeys(one.agent_no for one in devices if one.agent_no is not None)
    return [errand for no in voices for errand in rounds.errands(connection, row.id, agent_no=no)]


def _log(connection: Connection, row: RoundRow, device: str | None) -> list[Line]:
    """What counts of a round's log: the last ticks, in the order of their ids, with signatures and the end."""
    if device is not None:
        return round_log.last_marks(connection, row.id, [device])
    return [*round_log.last_marks(connection, row.id), *round_log.deeds(connection, row.id)]


def _frame(row: RoundRow, samples: Iterable[Reported]) -> Frame:
    """The period as known when the round was over: of its customer, else of its group, and of nobody else's time."""
    if row.customer is not None:
        scope = Scope(customers=frozenset({row.customer}))
    else:
        scope = EVERYTHING if row.group_id is None else Scope(groups=frozenset({row.group_id}))
    known_ms = row.answered_ms or 0
    heard: dict[str, int] = {}
    for one in samples:
        heard[one.device] = max(heard.get(one.device, 0), one.seen_ms + VALID_MS)
    return Frame(from_ms=row.from_ms, to_ms=row.to_ms, now_ms=known_ms, known_ms=known_ms, scope=scope, heard=heard)


def samples_of(
    connection: Connection, row: RoundRow, where: str, errands: Iterable[ErrandRow], of: Of
) -> Iterator[Reported]:
    """The samples that came while the round ran, each agent's newest first."""
    sql = f"SELECT device FROM round_device WHERE round_id = ? AND {of.within('device')}"
    wanted = set(run(connection, sql, row.id, of.value).scalars())
    for agent_no, link in reported(connection, row, where, errands):
        sent = _sent(link)
        from_ms = row.asked_ms if link.kind == RUNS else 0  # it may have begun before the round
        for record in reversed(records_in(link)):
            if record["kind"] == "sample" and record["device"] in wanted and record["t"] >= from_ms:
                yield Reported(
                    agent_no,
                    link.stream,
                    record["n"],
                    record["device"],
                    _seen_ms(record, sent, link.received_ms),
                    record["readings"],
                    record.get("failed", {}),
                )


def _sent(link: EvidenceRow) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(link.body) if link.kind in ("report", "history") else {}
    return dict(said.get("sent", {}))


def _seen_ms(record: Any, sent: dict[str, Any], received_ms: int) -> int:
    """When a sample was taken: as its clock says; of a clock that nobody set, by its age when it was sent."""
    if record.get("ntp", True):
        return int(record["t"])
    if sent.get("boot") != record["boot"]:
        return 0
    return int(received_ms - max(0, sent["mono"] - record["mono"]))


def devices_of(connection: Connection, row: RoundRow, of: Of) -> list[DeviceFacts]:
    """Devices of a round as the register had them when it was asked, by id."""
    found = run(
        connection,
        "SELECT device.id, asked.agent_no, device.kind, device.model, device.name_zh, device.name_en, device.serial, "
        "installation.place, now.covered_to_ms, now.last_t_ms, now.readings, now.readings_t_ms "
        "FROM round_device asked JOIN device ON device.id = asked.device "
        "LEFT JOIN device_now now ON now.device = device.id "
        "LEFT JOIN installation ON installation.device = device.id AND installation.from_ms <= ? "
        f"AND (installation.to_ms IS NULL OR installation.to_ms > ?) WHERE asked.round_id = ? "
        f"AND {of.within('asked.device')} ORDER BY device.id",
        row.asked_ms,
        row.asked_ms,
        row.id,
        of.value,
    )
    return [DeviceFacts(*fact)._replace(readings=None if fact[10] is None else json.loads(fact[10])) for fact in found]


KNOWN_AT = "known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?)"
REACHES = "event_from_ms < ? AND (event_to_ms IS NULL OR event_to_ms > ?)"


def intervals_of(connection: Connection, of: Of, from_ms: int, to_ms: int, known_ms: int) -> list[Interval]:
    """The ledger of these devices in [from, to) as known at `known_ms`, by device and beginning."""
    found = run(
        connection,
        f"SELECT {', '.join(Interval._fields)} FROM interval WHERE {of.within('interval.device')} "
        f"AND {KNOWN_AT} AND {REACHES} ORDER BY device, event_from_ms",
        of.value,
        known_ms,
        known_ms,
        to_ms,
        from_ms,
    )
    return [Interval(*one) for one in found]


def befell(connection: Connection, of: Of, from_ms: int, to_ms: int, known_ms: int) -> list[ConditionRow]:
    """What befell these devices in [from, to), and their agents (`@` and the id), as known at `known_ms`."""
    agents = (
        "subject IN (SELECT '@' || agent.id FROM round_device asked JOIN agent ON agent.no = asked.agent_no "
        f"WHERE asked.round_id = ? AND {of.within('asked.device')})"
    )
    found = run(
        connection,
        f"SELECT {conditions.COLUMNS} FROM condition "
        f"WHERE ({of.within('condition.subject')} OR {agents}) "
        f"AND {KNOWN_AT} AND {REACHES} ORDER BY subject, event_from_ms, component, code",
        of.value,
        of.round_id,
        of.value,
        known_ms,
        known_ms,
        to_ms,
        from_ms,
    )
    return [conditions.read_row(one) for one in found]


def tickets_of(connection: Connection, of: Of, from_ms: int, to_ms: int) -> list[TicketRow]:
    """The tickets of these devices that were opened, or open, in [from, to); voided ones are none."""
    found = run(
        connection,
        f"SELECT {', '.join(TicketRow._fields)} FROM ticket "
        f"WHERE {of.within('ticket.subject')} AND state <> 'void' AND opened_ms < ? "
        "AND (resolved_ms IS NULL OR resolved_ms > ? OR opened_ms >= ?) ORDER BY id",
        of.value,
        to_ms,
        from_ms,
        from_ms,
    )
    return [row_of(one) for one in found]


def reported(
    connection: Connection, row: RoundRow, where: str, errands: Iterable[ErrandRow]
) -> Iterator[tuple[int, EvidenceRow]]:
    """What each of these agents reported while the round ran, newest first: (agent's number, row)."""
    known: tuple[Partition, ...] = evidence.partitions(connection)
    for errand in errands:
        if errand.seq is not None and errand.seq > row.after_seq:
            for link in evidence.chain(connection, known, errand.seq, row.after_seq + 1, where):
                yield errand.agent_no, link


def rules_at(connection: Connection, at_ms: int) -> tuple[str, str] | None:
    """Hash and text of the rules in force at a time."""
    found = run(
        connection,
        "SELECT hash, body FROM rule_set WHERE valid_from_ms <= ? ORDER BY id DESC LIMIT 1",
        at_ms,
    ).first()
    return None if found is None else (str(found[0]), str(found[1]))


def site_of(connection: Connection, row: RoundRow) -> SiteFacts:
    """The site, group or device that a round is of."""
    at = row.asked_ms
    if row.kind == "site":
        found = run(
            connection,
            "SELECT site.id, site.name_zh, site.name_en, site.address, site.time_zone, COALESCE(site.engineer, ''), "
            "COALESCE(customer.name_zh, ''), COALESCE(customer.name_en, ''), COALESCE(contract.name, '') FROM site "
            f"LEFT JOIN customer ON customer.id = site.customer AND {_in_force('customer')} "
            f"LEFT JOIN contract ON contract.id = site.contract AND {_in_force('contract')} "
            f"WHERE site.id = ? AND {_in_force('site')}",
            *[at] * 4,
            row.site,
            *[at] * 2,
        ).first()
    else:
        table = "monitoring_group" if row.kind == "group" else "device"
        when = f" AND {_in_force(table)}" if row.kind == "group" else ""
        times = [at] * 2 if row.kind == "group" else []
        found = run(
            connection,
            f"SELECT id, name_zh, name_en, '', '', '', '', '', '' FROM {table} WHERE id = ?{when}",
            row.site,
            *times,
        ).first()
    return SiteFacts(row.site, row.site, row.site, "", "", "", "", "", "") if found is None else SiteFacts(*found)


def places_of(connection: Connection, row: RoundRow, of: Of) -> dict[str, PlaceFacts]:
    """The places where these devices of the round stood when it was asked, by id."""
    found = run(
        connection,
        f"SELECT id, name_zh, name_en FROM place WHERE {_in_force('place')} AND id IN "
        "(SELECT installation.place FROM round_device JOIN installation "
        f"ON installation.device = round_device.device AND {_in_force('installation')} "
        f"WHERE round_id = ? AND {of.within('round_device.device')})",
        *[row.asked_ms] * 4,
        row.id,
        of.value,
    )
    return {str(one[0]): PlaceFacts(*one) for one in found}


def _in_force(table: str) -> str:
    return f"{table}.from_ms <= ? AND ({table}.to_ms IS NULL OR {table}.to_ms > ?)"
