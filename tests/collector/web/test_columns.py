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


def test_what_is_never_broken_has_room_and_chinese_is_not_set_below_itself() -> None:
    heads = ["单号", "设备", "故障", "报修", "响应", "到场", "修复", "状态", "履约"]
    row = ["2026-000040", "bank-2-kiosk-05", "纸币器卡钞 · 纸币器", TIME, TIME, TIME, TIME, "已关闭", "方案超时完成"]

    told = widths(heads, [row])

    letters = 108
    assert min(told) * letters / 100 >= 7, "three characters of Chinese"
    spans = widths(heads, [["2 天 22 时 10 分"] * 9], whole={0})
    assert spans[0] * letters / 100 >= 17 > spans[1] * letters / 100
