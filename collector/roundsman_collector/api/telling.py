"""From rows of the database to what the API says: one function per noun, shared by its addresses and by our pages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.standing import CHINESE, Standing
from roundsman_collector.core.model import Ref
from roundsman_collector.store import ConditionRow, DeviceView, Interval, SampleRow, TicketEvent, TicketRow
from roundsman_collector.store.children import ChildCount
from roundsman_collector.store.present import Run
from roundsman_wire.catalogue import find, label, word_label

ROOT = "/api/v1"


def device(desk: Desk, one: DeviceView, stands: Standing) -> dict[str, Any]:
    """A device as it stands, without its readings."""
    return {
        "id": one.id,
        "kind": one.kind,
        "model": one.model,
        "name_zh": one.name_zh,
        "name_en": one.name_en,
        "agent": one.agent,
        "group": one.group,
        "state": stands.word,
        "state_zh": CHINESE[stands.word],
        "why": stands.why,
        "ledger": None
        if one.state is None
        else {"state": one.state, "cause": one.cause, "fault": one.fault, **stamped("since", one.since_ms)},
        "conditions": [condition(desk, held) for held in one.conditions],
        "runs": [run(desk, row) for row in one.runs],
        **stamped("last_t", one.last_t_ms),
        **stamped("covered_to", one.covered_to_ms),
        **stamped("received", one.received_ms),
        "settling": one.settling,
        "links": device_links(one.id),
    }


def device_links(device_id: str) -> dict[str, str]:
    """Where more about a device is to be found."""
    name = quote(device_id, safe="")
    at = f"{ROOT}/devices/{name}"
    return {
        "self": at,
        "readings": f"{at}/readings",
        "intervals": f"{at}/intervals",
        "conditions": f"{at}/conditions",
        "availability": f"{at}/availability",
        "tickets": f"{ROOT}/tickets?device={name}",
        "trends": f"{at}/trends",
        "page": f"/devices/{name}",
    }


def device_with_readings(desk: Desk, one: DeviceView, stands: Standing) -> dict[str, Any]:
    """A device with its newest readings."""
    values = None if one.readings is None else [reading(name, value) for name, value in one.readings.items()]
    return {**device(desk, one, stands), **stamped("readings_t", one.readings_t_ms), "readings": values}


def reading(name: str, value: Any) -> dict[str, Any]:
    """A value with what the catalogue says of its point."""
    point = find(name)
    is_word = isinstance(value, str)
    return {
        "name": name,
        "value": value,
        "unit": "" if point is None else point.unit,
        "name_zh": label(name, "zh"),
        "name_en": label(name, "en"),
        "word_zh": word_label(name, value, "zh") if is_word else None,
        "word_en": word_label(name, value, "en") if is_word else None,
    }


def ref(one: Ref) -> dict[str, Any]:
    """Where a record stands."""
    return {"stream": one.stream, "n": one.n, **stamped("t", one.t)}


def run(desk: Desk, row: Run) -> dict[str, Any]:
    """What is not decided yet of a component."""
    return {
        "component": row.component,
        "code": row.code,
        "name_zh": desk.fault_name(row.code, "zh"),
        "name_en": desk.fault_name(row.code, "en"),
        "phase": "recovering" if row.recovering else "suspect",
        **stamped("since", row.since_ms),
    }


def condition(desk: Desk, row: ConditionRow) -> dict[str, Any]:
    """A condition."""
    return {
        "subject": row.subject,
        "component": row.component,
        "code": row.code,
        "name_zh": desk.fault_name(row.code, "zh"),
        "name_en": desk.fault_name(row.code, "en"),
        **stamped("from", row.event_from_ms),
        **stamped("to", row.event_to_ms),
        **stamped("known_from", row.known_from_ms),
        **stamped("known_to", row.known_to_ms),
        "cause": row.cause,
        "effect": row.effect,
        "function": row.function,
        "flapping": row.flapping,
        **stamped("since", row.since_ms),
        "first": ref(row.first),
        "confirmed": ref(row.confirmed),
    }


def interval(row: Interval) -> dict[str, Any]:
    """A stretch of the ledger."""
    return {
        "state": row.state,
        "cause": row.cause,
        "fault": row.fault,
        **stamped("from", row.event_from_ms),
        **stamped("to", row.event_to_ms),
        **stamped("known_from", row.known_from_ms),
        **stamped("known_to", row.known_to_ms),
    }


def sample(row: SampleRow) -> dict[str, Any]:
    """A sample as the agent recorded it; `readings_of`: only its time was kept, these are the readings of another."""
    record = row.sample
    return {
        "stream": row.stream,
        "n": record["n"],
        **stamped("t", record["t"]),
        "clock": "ntp" if record.get("ntp", True) else "unsynchronised",
        "boot": record["boot"],
        "mono_ms": record["mono"],
        "valid_s": record["valid_s"],
        **stamped("received", row.received_ms),
        "seq": row.seq,
        "readings": record["readings"],
        **(stamped("readings_of", row.as_of_ms) if row.as_of_ms is not None else {}),
        "failed": {name: list(told) for name, told in record.get("failed", {}).items()},
    }


def ticket(
    desk: Desk, row: TicketRow, agents: dict[int, str], explained: Mapping[int, ChildCount] = MappingProxyType({})
) -> dict[str, Any]:
    """A ticket as it stands; `explained`: how many faults of others tickets explain."""
    at = f"{ROOT}/tickets/{row.number}"
    links = {"self": at, "page": f"/tickets/{row.number}"}
    if row.subject[0] not in "@#":
        links["device"] = f"{ROOT}/devices/{quote(row.subject, safe='')}"
    return {
        "id": row.id,
        "number": row.number,
        "subject": row.subject,
        "agent": None if row.agent_no is None else agents.get(row.agent_no),
        "component": row.component,
        "code": row.code,
        "name_zh": desk.fault_name(row.code, "zh"),
        "name_en": desk.fault_name(row.code, "en"),
        "severity": row.severity,
        "service_class": row.service_class,
        "state": row.state,
        **stamped("fault_from", row.fault_from_ms),
        **stamped("fault_to", row.fault_to_ms),
        **stamped("opened", row.opened_ms),
        "opened_late": row.opened_late,
        **stamped("acknowledged", row.acknowledged_ms),
        "acknowledged_by": row.acknowledged_by,
        **stamped("resolved", row.resolved_ms),
        "outcome": row.outcome,
        "source": row.source,
        "site": row.site,
        "contract": row.contract,
        "zone": row.zone,
        "engineer": row.engineer,
        "waiting": row.waiting,
        **stamped("arrival", row.arrival_ms),
        "child_count": explained[row.id].now if row.id in explained else 0,
        "links": links,
    }


def ticket_event(one: TicketEvent) -> dict[str, Any]:
    """A line of a ticket's log."""
    return {
        "id": one.id,
        **stamped("at", one.at_ms),
        "who": one.who,
        "verb": one.verb,
        "text": one.text,
        "data": one.data,
    }
