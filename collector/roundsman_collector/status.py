"""`roundsman status`: how the collector is doing, read from its database.

lines(view, limits, now_ms) -> what is to be printed        shown(view, limits, now_ms) -> the same as data, for --json
"""

from collections.abc import Sequence
from typing import Any

from roundsman_collector.config import Keeping
from roundsman_collector.engine.pruning import reach_days
from roundsman_collector.store import CounterRow, Partition, View

REFUSED = "refused"
EXAMPLE_LIMIT = 100
INBOX_LIMIT = 5
PAGE = 1000


def shown(view: View, limits: Keeping, now_ms: int) -> dict[str, Any]:
    """Figures and counters. `*_ago_s` are seconds before now; None: never."""
    status, kept = view.status(), view.keeping()
    return {
        "epoch": status.epoch,
        "schema": status.schema,
        "agents": status.agents,
        "devices": status.devices,
        "open_tickets": status.open_tickets,
        "evidence_rows": status.evidence_rows,
        "evidence_bytes": status.evidence_bytes,
        "evidence_days": limits.evidence_days,
        "evidence_budget_bytes": limits.evidence_bytes,
        "budget_holds_days": reach_days(kept.partitions, limits.evidence_bytes),
        "spare_bytes": kept.spare_bytes,
        "last_backup_ago_s": _ago(kept.backup_ms, now_ms),
        "restored_ago_s": _ago(kept.restored_ms, now_ms),
        "database_bytes": status.database_bytes,
        "last_seq": status.last_seq,
        "settling_agents": status.dirty_units,
        "settling_since_ago_s": _ago(status.dirty_since_ms, now_ms),
        "commands_waiting": status.new_commands,
        "last_report_ago_s": _ago(_last_report(view), now_ms),
        "counters": [
            {
                "name": one.name,
                "cause": one.cause,
                "count": one.count,
                "last_ago_s": _ago(one.last_ms, now_ms),
                "example": one.example,
            }
            for one in view.counters()
        ],
        "inbox": [{"agent": one.agent, "device": one.device, "count": one.count} for one in view.inbox(INBOX_LIMIT)],
    }


def lines(view: View, limits: Keeping, now_ms: int) -> list[str]:
    """The same for people."""
    status, kept = view.status(), view.keeping()
    refused = [one for one in view.counters() if one.name == REFUSED]
    others = [one for one in view.counters() if one.name != REFUSED]
    settling = f"{status.dirty_units} agents"
    if status.dirty_since_ms is not None:
        settling += f", the oldest since {_span(now_ms - status.dirty_since_ms)}"
    told = [
        f"{'database':<16}schema {status.schema}, {status.database_bytes / 1024**2:.1f} MB, epoch {status.epoch}",
        f"{'register':<16}{status.agents} agents, {status.devices} devices",
        f"{'tickets':<16}{status.open_tickets} open",
        f"{'evidence':<16}{status.evidence_rows} reports, {status.evidence_bytes / 1024**2:.1f} MB in "
        f"{len(status.partitions)} days; last {_when(_last_report(view), now_ms)}",
        f"{'keeping':<16}{_keeping(limits, kept.partitions)}",
        f"{'last backup':<16}{_when(kept.backup_ms, now_ms)}",
        *([f"{'restored':<16}{_when(kept.restored_ms, now_ms)}"] if kept.restored_ms is not None else []),
        f"{'settling':<16}{settling}",
        f"{'commands':<16}{status.new_commands} waiting",
        f"{'refused':<16}{sum(one.count for one in refused)} in all",
        *(_line(one, now_ms) for one in refused),
    ]
    if others:
        told += ["counted", *(_line(one, now_ms) for one in others)]
    knocking = view.inbox(INBOX_LIMIT)
    if knocking:
        told.append("unknown, asking to be let in (roundsman agent add)")
        told += [f"  {one.agent} {one.device}".rstrip() + f"  {one.count} times" for one in knocking]
    return told


def _keeping(limits: Keeping, known: Sequence[Partition]) -> str:
    said = f"{limits.evidence_days} days within {limits.evidence_bytes / 1e9:.1f} GB"
    reach = reach_days(known, limits.evidence_bytes)
    return f"{said}; no day is over yet" if reach is None else f"{said}; the last days fill that in {reach:.0f} days"


def _line(one: CounterRow, now_ms: int) -> str:
    name = one.cause if one.name == REFUSED else f"{one.name} {one.cause}".strip()
    example = f"  {one.example[:EXAMPLE_LIMIT]}" if one.example else ""
    return f"  {name:<22}{one.count:>8}  last {_when(one.last_ms, now_ms)}{example}"


def _last_report(view: View) -> int | None:
    """When the newest report of any device came."""
    newest: int | None = None
    page = view.devices(limit=PAGE)
    while page:
        received = [one.received_ms for one in page if one.received_ms is not None]
        newest = max([*received, newest] if newest is not None else received, default=None)
        page = view.devices(after=page[-1].id, limit=PAGE)
    return newest


def _ago(at_ms: int | None, now_ms: int) -> float | None:
    return None if at_ms is None else (now_ms - at_ms) / 1000


def _when(at_ms: int | None, now_ms: int) -> str:
    return "never" if at_ms is None else f"{_span(now_ms - at_ms)} ago"


def _span(milliseconds: int) -> str:
    seconds = max(0, milliseconds) // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
