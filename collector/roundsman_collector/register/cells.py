"""A sheet's header and cells, read by what their columns hold: text becomes what would be kept, or an error.

columns = columns_of(sheet, errors)                     which column stands where, and what the file calls it
row = row_of(number, cells, columns, errors)            Row(number, said={"device": "kiosk-7", "zone": "urban"})
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roundsman_collector.core import hours
from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.register.columns import COLUMNS, HOLDS, TITLES, Column, column_of
from roundsman_collector.register.errors import RowError, error
from roundsman_collector.register.sheets import EXPONENT, Cell, Note, Sheet, day_of
from roundsman_collector.store import ZONES
from roundsman_collector.store.entry_kinds import PHONE
from roundsman_collector.wording import nearest
from roundsman_wire.topics import is_id


@dataclass(frozen=True, slots=True)
class Titled:
    """A column, and what this file calls it."""

    column: Column
    title: str


def columns_of(sheet: Sheet, errors: list[RowError]) -> dict[int, Titled]:
    found: dict[int, Titled] = {}
    for index, title in enumerate(sheet.titles):
        if not title:
            continue
        column = column_of(title)
        if column is None:
            names = [name for one in COLUMNS for name in (one.zh, one.en, *one.also)]
            near = nearest(title, names) or nearest(title.lower(), TITLES)
            meant = near.removeprefix("; did you mean ").removesuffix("?")
            zh, en = (f"；是不是“{meant}”？", near) if near else ("", "")
            errors.append(error(sheet.header_row, title, title, "unknown_column", (zh, en), expected=_EXPECTED_TITLES))
        elif any(one.column is column for one in found.values()):
            errors.append(error(sheet.header_row, title, title, "same_column", expected=_EXPECTED_TITLES))
        else:
            found[index] = Titled(column, title)
    return found


_EXPECTED_TITLES = ("模板中的列名", "a column of the template")


# --- cells -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells that say something, by column name, as they would be kept."""

    number: int
    said: Mapping[str, str]

    @property
    def device(self) -> str:
        return self.said["device"]


def row_of(number: int, cells: Sequence[Cell], columns: Mapping[int, Titled], errors: list[RowError]) -> Row | None:
    """A row with its cells read; None where the device is not named, so that nothing more can be said about it."""
    said: dict[str, str] = {}
    for index, titled in columns.items():
        cell = cells[index] if index < len(cells) else Cell(text="")
        if not cell.text:
            continue
        value = _value(titled.column, cell)
        if isinstance(value, str):
            said[titled.column.name] = value
        else:
            fact = value[1] if isinstance(value, tuple) else ""
            code = value[0] if isinstance(value, tuple) else "bad_value"
            expected = HOLDS[titled.column.holds]
            told = f" ({fact})" if fact else ""
            errors.append(
                error(
                    number,
                    titled.title,
                    cell.text,
                    code,
                    expected=(expected.expected_zh, f"{expected.expected_en}{told}"),
                )
            )
    if "device" in said:
        return Row(number, said)
    if not any(one.row == number for one in errors[-len(columns) :]):
        title = next(one.title for one in columns.values() if one.column.name == "device")
        expected = HOLDS["id"]
        errors.append(error(number, title, "", "empty", expected=(expected.expected_zh, expected.expected_en)))
    return None


def _value(column: Column, cell: Cell) -> str | tuple[str, str] | None:
    """A cell as it would be kept; None or (code, why) for what cannot be."""
    text = cell.text
    if column.holds == "date":
        return day_of(text, was_number=cell.was_number)
    if column.name in ("device", "serial", "model", "batch") and (cell.is_rounded or EXPONENT.fullmatch(text)):
        return "excel_number", ""
    match column.holds:
        case "id":
            lowered = text.lower()
            return lowered if is_id(lowered) else None
        case "zone":
            return _ZONES.get(text.lower())
        case "hours":
            try:
                return hours.kept(text)
            except CalendarError as error:
                return "bad_value", str(error)
        case "login":
            return text.lower()
        case "phone":
            return text if PHONE.fullmatch(text) else None
        case "name":
            return text if len(text) <= 200 and text.isprintable() else None
        case "text":
            return " ".join(text.split()) if len(text) <= 400 else None


_ZONES = {word: key for key, words in ZONES.items() for word in (key, *words)}


def number_notes(sheet: Sheet, columns: Mapping[int, Titled]) -> list[Note]:
    """Numbers in columns of ids: a spreadsheet may have dropped the zeros before them."""
    notes = []
    for index, titled in columns.items():
        if titled.column.name not in ("device", "serial", "model", "batch"):
            continue
        count = sum(1 for _, cells in sheet.rows if index < len(cells) and cells[index].was_number)
        if count:
            notes.append(
                Note(
                    zh=f"“{titled.title}”有 {count} 个单元格是数字；如果原来以 0 开头，0 已丢失，请核对",
                    en=f"{count} cells of {titled.title!r} hold numbers; zeros that stood before them are lost: check",
                )
            )
    return notes
