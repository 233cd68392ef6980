"""Widths of columns: all of the page, room for words, and long remarks take no more than is left."""

import pytest

from roundsman_collector.web.columns import widths

TIME = "2026-10-01 00:00"


@pytest.mark.parametrize(
    ("heads", "rows"),
    [
        (["a"], []),
        (["a", "b", "c"], [["", "", ""]]),
        (["设备", "次数"], [["一号线售票机 0001", "3"]] * 400),
        ([f"column {place}" for place in range(30)], [["x" * 200] * 30]),
        (["a", "b"], [["only one"]]),
    ],
)
def test_columns_are_the_whole_page_and_none_is_lost(heads: list[str], rows: list[list[str]]) -> None:
    found = widths(heads, rows)

    assert len(found) == len(heads)
    assert sum(found) == 100
    assert min(found) > 0


def test_no_columns_have_no_widths() -> None:
    assert widths([], []) == ()


def test_what_fits_stands_on_one_line_and_a_long_remark_leaves_room_for_the_rest() -> None:
    name, at, remark = widths(["设备", "时间", "备注"], [["一号线售票机 0001", TIME, "很长的备注" * 60]])

    letters = 104
    assert name * letters / 100 >= 17
    assert at * letters / 100 >= 16
    assert remark > name
    assert widths(["n", "text"], [["1", "abc"]])[1] < 60
