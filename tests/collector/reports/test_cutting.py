"""How long details are shortened for paper."""

from dataclasses import replace

import pytest

from roundsman_collector.reports.cutting import LEAST, cut, shared
from roundsman_collector.reports.document import Document, Strips, Table
from tests.collector.reports import everything


def details(document: Document) -> list[tuple[int, int | None]]:
    return [
        (len(part.rows), part.whole) for part in document.parts if isinstance(part, Table | Strips) and part.is_detail
    ]


def test_what_is_short_stays_as_it_is() -> None:
    short = everything.report()

    assert cut(short) == short


def test_a_long_table_shows_its_first_rows_and_says_how_many_there_are() -> None:
    long = everything.report(details=3120, strips=40)

    assert details(cut(long)) == [(40, None), (460, 3120)]
    assert cut(long).parts[0] == long.parts[0]


def test_what_is_no_detail_is_never_cut() -> None:
    long = everything.report(details=3120)
    whole = replace(
        long, parts=tuple(replace(part, is_detail=False) if isinstance(part, Table) else part for part in long.parts)
    )

    assert cut(whole) == whole


@pytest.mark.parametrize(
    ("lengths", "limit", "expected"),
    [
        ([], 500, []),
        ([10, 20], 500, [10, 20]),
        ([1000, 10, 1000], 500, [245, 10, 245]),
        ([5, 1000], 0, [LEAST, LEAST]),
        ([0, 600], 500, [0, 500]),
    ],
)
def test_the_short_ones_stay_whole_and_the_long_ones_share_what_is_left(
    lengths: list[int], limit: int, expected: list[int]
) -> None:
    assert shared(lengths, limit) == expected
