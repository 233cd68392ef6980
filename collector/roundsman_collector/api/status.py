"""/status and /health: how the collector's database is doing, and whether it can be read at all."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request

from roundsman_collector.api.access import System
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.shapes import HealthShape, StatusShape

REFUSED_SHOWN = 20
PUT_OFF_SHOWN = 20

router = APIRouter(tags=["status"])
open_router = APIRouter(tags=["status"])
"""Without a token: for whoever watches the watcher."""


@open_router.get("/health", response_model=HealthShape, summary="Whether the database can be read; needs no token")
def health(request: Request) -> dict[str, Any]:
    """200 while this process can read its database, 503 otherwise. Says nothing about devices."""
    desk_of(request).view.command(0)
    return {"status": "ok", "version": version("roundsman-collector")}


@router.get("/status", response_model=StatusShape, summary="How the collector's database is doing")
def status(request: Request, who: System) -> dict[str, Any]:
    """Figures, counters by cause, and what was refused lately. Counts rows: in a large database a matter of seconds."""
    desk = desk_of(request)
    found = desk.view.status()
    return {
        **stamped("now", desk.now_ms()),
        "epoch": found.epoch,
        "schema": found.schema,
        "agents": found.agents,
        "devices": found.devices,
        "open_tickets": found.open_tickets,
        "intervals": found.intervals,
        "evidence_rows": found.evidence_rows,
        "evidence_bytes": found.evidence_bytes,
        "database_bytes": found.database_bytes,
        "file_bytes": desk.view.file_usage().bytes,
        "file_bytes_limit": desk.file_limits.total,
        "last_seq": found.last_seq,
        "pruned_to_seq": found.pruned_to_seq,
        "dirty_units": found.dirty_units,
        **stamped("dirty_since", found.dirty_since_ms),
        "new_commands": found.new_commands,
        "tickets_put_off": [
            {
                "ticket": one.number,
                **stamped("since", one.since_ms),
                "tries": one.tries,
                "error": one.error,
                **stamped("again", one.again_ms),
            }
            for one in desk.view.put_off(PUT_OFF_SHOWN)
        ],
        "partitions": [{"day": one.day, "rows": one.row_count, "bytes": one.byte_count} for one in found.partitions],
        "counters": [
            {
                "name": one.name,
                "cause": one.cause,
                "count": one.count,
                **stamped("last", one.last_ms),
                "example": one.example,
            }
            for one in desk.view.counters()
        ],
        "quarantine": [
            {
                "id": one.id,
                **stamped("at", one.at_ms),
                "topic": one.topic,
                "agent": one.agent,
                "cause": one.cause,
                "detail": one.detail,
                "byte_count": one.byte_count,
            }
            for one in desk.view.quarantine(REFUSED_SHOWN)
        ],
    }
