"""The page of one ticket: what is wrong, what to do about it, what happened, and the records it stands on."""

from typing import Any

from roundsman_collector.api import telling
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.tickets import full, ticket_or_404
from roundsman_collector.store.tickets import ALLOWED
from roundsman_collector.web.fleet import component_name, name_of, ticket_row
from roundsman_collector.web.saying import Saying

READINGS = 12
"""So many readings of a record are shown, those of the ticket's part first."""
BUTTONS = ("acknowledge", "resolve", "note")


def ticket(desk: Desk, saying: Saying, number: str) -> dict[str, Any]:
    """What the page of a ticket shows."""
    row, log = ticket_or_404(desk, number)
    told = full(desk, row, log)
    subject = None if row.subject.startswith("@") else desk.view.device(row.subject)
    advice = desk.advice.get(row.code)
    is_over = row.fault_to_ms is not None
    return {
        **ticket_row(desk, saying, row),
        "told": told,
        "row": row,
        "name": "" if subject is None else name_of(subject, saying),
        "part": component_name(saying, row.component),
        "is_over": is_over,
        "events": told["events"],
        "evidence": [_record(saying, one, row.component) for one in told["evidence"]],
        "causes": [] if advice is None else [one.of(saying.language) for one in advice.causes],
        "remedy": advice.remedy.of(saying.language) if advice is not None and advice.remedy is not None else "",
        "buttons": [verb for verb in BUTTONS if row.state in ALLOWED[verb]],
    }


def _record(saying: Saying, one: dict[str, Any], component: str) -> dict[str, Any]:
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
