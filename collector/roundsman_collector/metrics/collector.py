"""How the collector does: tickets, what comes in, the outbox, the database, as store.tallies counts them.

told(tallies, version="0.1.0") -> Samples
"""

import re
from collections import Counter
from collections.abc import Iterable

from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.metrics.names import ALONE, Labels, Samples
from roundsman_collector.store.notices import STATES as NOTICE_STATES
from roundsman_collector.store.quarantine import CounterRow
from roundsman_collector.store.tallies import Tallies

SEVERITIES = ("urgent", "major", "minor")
CAUSE_LIMIT = 50
CAUSE = re.compile(r"[a-z0-9_]{1,40}")
OTHER = "_other"
COUNTERS = {"refused": "roundsman_refused_total", "duplicate": "roundsman_duplicates_total"}
"""Which of the store's counters are told, and as what."""


def told(tallies: Tallies, version: str) -> Samples:
    """The samples; what is None has none. Of what is counted by a word of ours, all words are told: none is 0."""
    of_none = {(severity, state): 0 for severity in SEVERITIES for state in LIVE}
    alone: dict[str, float | None] = {
        "roundsman_notices_waiting_since_timestamp_seconds": _seconds(tallies.notices_waiting_since_ms),
        "roundsman_agents": tallies.agents,
        "roundsman_reports_total": tallies.last_seq,
        "roundsman_last_report_timestamp_seconds": _seconds(tallies.last_report_ms),
        "roundsman_settling_agents": tallies.settling_agents,
        "roundsman_settling_since_timestamp_seconds": _seconds(tallies.settling_since_ms),
        "roundsman_commands_waiting": tallies.commands_waiting,
        "roundsman_tickets_put_off": tallies.tickets_put_off,
        "roundsman_inbox_entries": tallies.inbox,
        "roundsman_quarantine_entries": tallies.quarantine,
        "roundsman_evidence_rows": tallies.evidence_rows,
        "roundsman_evidence_bytes": tallies.evidence_bytes,
        "roundsman_database_bytes": tallies.database_bytes,
        "roundsman_disk_free_bytes": tallies.disk_free_bytes,
    }
    return {
        "roundsman_tickets_open": [*(of_none | dict(tallies.tickets)).items()],
        "roundsman_notices": [
            ((state,), count)
            for state, count in (dict.fromkeys(map(str, NOTICE_STATES), 0) | dict(tallies.notices)).items()
        ],
        "roundsman_build_info": [((version, tallies.schema), 1)],
        **{name: [(ALONE, value)] for name, value in alone.items() if value is not None},
        **{metric: by_cause(tallies.counters, name) for name, metric in COUNTERS.items()},
    }


def by_cause(rows: Iterable[CounterRow], name: str) -> list[tuple[Labels, float]]:
    """One counter by cause; causes beyond CAUSE_LIMIT, and what is no word of ours, count as OTHER."""
    counts: Counter[str] = Counter()
    for row in sorted((row for row in rows if row.name == name), key=lambda row: row.cause):
        is_told = CAUSE.fullmatch(row.cause) is not None and len(counts) < CAUSE_LIMIT
        counts[row.cause if is_told else OTHER] += row.count
    return [((cause,), count) for cause, count in counts.items()]


def _seconds(at_ms: int | None) -> float | None:
    return None if at_ms is None else at_ms / 1000
