"""The audit log: who did what to what, from where, and what it was before and after; the newest first.

/audit?who=li.na&subject=ticket:2026-000007&before=812
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from roundsman_collector.api.access import System
from roundsman_collector.api.desk import desk_of
from roundsman_collector.store.audit import AuditRow
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying

PAGE = 100
TEXT = 200
LINKS = {
    "device": "/devices/",
    "ticket": "/tickets/",
    "overlay": "/overlays/",
    "person": "/people/",
    "agent": "/agents/",
}

router = APIRouter()


@router.get("/audit")
def audit_page(
    request: Request,
    who: System,
    person: Annotated[str, Query(alias="who", max_length=120)] = "",
    subject: Annotated[str, Query(max_length=160)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The log."""
    saying = saying_of(request)
    rows = desk_of(request).view.audit(
        before_id=before, limit=PAGE + 1, who=person.strip() or None, subject=subject.strip() or None
    )
    shown = {
        "rows": [_told(saying, row) for row in rows[:PAGE]],
        "person": person,
        "subject": subject,
        "before": before,
        "next_before": rows[PAGE - 1].id if len(rows) > PAGE else None,
    }
    return page(request, who, "audit.html", shown)


def _told(saying: Saying, row: AuditRow) -> dict[str, Any]:
    kind, _, name = row.subject.partition(":")
    return {
        "id": row.id,
        "at_ms": row.at_ms,
        "who": row.who,
        "address": row.address,
        "verb": row.verb,
        "subject": row.subject,
        "link": f"{LINKS[kind]}{name}" if kind in LINKS and name else "",
        "changes": changes(saying, row.before, row.after),
    }


def changes(
    saying: Saying, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str | None, str | None]]:
    """What differs: name, before, after; None: it was not there, is not any more, or was said to be nothing."""
    old, new = before or {}, after or {}
    told = ((name, _text(saying, old, name), _text(saying, new, name)) for name in dict.fromkeys([*old, *new]))
    return [one for one in told if one[1] != one[2]]


def _text(saying: Saying, fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if name.endswith("_ms") and isinstance(value, int):
        return saying.at(value)
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:TEXT]
