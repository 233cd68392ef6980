"""A file as somebody made it, read into rows of text: CSV in the encodings of Chinese offices, or XLSX.

    read(body) -> Sheet(header_row, titles, rows, notes)      SheetError for what is no table, or too much of one

What Excel does to text is looked at with suspicion: a number in a column of ids may have had leading zeros, a long one
has lost its last digits. Merged cells are filled with what they show, blank rows are left out, and row numbers are
those that the spreadsheet shows. XLSX is read by a process of its own with little memory (xlsx.py): a crafted file ends
that process, not ours.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from roundsman_collector.register import xlsx
from roundsman_collector.register.columns import column_of
from roundsman_collector.wording import short

BYTES_LIMIT = 10 * 1024 * 1024
ROWS_LIMIT = 100_000
COLUMNS_LIMIT = 200
CELL_LIMIT = 10_000
HEADER_WITHIN = 10
"""A header stands in one of the first rows: offices like a title above it."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK"
EXPONENT = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]+")
GUARDED = ("=", "+", "-", "@", "\t", "\r")
"""What a cell must not begin with where a spreadsheet opens it: it would be carried out as a formula."""


class SheetError(Exception):
    """A file that cannot be read as a register file at all. Words for people in both languages."""

    def __init__(self, *, zh: str, en: str, code: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """Something worth knowing that is no error."""

    zh: str
    en: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell as text. `was_number`: the spreadsheet held a number, `is_rounded`: more of it than it can keep."""

    text: str
    was_number: bool = False
    is_rounded: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The header with its row number, and the rows below it by theirs; only what is not blank."""

    header_row: int
    titles: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]
    notes: tuple[Note, ...] = ()


def read(body: bytes) -> Sheet:
    """The table in a file, whatever its name says."""
    if len(body) > BYTES_LIMIT:
        raise too_large(len(body))
    if not body.strip():
        raise SheetError(zh="文件是空的", en="the file is empty", code="empty_file")
    if body.startswith(OLE):
        raise SheetError(
            zh="这是旧版 .xls 或加密的工作簿；请另存为 .xlsx（不加密）或 CSV",
            en="this is an old .xls or an encrypted workbook; save it as .xlsx without a password, or as CSV",
            code="old_excel",
        )
    rows, notes = _xlsx(body) if body.startswith(ZIP) else _csv(body)
    return _sheet(rows, notes)


def too_large(size: int) -> SheetError:
    """A file beyond the limit."""
    return SheetError(
        zh=f"文件有 {size / 2**20:.1f} MB；最多 {BYTES_LIMIT // 2**20} MB、{ROWS_LIMIT} 行，请分批导入",
        en=f"the file has {size / 2**20:.1f} MB; at most {BYTES_LIMIT // 2**20} MB and {ROWS_LIMIT} rows: "
        "import it in parts",
        code="too_large",
    )


Rows = Iterator[tuple[int, tuple[Cell, ...]]]


def _sheet(rows: Rows, notes: Sequence[Note]) -> Sheet:
    header: tuple[int, tuple[str, ...]] | None = None
    first: tuple[int, tuple[str, ...]] | None = None
    kept: list[tuple[int, tuple[Cell, ...]]] = []
    for number, cells in rows:
        if len(cells) > COLUMNS_LIMIT:
            raise SheetError(
                zh=f"第 {number} 行有 {len(cells)} 列；最多 {COLUMNS_LIMIT} 列",
                en=f"row {number} has {len(cells)} columns; at most {COLUMNS_LIMIT}",
                code="too_wide",
            )
        if not any(cell.text for cell in cells):
            continue
        if header is None:
            titles = tuple(cell.text for cell in cells)
            first = first or (number, titles)
            if _is_header(titles):
                header = number, titles
            elif number > HEADER_WITHIN:
                break
            continue
        kept.append((number, cells))
        if len(kept) > ROWS_LIMIT:
            raise SheetError(
                zh=f"超过 {ROWS_LIMIT} 行，请分批导入",
                en=f"more than {ROWS_LIMIT} rows: import it in parts",
                code="too_many_rows",
            )
    if header is None:
        shown = "" if first is None else short(list(first[1][:8]))
        raise SheetError(
            zh=f"前 {HEADER_WITHIN} 行里没有带“设备编号”（device）的表头；第一行是 {shown}",
            en=f"no header with the column device (设备编号) in the first {HEADER_WITHIN} rows; the first is {shown}",
            code="no_header",
        )
    return Sheet(header_row=header[0], titles=header[1], rows=tuple(kept), notes=tuple(notes))


