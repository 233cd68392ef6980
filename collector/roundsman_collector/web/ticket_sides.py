"""What stands beside a ticket's course: the tickets before it, what it explains, the records that it stands on."""

from typing import Any

from roundsman_collector.api import telling
from roundsman_collector.core.lifecycle import LIVE, OVER
from roundsman_collector.reports.dossier import last, said
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.ticket_found import Found

READINGS = 12
"""So many readings of a record are shown, those of the ticket's part first."""
BEFORE = 5
"""So many earlier tickets of the same fault are shown."""
UNSOLVED = (*LIVE, "transferred")
"""How an earlier ticket stands that did not solve the fault."""


def before(found: Found) -> dict[str, Any]:
    """The tickets of the same fault before this one, and what they make of it: first time, came back, not solved."""
    rows = found.desk.view.tickets_before(found.row, limit=BEFORE)
    rows = [one for one in rows if one.state not in ("void", "merged")]
    kind = "first" if not rows else "unsolved" if rows[0].state in UNSOLVED else "again"
    return {
        "before_kind": kind,
        "before": [
            {
                "number": one.number,
                "opened_ms": one.opened_ms,
                "state": one.state,
                "outcome": found.saying.word("outcome", one.outcome) if one.outcome else "",
                "is_over": one.state in OVER,
            }
            for one in rows
        ],
    }


def child(one: dict[str, Any], saying: Saying) -> dict[str, Any]:
    """A fault that the ticket's cause explains."""
    is_agent = one["subject"].startswith("@")
    return {**one, "device": None if is_agent else one["subject"], "fault": one[f"name_{saying.language}"]}


def record(saying: Saying, one: dict[str, Any], component: str) -> dict[str, Any]:
    """A record with its readings as people read them."""
    record = one["record"]
    if record is None:
        return {**one, "readings": [], "failed": []}
    mine = sorted(record["readings"], key=lambda name: not name.startswith(component))
    told = [telling.reading(name, record["readings"][name]) for name in mine[:READINGS]]
    return {
        **one,
        "readings": [{"label": each[f"name_{saying.language}"], "value": saying.value(each)} for each in told],
        "failed": [f"{name}: {': '.join(words)}" for name, words in record["failed"].items()],
    }


def service(found: Found) -> str:
    """Which kind of service the customer gets, as the plan says."""
    named = said(last(found.dossier, "plan"), "service")
    return found.saying.word("service", named) if named else ""
