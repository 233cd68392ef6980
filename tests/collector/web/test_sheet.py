"""A report as a page: every value in both languages, what was cut is told, every state reads in black and white."""

import re
from dataclasses import replace

import pytest

from roundsman_collector.reports.document import (
    Count,
    Document,
    Number,
    Phrase,
    Share,
    StripRow,
    Strips,
    Table,
    Trend,
    Value,
)
from roundsman_collector.reports.dossier import Company
from roundsman_collector.web.drawing import PAPER
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.sheet import sheet, sheet_file
from roundsman_wire.catalogue import Label, Language
from tests.collector.reports import everything
from tests.collector.web.reading import words_of

COMPANY = Company(name=Label(zh="巡检服务公司", en="Rounds Ltd"), service_phone="400-800-1234")


def html(document: Document, language: Language) -> str:
    return sheet_file(document, COMPANY, Saying(language=language, now_ms=document.known_ms), {})


def set_in(language: Language, value: Value) -> str:
    document = everything.report()
    return Setting(document, Saying(language=language, now_ms=0)).text(value)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            (
                "设备巡检报告",
                "2026 年 10 月",
                "第 2 版",
                "临时",
                "99.99%",
                "本期共 12 台 发生 1,234 起故障，可用率 33.33%。",
                "平均修复3.25 小时。",
                "△ 关注",
                "12.5 %",
                "盖章处",
                "限值 95 %",
                "约 2026-11-05 达到",
                "2026-10-01",
            ),
        ),
        (
            "en",
            (
                "Inspection report",
                "October 2026",
                "revision 2",
                "provisional",
                "1,234 faults at 12 devices; availability 33.33%.",
                "Repaired within 3.25 h.",
                "△ attention",
                "place of the seal",
                "limit 95 %",
                "reached about 2026-11-05",
            ),
        ),
    ],
)
def test_a_report_says_all_it_holds_in_both_languages(language: Language, words: tuple[str, ...]) -> None:
    shown = html(everything.report(), language)

    said = words_of(shown[shown.index("<main>") :])
    assert [word for word in words if word not in said] == []
    assert everything.RARE in said
    assert "地铁公司 &lt;b&gt;" in shown
    assert said.count("R-2026-10-metro-a") == 3, "above each page, on the first, and where it is signed"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Share(999_999, 1_000_000), "99.99%"),
        (Share(1, 1_000_000), "0.01%"),
        (Share(0, 7), "0.00%"),
        (Share(7, 7), "100.00%"),
        (Share(0, 0), "–"),
        (Share(None, 7), "–"),
        (Share(1, 3, 0), "33%"),
        (Count(12_345), "12,345"),
        (Count(3, everything.DEVICES), "3 devices"),
        (Number(-0.5, "celsius"), "-0.5 °C"),
        (Number(1234.5, "CNY", 2), "1,234.50 CNY"),
        (Phrase(Label(zh="", en="{1} {0.real} {0}"), (Count(1), "b")), "b {0.real} 1"),
    ],
)
def test_a_figure_is_set_as_people_read_it(value: Value, expected: str) -> None:
    assert set_in("en", value) == expected


def test_columns_of_figures_stand_to_the_right_with_their_heads_and_totals() -> None:
    shown = sheet(everything.report(), COMPANY, Saying(language="en", now_ms=0), {})

    (table,) = [part for part in shown["parts"] if part["kind"] == "table" and part["title"] == "Details"]
    assert table["figures"] == [False, False, True, True, False, False]
    assert [str(cell) for cell in table["total"]] == ["total", "", "5 h", "8", "", ""]


def test_a_page_says_that_rows_were_left_out() -> None:
    long = everything.report(details=3120, strips=40)

    shown = html(long, "en")

    assert "460 of 3,120 rows; all of them are in the workbook." in shown
    assert "2026-000459" in shown
    assert "2026-000460" not in shown
    assert "rows; all of them" not in html(everything.report(), "en")


def test_every_state_of_a_strip_has_height_or_lines_of_its_own() -> None:
    """In black and white a colour is a grey at best."""
    shown = html(everything.report(strips=1), "en")

    assert len({(ink.lines, state == "up", state == "down") for state, ink in PAPER.items()}) == len(PAPER)
    patterns = re.findall(r'<pattern id="([^"]+)"', shown)
    assert len(patterns) == len(set(patterns))
    assert set(re.findall(r"url\(#([^)]+)\)", shown)) == set(patterns)
    assert {name.rpartition("-")[2] for name in patterns} == {"warning", "maintenance", "unknown"}


def test_an_unknown_state_of_a_strip_is_refused() -> None:
    strips = Strips(rows=(StripRow("kiosk-7", (("fine", 0, 1),)),), from_ms=0, to_ms=10)

    with pytest.raises(ValueError, match="the state 'fine': expected one of"):
        html(replace(everything.report(), parts=(strips,)), "en")


@pytest.mark.parametrize(
    "trend",
    [
        replace(everything.TREND, points=()),
        replace(everything.TREND, points=((everything.TREND.points[0][0], None),)),
    ],
    ids=["no point", "no value"],
)
def test_a_line_without_values_says_so(trend: Trend) -> None:
    shown = html(replace(everything.report(), parts=(trend,)), "en")

    assert "No values." in shown
    assert '<svg class="trend"' not in shown


@pytest.mark.parametrize("values", [(5.0,), (5.0, 5.0), (0.0, 0.0), (-3.0, 1e9), (1e-7, 2e-7)])
def test_a_line_of_any_height_lies_within_its_field(values: tuple[float, ...]) -> None:
    points = tuple((day, value) for (day, _), value in zip(everything.TREND.points, values, strict=False))
    shown = html(replace(everything.report(), parts=(replace(everything.TREND, points=points, limit=None),)), "en")

    places = [float(found) for found in re.findall(r'cy="([0-9.-]+)"', shown)]
    assert len(places) == len(values)
    assert all(0 <= place <= 190 for place in places)


def test_a_table_without_rows_says_none_instead_of_lines_to_fill_in() -> None:
    document = everything.report()
    (empty,) = [part for part in document.parts if isinstance(part, Table) and not part.rows]

    shown = sheet(replace(document, parts=(empty,)), COMPANY, Saying(language="zh", now_ms=0), {})["parts"][0]

    assert (shown["none"], shown["blanks"]) == ("无", 0)
