"""Single rows of evidence, by their seq: for who has been through a chain and knows what it wants of it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby

from sqlalchemy import Connection

from roundsman_collector.store.evidence import COLUMNS, EvidenceRow, Partition, taken_from
from roundsman_collector.store.sql import chunks, look, marks


def rows(connection: Connection, known: Sequence[Partition], seqs: Iterable[int]) -> list[EvidenceRow]:
    """The rows with these seqs in their order, as far as they are still there."""
    found: list[EvidenceRow] = []
    for place, part in groupby(sorted(seqs), key=lambda seq: bisect_right(known, seq, key=lambda one: one.first_seq)):
        if place:
            table = known[place - 1].table_name
            for few in chunks(part):
                asked = f"SELECT {COLUMNS} FROM {table} WHERE seq IN ({marks(len(few))}) ORDER BY seq"
                found.extend(_row(EvidenceRow(*values)) for values in look(connection, asked, *few))
    return found


def _row(row: EvidenceRow) -> EvidenceRow:
    return row if row.taken is None else row._replace(taken=taken_from(str(row.taken)))
