"""An XLSX file read in a process of its own, with a bound on memory, time and what it may unpack to.

    read(body) -> Told(name, sheets, rows)        rows: (number as the spreadsheet shows it, values)

A workbook is a zip archive of XML written by strangers: it may unpack to terabytes, or have one cell in column XFD of
row 1,048,576, for which a reader makes room for 17 billion cells. The archive's own sizes are looked at first; what
they do not tell ends with the process, which has 1 GiB and 60 s. Values go over a pipe as JSON, line by line.
"""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

UNPACKED_LIMIT = 200 * 1024 * 1024
PARTS_LIMIT = 1000
MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S = 60
CELLS_LIMIT = 5_000_000


class XlsxError(Exception):
    """A workbook that cannot be read. Words for people in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


class Told(NamedTuple):
    """The first sheet of a workbook, its rows one after the other."""

    name: str
    sheets: int
    rows: Iterator[tuple[int, list[Any]]]


def read(body: bytes) -> Told:
    """The first sheet; XlsxError for a file that is none, or too much of one."""
    _check_archive(body)
    # -I: neither the working folder nor the environment says what is imported.
    command = [sys.executable, "-I", "-m", __name__]
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=2 * CPU_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _beyond("time") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if said and said[-1].startswith("xlsx: "):
            raise _broken(said[-1].removeprefix("xlsx: "))
        raise _beyond("memory or time")
    head, *lines = done.stdout.decode("utf-8").splitlines()
    facts = json.loads(head)
    return Told(facts["name"], facts["sheets"], _rows(lines))


def _rows(lines: list[str]) -> Iterator[tuple[int, list[Any]]]:
    for line in lines:
        number, values = json.loads(line)
        yield number, values


def _check_archive(body: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _broken(str(error)) from error
    if len(parts) > PARTS_LIMIT or sum(part.file_size for part in parts) > UNPACKED_LIMIT:
        raise _beyond("unpacked size")
    if any(part.flag_bits & 0x1 for part in parts):
        raise XlsxError("工作簿已加密；请另存为不加密的 .xlsx", "the workbook is encrypted; save it without a password")


def _broken(why: str) -> XlsxError:
    return XlsxError(
        f"不是可以读取的 XLSX 工作簿（{why}）；请在表格软件中另存为 .xlsx 或 CSV",
        f"this is no XLSX workbook that can be read ({why}); save it again as .xlsx or as CSV",
    )


def _beyond(what: str) -> XlsxError:
    return XlsxError(
        "工作簿展开后过大；请删掉空白的行列和图片，或另存为 CSV",
        f"the workbook needs too much {what} to be read; remove empty rows, columns and pictures, or save it as CSV",
    )


# --- the process -----------------------------------------------------------------------------------------------------


def _main() -> None:
    """Read a workbook from standard input, tell its first sheet on standard output."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _tell(sys.stdin.buffer.read())
    except Exception as error:  # whatever a stranger's file does: one line, and the parent makes words of it
        print(f"xlsx: {type(error).__name__}: {str(error)[:200]}".replace("\n", " "), file=sys.stderr)
        sys.exit(1)


def _tell(body: bytes) -> None:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    sheet = book.get_sheet_by_index(0)
    if sheet.total_height * sheet.total_width > CELLS_LIMIT:
        raise ValueError(f"{sheet.total_height} rows of {sheet.total_width} columns are too many")
    shown = _merged(sheet.merged_cell_ranges or ())
    print(json.dumps({"name": sheet.name, "sheets": len(book.sheet_names)}))
    values: dict[tuple[int, int], Any] = {}
    table: list[list[Any]] = [*sheet.to_python(skip_empty_area=False)]
    for number, row in enumerate(table, 1):
        for index, value in enumerate(row):
            origin = shown.get((number - 1, index))
            if origin == (number - 1, index):
                values[origin] = value
            elif origin is not None:
                row[index] = values.get(origin)
        print(json.dumps([number, [_plain(value) for value in row]], ensure_ascii=True))


def _merged(ranges: Any) -> dict[tuple[int, int], tuple[int, int]]:
    """Which cell shows what is merged into it. Columns of one row are not filled: that is a title over a table."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for (top, left), (bottom, right) in ranges:
        if bottom > top and (bottom - top + 1) * (right - left + 1) <= CELLS_LIMIT:
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    found[row, column] = (top, left)
    return found


def _plain(value: object) -> Any:
    if isinstance(value, datetime | date | time):
        return {"t": value.isoformat()}
    if isinstance(value, timedelta):
        return {"t": str(value)}
    return value


if __name__ == "__main__":
    _main()
