"""What an agent said lately, for a batch that hears some of it again.

    recent = Recent(store)                                    one for each batch
    recent.record(agent_no, head_seq, stream, n)              the record as it is stored, if a newest row holds it

Agents send again what they have no acknowledgement for, by the hundred after an outage. So each agent's rows are read
once a batch, few at first (mostly the last ones come again), and a row is taken apart once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json

from roundsman_collector.engine.unit import Newest
from roundsman_collector.store.door import Store
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import RUNS, EvidenceRow
from roundsman_collector.store.samples import records_in
from roundsman_wire.codec import rows

STEPS = (8, 200)
"""How many of an agent's newest rows are looked through: first, and at most."""


class Recent:
    """The newest stored records of agents, as far as they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[tuple[int, int], list[EvidenceRow]] = {}
        """By agent and number of rows asked for."""
        self._records: dict[int, dict[int, Mapping[str, Any]]] = {}
        """By row and number."""

    def record(self, agent_no: int, head_seq: int, stream: str, n: int) -> Mapping[str, Any] | None:
        """The record `n` of a stream; None if it is none of the newest, or where they are damaged."""
        looked = 0
        for count in STEPS:
            for row in self._newest(agent_no, head_seq, count)[looked:]:
                # Of what is condensed nobody knows any more what it said.
                if row.kind != RUNS and row.stream == stream and row.first_n <= n <= row.last_n:
                    found = self._taken_apart(row).get(n)
                    if found is not None:
                        return found
            looked = count
        return None

    def _newest(self, agent_no: int, head_seq: int, count: int) -> list[EvidenceRow]:
        known = self._rows.get((agent_no, count))
        if known is None:
            known = self._rows[agent_no, count] = self._read(agent_no, head_seq, count)
        return known

    def _read(self, agent_no: int, head_seq: int, count: int) -> list[EvidenceRow]:
        try:
            return self._store.newest_of(agent_no, head_seq, count)
        except StoreError as error:
            if error.cause != "damaged":
                raise
            return []

    def _taken_apart(self, row: EvidenceRow) -> Mapping[int, Mapping[str, Any]]:
        known = self._records.get(row.seq)
        if known is None:
            known = self._records[row.seq] = {record["n"]: record for record in records_in(row)}
        return known


def newest_readings(store: Store, newest: Iterable[Newest]) -> Mapping[tuple[int, int], Mapping[str, Any]]:
    """The readings that `newest` points to, by row and number; without those whose row has gone or is damaged."""
    wanted: dict[int, set[int]] = {}
    for one in newest:
        wanted.setdefault(one.seq, set()).add(one.n)
    found = {}
    for seq, body in store.bodies(wanted).items():
        for record in rows(from_json(body)):
            if record["kind"] == "sample" and record["n"] in wanted[seq]:
                found[seq, record["n"]] = record["readings"]
    return found
