"""A table as a file to take away: CSV that spreadsheets read, or a workbook; no cell is ever a formula.

answer("csv", "spares-2026-11", "备件对账", header, rows) -> Response     Problem for a form that there is not
"""

import csv
import io
from collections.abc import Sequence

from fastapi.responses import Response

from roundsman_collector.api.problem import Problem
from roundsman_collector.register.files import BOM, guarded

Cell = str | int | None
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTH = 14
SHEET_NAME = 31
"""A workbook allows no longer name of a sheet."""


def answer(form: str, name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Response:
    """The table as a file of this form."""
    if form == "csv":
        body, media_type = as_csv(header, rows), CSV_TYPE
    elif form == "xlsx":
        body, media_type = as_xlsx(title, header, rows), XLSX_TYPE
    else:
        raise Problem(
            404,
            "no_page",
            what="there is no file of this form",
            where="path",
            expected=".csv or .xlsx",
            do="check the address",
        )
    return Response(
        body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    )


def as_csv(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """UTF-8 with a byte order mark, which Excel needs to see Chinese."""
    written = io.StringIO(newline="")
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(header)
    lines.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return BOM + written.getvalue().encode("utf-8")


def as_xlsx(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """A workbook with one sheet: texts as texts, numbers as numbers."""
    import xlsxwriter  # type: ignore[import-untyped]

    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#E8EEF7", "border": 1})
        sheet = book.add_worksheet("".join(" " if one in "[]:*?/\\" else one for one in title)[:SHEET_NAME])
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, max(0, len(header) - 1), WIDTH)
        for column, text in enumerate(header):
            sheet.write_string(0, column, text, bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, int):
                    sheet.write_number(number, column, cell)
                elif cell:
                    sheet.write_string(number, column, cell)
    return body.getvalue()
