"""From an evidence row back to the samples in it."""

import json
from typing import Any, NamedTuple

from roundsman_collector.store.evidence import EvidenceRow
from roundsman_wire.codec import rows
from roundsman_wire.report import Sample


class SampleRow(NamedTuple):
    """A sample as the agent recorded it, and the evidence row it stands in. `t` is the agent's clock."""

    seq: int
    agent_no: int
    stream: str
    received_ms: int
    sample: Sample


def records_in(row: EvidenceRow) -> list[Any]:
    """The records that were taken from this row, by number; none of a birth or a lost stream."""
    return told_in(row)[1] if row.kind in ("report", "history") else []


def told_in(row: EvidenceRow) -> tuple[str, list[Any]]:
    """The birth that a report names, and the records that were taken from it, by number."""
    report = json.loads(row.body)
    records: list[Any] = list(rows(report))
    if row.taken is not None:
        records = [one for one in records if any(first <= one["n"] <= last for first, last in row.taken)]
    return report["birth"], records


def samples_in(row: EvidenceRow, device: str, from_ms: int, to_ms: int) -> list[SampleRow]:
    """A device's samples of this row whose `t` lies in [from, to), the newest first."""
    return [
        SampleRow(row.seq, row.agent_no, row.stream, row.received_ms, record)
        for record in reversed(records_in(row))
        if record["kind"] == "sample" and record["device"] == device and from_ms <= record["t"] < to_ms
    ]