def _is_header(titles: Sequence[str]) -> bool:
    return any(column is not None and column.name == "device" for column in map(column_of, titles))


# --- CSV -------------------------------------------------------------------------------------------------------------


def _csv(body: bytes) -> tuple[Rows, list[Note]]:
    text, notes = _decoded(body)
    if "\0" in text:
        raise SheetError(
            zh="文件里有 NUL 字节，不是文本；请另存为 CSV 或 XLSX",
            en="the file holds NUL bytes and is no text; save it as CSV or XLSX",
            code="binary",
        )
    return _records(text), notes


def _decoded(body: bytes) -> tuple[str, list[Note]]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if body.startswith(mark):
            return _decode(body, encoding), []
    try:
        return body.decode("utf-8"), []
    except UnicodeDecodeError:
        note = Note(
            zh="文件不是 UTF-8，已按 GB18030（中文 Windows 的编码）读取；请核对中文是否正确",
            en="the file is not UTF-8 and was read as GB18030, as Chinese Windows writes it; check the Chinese text",
        )
        return _decode(body, "gb18030"), [note]


def _decode(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise SheetError(
            zh=f"文件既不是 UTF-8 也不是 GB18030（第 {error.start} 字节）；请另存为“CSV UTF-8”",
            en=f"the file is neither UTF-8 nor GB18030 (byte {error.start}); save it as CSV UTF-8",
            code="bad_encoding",
        ) from error


def _records(text: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            yield number, tuple(Cell(text=_plain(one)) for one in row)
    except csv.Error as error:
        raise SheetError(
            zh=f"第 {number + 1} 行之后不是正确的 CSV:{error}",
            en=f"after row {number} the file is no good CSV: {error}",
            code="bad_csv",
        ) from error


def _delimiter(text: str) -> str:
    """What parts the cells of the first line that is not blank: Excel in some countries writes semicolons."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _plain(text: str) -> str:
    """A cell's text; the apostrophe that export put before a formula's sign is taken off again."""
    said = text.strip()[:CELL_LIMIT]
    return said[1:] if said.startswith("'") and said[1:2] in ("=", "+", "-", "@") else said


# --- XLSX ------------------------------------------------------------------------------------------------------------


def _xlsx(body: bytes) -> tuple[Rows, list[Note]]:
    try:
        told = xlsx.read(body)
    except xlsx.XlsxError as error:
        raise SheetError(zh=error.zh, en=error.en, code="bad_xlsx") from error
    notes = []
    if told.sheets > 1:
        notes.append(Note(zh=f"只读取第一张工作表“{told.name}”", en=f"only the first sheet, {told.name!r}, was read"))
    return ((number, tuple(map(_cell, row))) for number, row in told.rows), notes


def _cell(value: object) -> Cell:
    """A cell of a workbook, as xlsx.py hands it over: text, number, truth, or a moment in ISO 8601 under `t`."""
    if isinstance(value, bool):
        return Cell(text="TRUE" if value else "FALSE")
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 10**15:
            return Cell(text=str(int(value)), was_number=True)
        return Cell(text=f"{value:.15g}", was_number=True, is_rounded=True)
    if isinstance(value, int):
        return Cell(text=str(value), was_number=True, is_rounded=abs(value) >= 10**15)
    if isinstance(value, dict):
        return Cell(text=str(value["t"]).removesuffix("T00:00:00"))
    return Cell(text=_plain(str(value)) if value is not None else "")


# --- what Excel does to dates ----------------------------------------------------------------------------------------

DATE = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*日?(?:[T ]00:00(?::00)?)?")
EXCEL_DAY_ONE = date(1899, 12, 30)


def day_of(text: str, *, was_number: bool = False) -> str | None:
    """A date in ISO 8601 from how people and Excel write it; None for what is none. 45000 is a date only for Excel."""
    match = DATE.fullmatch(text.strip())
    try:
        if match is not None:
            return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
        if was_number and text.isdigit() and 20_000 < int(text) < 100_000:
            return (EXCEL_DAY_ONE + timedelta(days=int(text))).isoformat()
    except ValueError:
        return None
    return None
