"""How the collector is doing: what it keeps, what waits, what was counted, and what it had to refuse, with its bytes.

What was refused was said by strangers: it is shown as text where it is text, else in hexadecimal, cut and escaped.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from roundsman_collector.api.access import System
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.store import QuarantineRow
from roundsman_collector.store.files import WARN_SHARE
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

REFUSED = 50
PUT_OFF = 50
PREVIEW_BYTES = 512
HEX_WIDTH = 16
BACKUP_MS = 7 * 86_400_000
"""A backup that is older than a week is worth a look."""
SILENT_MS = 5 * 60_000
"""No report of anybody for so long is worth a look."""

router = APIRouter()


@router.get("/health")
def health_page(request: Request, who: System) -> Response:
    """How it goes."""
    return page(request, who, "health.html", health(desk_of(request), saying_of(request)), live="list=health")


def health(desk: Desk, saying: Saying) -> dict[str, Any]:
    """What the page shows: figures, each normal or a warning, with what it means."""
    tallies, status = desk.view.tallies(), desk.view.status()
    waiting = tallies.notices.get("new", 0)
    dead = tallies.notices.get("dead", 0)
    last = tallies.last_report_ms
    backup_ms = desk.view.keeping().backup_ms
    kept = desk.view.file_usage()
    orphans = desk.view.without_engineer()
    untold = desk.view.on_duty_untold(saying.now_ms)
    figures = [
        _figure(
            saying(N_("Last report")),
            saying(N_("never")) if last is None else saying.ago(last),
            is_wrong=last is None or saying.now_ms - last > SILENT_MS,
        ),
        _figure(saying(N_("Agents")), saying.count(tallies.agents)),
        _figure(saying(N_("Devices")), saying.count(status.devices)),
        _figure(saying(N_("Open tickets")), saying.count(status.open_tickets)),
        _figure(
            saying(N_("Tickets whose clocks cannot be read")),
            saying.count(tallies.tickets_put_off),
            is_wrong=tallies.tickets_put_off > 0,
        ),
        _figure(
            saying(N_("Settling agents")),
            saying.count(tallies.settling_agents)
            + ("" if tallies.settling_since_ms is None else f" · {saying.ago(tallies.settling_since_ms)}"),
        ),
        _figure(
            saying(N_("Commands waiting")),
            saying.count(tallies.commands_waiting),
            is_wrong=tallies.commands_waiting > 0 and (last is None or saying.now_ms - last > SILENT_MS),
        ),
        _figure(saying(N_("Notices waiting")), saying.count(waiting)),
        _figure(saying(N_("Notices given up")), saying.count(dead), is_wrong=dead > 0),
        _figure(
            saying(N_("Sites without a responsible engineer")),
            saying.count(orphans.lacking),
            is_wrong=orphans.lacking > 0,
        ),
        _figure(
            saying(N_("On duty now without a way of being told")),
            ", ".join(untold) or saying.count(0),
            is_wrong=bool(untold),
        ),
        _figure(saying(N_("Inbox")), saying.count(tallies.inbox), is_wrong=tallies.inbox > 0),
        _figure(saying(N_("Database")), _size(saying, tallies.database_bytes)),
        _figure(
            saying(N_("Evidence")),
            saying.plural("%(num)s report", "%(num)s reports", tallies.evidence_rows)
            + f" · {_size(saying, tallies.evidence_bytes)}",
        ),
        _figure(
            saying(N_("Files of tickets")),
            saying.plural("%(num)s file", "%(num)s files", kept.files)
            + f" · {_size(saying, kept.bytes)} / {_size(saying, desk.file_limits.total)}",
            is_wrong=kept.bytes > WARN_SHARE * desk.file_limits.total,
        ),
        _figure(
            saying(N_("Last backup")),
            saying(N_("never")) if backup_ms is None else saying.ago(backup_ms),
            is_wrong=backup_ms is None or saying.now_ms - backup_ms > BACKUP_MS,
        ),
        _figure(
            saying(N_("Free on disk")),
            "–" if tallies.disk_free_bytes is None else _size(saying, tallies.disk_free_bytes),
            is_wrong=tallies.disk_free_bytes is not None and tallies.disk_free_bytes < 2 * tallies.database_bytes,
        ),
    ]
    return {
        "figures": figures,
        "schema": status.schema,
        "epoch": status.epoch,
        "partitions": list(reversed(status.partitions))[:40],
        "counters": tallies.counters,
        "put_off": desk.view.put_off(PUT_OFF) if tallies.tickets_put_off else [],
        "refused": [_refused(row) for row in desk.view.quarantine(REFUSED)],
        "refused_count": tallies.quarantine,
    }


def _figure(name: str, value: str, *, is_wrong: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "word": "warning" if is_wrong else "normal"}


def _size(saying: Saying, count: int) -> str:
    return saying.value({"value": count, "unit": "bytes"})


def _refused(row: QuarantineRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at_ms": row.at_ms,
        "topic": row.topic,
        "agent": row.agent,
        "cause": row.cause,
        "detail": row.detail,
        "bytes": row.byte_count,
        "preview": preview(row.raw),
        "is_cut": row.byte_count > PREVIEW_BYTES,
    }


def preview(raw: bytes) -> str:
    """The first bytes for a person's eyes: as text where they can be read as such, else in hexadecimal."""
    first = raw[:PREVIEW_BYTES]
    try:
        text = first.decode("utf-8")
    except UnicodeDecodeError:
        return _hex(first)
    return text if all(one.isprintable() or one in "\n\t" for one in text) else _hex(first)


def _hex(raw: bytes) -> str:
    lines = [raw[at : at + HEX_WIDTH] for at in range(0, len(raw), HEX_WIDTH)]
    return "\n".join(
        f"{place * HEX_WIDTH:04x}  {line.hex(' '):<{HEX_WIDTH * 3}} "
        + "".join(chr(one) if 32 <= one < 127 else "·" for one in line)
        for place, line in enumerate(lines)
    )
