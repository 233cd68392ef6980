"""Which rows of a long report stand on paper: the first ones of each part, some 500 in all. Pure.

    cut(document) -> Document      details shortened, each with `whole`: how many rows there are

Parts that are no details are never shortened. Short details stay whole; what is left is shared by the long ones, and
each of them shows `LEAST` rows at least, so that nobody takes it for empty. The workbook has every row.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from roundsman_collector.reports.document import Document, Part, Strips, Table

LIMIT = 500
LEAST = 3


def cut(document: Document, limit: int = LIMIT) -> Document:
    """The document with at most `limit` rows in its details, or `LEAST` in each where they are very many."""
    room = shared([len(part.rows) if _is_detail(part) else 0 for part in document.parts], limit)
    parts = tuple(_cut(part, rows) for part, rows in zip(document.parts, room, strict=True))
    return replace(document, parts=parts)


def _is_detail(part: Part) -> TypeGuard[Table | Strips]:
    return isinstance(part, Table | Strips) and part.is_detail


def shared(lengths: Sequence[int], limit: int) -> list[int]:
    """How many rows each may show: the short ones all of theirs, the long ones the same of what is left."""
    room = list(lengths)
    left, waiting = limit, sorted(range(len(lengths)), key=lambda place: lengths[place])
    while waiting:
        place = waiting.pop(0)
        room[place] = min(lengths[place], max(LEAST, left // (len(waiting) + 1)))
        left = max(0, left - room[place])
    return room


def _cut(part: Part, room: int) -> Part:
    match part:
        case Table(is_detail=True, rows=rows) if len(rows) > room:
            return replace(part, rows=rows[:room], whole=len(rows))
        case Strips(is_detail=True, rows=strips) if len(strips) > room:
            return replace(part, rows=strips[:room], whole=len(strips))
        case _:
            return part
