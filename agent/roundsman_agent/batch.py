"""Records -> payloads: folded into columns where that is shorter, split where a message would be too large. Pure.

payloads(records, envelope=..., compress=False) -> (payloads, too_large)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from roundsman_wire.codec import columns, encode, foldable, pack
from roundsman_wire.report import MESSAGE_LIMIT, PLAIN_LIMIT, RECORDS_LIMIT, Record, Sample
from roundsman_wire.turned import turned

LIMIT: Final = MESSAGE_LIMIT - 1024
"""A payload's bytes: the rest of the message limit is for the topic and MQTT's own header, which brokers count."""


def report(records: Sequence[Record], envelope: Mapping[str, Any], *, by_point: bool = False) -> dict[str, Any]:
    """One report: runs of two or more samples that fold become columns, all else rows. By point it is for deflate."""
    rows: list[Record] = []
    folded: list[Any] = []
    for run in _runs(records):
        if len(run) >= 2:
            block = columns([cast(Sample, record) for record in run])
            folded.append(turned(block) if by_point else block)
        else:
            rows.extend(run)
    body = dict(envelope)
    if rows:
        body["records"] = rows
    if folded:
        body["columns"] = folded
    return body


def payloads(
    records: Sequence[Record],
    *,
    envelope: Mapping[str, Any],
    compress: bool = False,
    dictionary: bytes | None = None,
    limit: int = LIMIT,
) -> tuple[list[tuple[list[Record], bytes]], list[Record]]:
    """Payloads of at most `limit` bytes with the records in each, and the records that fit no message at all.

    A single record that is too large as it is goes deflated, whatever `compress` says. `dictionary` is that of the
    birth which the envelope names.
    """
    if not records:
        return [], []
    if len(records) <= RECORDS_LIMIT:
        plain = encode(report(records, envelope, by_point=compress))
        deflate = compress or (len(records) == 1 and len(plain) > limit)
        payload = pack(plain, dictionary, envelope["birth"]) if deflate else plain
        if len(payload) <= limit and len(plain) <= PLAIN_LIMIT:
            return [(list(records), payload)], []
        if len(records) == 1:
            return [], list(records)
    middle = len(records) // 2
    halves = (records[:middle], records[middle:])
    (first, first_large), (second, second_large) = (
        payloads(half, envelope=envelope, compress=compress, dictionary=dictionary, limit=limit) for half in halves
    )
    return first + second, first_large + second_large


def _runs(records: Sequence[Record]) -> list[list[Record]]:
    """Records by number, cut wherever the next one does not fold onto the one before."""
    runs: list[list[Record]] = []
    for record in records:
        if runs and foldable(runs[-1][-1], record):
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs
