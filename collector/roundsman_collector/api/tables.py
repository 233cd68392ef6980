"""A table as a file to take away: CSV that spreadsheets read, or a workbook; no cell is ever a formula.

answer("csv", "spares-2026-11", "备件对账", header, rows) -> Response     Problem for a form that there is not

Rows are taken one after the other and sent as they come (CSV), or written to a file on disk first (a workbook): a long
table needs no more memory than a short one.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO

from fastapi.responses import Response, StreamingResponse

from roundsman_collector.api.problem import Problem
from roundsman_collector.register.files import BOM, guarded

Cell = str | int | None
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTH = 14
SHEET_NAME = 31
"""A workbook allows no longer name of a sheet."""
AT_ONCE = 200
PIECE = 256 * 1024
IN_MEMORY = 4 * 1024 * 1024


def answer(form: str, name: str, title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """The table as a file of this form."""
    if form == "csv":
        body, media_type = csv_pieces(header, rows), CSV_TYPE
    elif form == "xlsx":
        body, media_type = _pieces(xlsx_file(title, header, rows)), XLSX_TYPE
    else:
        raise Problem(
            404,
            "no_page",
            what="there is no file of this form",
            where="path",
            expected=".csv or .xlsx",
            do="check the address",
        )
    return StreamingResponse(
        body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    )


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, which Excel needs to see Chinese; some lines at a time."""
    yield BOM
    left = chain([header], rows)
    while some := list(islice(left, AT_ONCE)):
        written = io.StringIO(newline="")
        lines = csv.writer(written, lineterminator="\r\n")
        lines.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in some)
        yield written.getvalue().encode("utf-8")


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> IO[bytes]:
    """A workbook with one sheet: texts as texts, numbers as numbers. A row is on disk once the next one is written."""
    import xlsxwriter  # type: ignore[import-untyped]

    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  it is closed when it was sent
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(body, options) as book:
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
    body.seek(0)
    return body


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
