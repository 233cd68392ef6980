"""From an evidence row back to the samples in it.

A row of kind `runs` is unfolded to the same samples: numbers and times are those of each, the readings are those of the
first of its run, on which no rule then in force saw a difference (runs.py). Whoever shows them says so: `as_of_ms`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import from_json

from roundsman_collector.store.evidence import RECORDS, RUNS, EvidenceRow
from roundsman_collector.store.runs import Runs, unpacked
from roundsman_wire.codec import rows
from roundsman_wire.report import Sample


class SampleRow(NamedTuple):
    """A sample as the agent recorded it, and the evidence row it stands in. `t` is the agent's clock.

    `as_of_ms`: of a sample of which only the time was kept, the `t` of the one whose readings these are.
    """

    seq: int
    agent_no: int
    stream: str
    received_ms: int
    sample: Sample
    as_of_ms: int | None = None


def records_in(row: EvidenceRow) -> list[Any]:
    """The records that were taken from this row, by number; none of a birth or a lost stream."""
    return told_in(row)[1] if row.kind in RECORDS else []


def told_in(row: EvidenceRow) -> tuple[str, list[Any]]:
    """The birth that a report names, and the records that were taken from it, by number."""
    if row.kind == RUNS:
        kept = unpacked(row.body)
        return kept.birth, sorted([record for record, _ in _unfolded(kept)], key=_number)
    report = from_json(row.body)
    records: list[Any] = list(rows(report))
    if row.taken is not None:
        records = [one for one in records if any(first <= one["n"] <= last for first, last in row.taken)]
    return report["birth"], records


def samples_in(row: EvidenceRow, device: str, from_ms: int, to_ms: int) -> list[SampleRow]:
    """A device's samples of this row whose `t` lies in [from, to), the newest first."""
    if row.kind == RUNS:
        kept = unpacked(row.body)
        mine = [run for run in kept.runs if run.first["device"] == device]
        told = sorted(_unfolded(kept._replace(runs=mine)), key=lambda one: _number(one[0]))
    else:
        told = [(record, None) for record in records_in(row)]
    return [
        SampleRow(row.seq, row.agent_no, row.stream, row.received_ms, record, as_of_ms)
        for record, as_of_ms in reversed(told)
        if record["kind"] == "sample" and record["device"] == device and from_ms <= record["t"] < to_ms
    ]


def record_in(row: EvidenceRow, n: int) -> tuple[Any, int | None] | None:
    """The record with this number and, of a sample of which only the time was kept, the time of its readings."""
    if row.kind == RUNS:
        return next((one for one in _unfolded(unpacked(row.body)) if one[0]["n"] == n), None)
    return next(((record, None) for record in records_in(row) if record["n"] == n), None)


def _unfolded(kept: Runs) -> Iterator[tuple[Any, int | None]]:
    for record in kept.records:
        yield record, None
    for run in kept.runs:
        for sample in run.samples():
            yield sample, None if sample is run.first else run.first["t"]


def _number(record: Any) -> int:
    number: int = record["n"]
    return number
