"""A report as a workbook, read back by a third party's reader: every row, typed; texts that are never formulas."""

import io
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from roundsman_collector.reports.document import (
    At,
    Bar,
    Bars,
    Count,
    Day,
    Document,
    Found,
    Number,
    Reading,
    Share,
    Span,
    Table,
    Value,
)
from roundsman_collector.web import workbook as workbooks
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.workbook import Cell, cell, workbook
from roundsman_wire.catalogue import Label, Language
from tests.collector.reports import everything
from tests.collector.web.test_sheet import COMPANY

HOUR = 3_600_000
FORMULAS = ("=1+1", "+86 138", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "http://example.com")


def made(document: Document, language: Language = "en") -> bytes:
    with workbook(document, COMPANY, Saying(language=language, now_ms=0)) as file:
        return file.read()


def read(document: Document, language: Language = "en") -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(made(document, language)))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def table(rows: tuple[tuple[Value, ...], ...], title: str = "T") -> Document:
    columns = tuple(Label(zh="列", en="column") for _ in rows[0])
    return replace(everything.report(), parts=(Table(title=Label(zh=title, en=title), columns=columns, rows=rows),))


def test_a_sheet_for_each_table_and_one_for_the_rest() -> None:
    book = read(everything.report())

    assert list(book) == ["Summary", "Uptime", "Uptime stretches", "Faults by class", "Disk use", "Details", "Remarks"]
    summary = {row[0]: row[1] for row in book["Summary"]}
    assert summary["Report number"] == "R-2026-10-metro-a"
    assert summary["Data known at"] == datetime.fromisoformat("2026-11-01T02:00")
    assert summary["Availability"] == pytest.approx(0.999999)
    assert summary["Site"] == everything.RARE
    assert "1,234 faults at 12 devices; availability 33.33%." in summary
    assert book["Uptime"][1] == [f"kiosk-0 {everything.RARE}", pytest.approx(697 / 702), 1]
    assert book["Faults by class"][1:] == [
        ["Power", 30, 30, pytest.approx(0.6)],
        ["printer", 12, 12, pytest.approx(0.84)],
        ["CPU use", 8, 8, pytest.approx(1)],
    ]
    assert book["Disk use"][1] == [date(2026, 10, 1), 60]


def test_every_row_of_the_details_is_there_however_many() -> None:
    rows = read(everything.report(details=3120, strips=1))["Details"]

    assert len(rows) == 1 + 3120 + 1
    assert rows[0] == ["Ticket", "From", "Lasted", "Times", "Verdict", "Day"]
    assert rows[3120] == [
        "2026-003119",
        datetime.fromisoformat("2026-10-01") + timedelta(hours=3119),
        timedelta(hours=5, seconds=3119),
        3119,
        "pass",
        date(2026, 10, 20),
    ]
    assert rows[-1][0] == "total"


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_or_a_link(text: str) -> None:
    body = made(table(((text,),)))

    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert not any(b"<f>" in sheet or b"hyperlink" in sheet for sheet in sheets)
    assert read(table(((text,),)))["T"][1] == [text]


@pytest.mark.parametrize("text", ["𠮷 犇 ㎡ 京A·12345", "a\nb", "_x0041_", '</t>&amp;"'])
def test_texts_come_back_as_they_were(text: str) -> None:
    assert read(table(((f"x{text}",),)))["T"][1] == [f"x{text}"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Count(3), Cell(3, "#,##0")),
        (Count(3, everything.DEVICES), Cell(3, '#,##0" devices"')),
        (Number(1.5, "hours", 2), Cell(1.5, '#,##0.00" h"')),
        (Number(float("nan")), Cell("nan")),
        (Share(1, 3), Cell(1 / 3, "0.00%")),
        (Share(Fraction(999_999, 1_000_000)), Cell(0.999999, "0.0000%")),
        (Share(Fraction(1, 10**6)), Cell(1e-6, "0.0000%")),
        (Share(1, 1), Cell(1.0, "0.00%")),
        (Share(None), Cell("–")),
        (Span(36 * HOUR), Cell(1.5, "[h]:mm:ss")),
        (Day(date(2026, 10, 1)), Cell(date(2026, 10, 1), "yyyy-mm-dd")),
        (At(everything.FROM), Cell(datetime.fromisoformat("2026-10-01"), "yyyy-mm-dd hh:mm:ss")),
        (At(-(10**14)), Cell("-100000000000000")),
        (Found("fail"), Cell("fail")),
        (Reading("host.cpu_percent", 12.5), Cell(12.5, 'General" %"')),
        (Reading("host.uptime_s", 7200.0), Cell("2 h")),
        (Reading("host.cpu_percent", None), Cell("unknown")),
        ("", Cell(None)),
        (None, Cell(None)),
        ((Count(1), "x"), Cell("1 · x")),
    ],
    ids=str,
)
def test_a_value_is_a_number_a_day_or_a_text(value: Value, expected: Cell) -> None:
    assert cell(value, Setting(everything.report(), Saying(language="en", now_ms=0))) == expected


def test_names_of_sheets_are_allowed_and_differ() -> None:
    names = ["a/b:c", "A B C", "history", "x" * 40, "x" * 31, "'quoted'", ""]
    tables = tuple(
        Table(title=Label(zh=name, en=name), columns=(Label(zh="列", en="column"),), rows=(("1",),)) for name in names
    )

    found = list(read(replace(everything.report(), parts=tables)))[1:]

    assert found == ["a b c", "A B C (2)", "history (2)", "x" * 31, "x" * 27 + " (2)", "quoted", "Table"]


def test_more_rows_than_a_sheet_can_hold_go_on_in_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "ROWS_LIMIT", 10)

    book = read(everything.report(details=25))

    assert [len(book[name]) for name in ("Details", "Details (2)", "Details (3)")] == [11, 11, 7]


def test_the_head_stays_in_sight_and_both_languages_are_there() -> None:
    body = made(everything.report(), "zh")

    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert b'state="frozen"' in archive.read("xl/worksheets/sheet2.xml")
    assert list(read(everything.report(), "zh")) == [
        "概要",
        "运行时间条",
        "运行时间条：时段",
        "故障分类",
        "硬盘占用",
        "明细",
        "备注",
    ]


def test_the_same_document_makes_the_same_bytes() -> None:
    assert made(everything.report()) == made(everything.report())


def test_an_empty_report_is_a_workbook_too() -> None:
    empty = replace(everything.report(), parts=(Bars(rows=()), Bars(rows=(Bar("a", 0.0),))))

    assert list(read(empty)) == ["Summary", "Chart", "Chart (2)"]
