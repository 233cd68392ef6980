"""Register files to hand out: the empty form with its explanation, and the register itself in the same form.

    template_csv() · template_xlsx() -> bytes
    export_csv(view, scope=...) -> chunks of bytes      what import reads back and finds unchanged

CSV is UTF-8 with a byte order mark, which Excel needs to see Chinese. A cell that a spreadsheet would carry out as a
formula gets an apostrophe in front, which import takes off again.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from roundsman_collector.core import hours
from roundsman_collector.core.causes import Kind
from roundsman_collector.register.columns import BEHIND, COLUMNS, HOLDS
from roundsman_collector.register.sheets import GUARDED
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import ZONES, Card, View

BOM = b"\xef\xbb\xbf"
AT_ONCE = 1000
KINDS = ("kiosk", "nvr", "camera", "vehicle", "ups", "printer", "gateway")
"""Kinds of devices that the form offers; others may be typed."""


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(GUARDED) else text


def template_csv() -> bytes:
    """The header and one row as an example."""
    return BOM + _lines([[one.zh for one in COLUMNS], [one.sample for one in COLUMNS]])


def export_csv(view: View, *, scope: Scope = EVERYTHING, with_phones: bool = True) -> Iterator[bytes]:
    """All devices that the scope reaches, one row each, by id. Telephone numbers are left open without `with_phones`:
    read back, an empty cell leaves what is kept."""
    yield BOM + _lines([[one.zh for one in COLUMNS]])
    after = ""
    while cards := view.cards(scope=scope, after=after, limit=AT_ONCE):
        roots = view.behind_of({card.device for card in cards})
        named = {root for mine in roots.values() for root in mine.values()}
        seen = named if scope.everything else set(view.cards_named(sorted(named), scope=scope))
        told = cards if with_phones else [card._replace(contact_phone="", place_contact_phone="") for card in cards]
        yield _lines([[guarded(text) for text in row_of(card, roots.get(card.device, {}), seen)] for card in told])
        after = cards[-1].device


def row_of(card: Card, roots: Mapping[Kind, str] = MappingProxyType({}), seen: Collection[str] = ()) -> list[str]:
    """A card's cells, in the order of the columns. `roots`: what it stands behind, told of those that are `seen`."""
    behind = {one.name: roots.get(kind) for kind, one in BEHIND.items()}
    return [(_seen(behind[one.name], seen) if one.of == "behind" else _cell(card, one.name)) for one in COLUMNS]


def _seen(root: str | None, seen: Collection[str]) -> str:
    return root if root is not None and root in seen else ""


def _cell(card: Card, column: str) -> str:
    value = getattr(card, column)
    if value is None:
        return ""
    if column == "zone":
        return ZONES[value][0]
    if column == "service_hours":
        return hours.short(value)
    return str(value)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode("utf-8")


def template_xlsx() -> bytes:
    """A workbook: the form with an example and drop-downs, all cells text; and a sheet that explains each column."""
    import xlsxwriter  # type: ignore[import-untyped]

    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True, "strings_to_formulas": False}) as book:
        text = book.add_format({"num_format": "@"})
        title = book.add_format({"bold": True, "bg_color": "#E8EEF7", "border": 1, "num_format": "@"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        form = book.add_worksheet("设备台账")
        form.freeze_panes(1, 1)
        for index, one in enumerate(COLUMNS):
            form.set_column(index, index, max(12, 2 * len(one.zh) + 4), text)
            form.write_string(0, index, one.zh, title)
            form.write_string(1, index, one.sample, text)
        _choices(form, "zone", [zh for zh, _ in ZONES.values()], stops=True)
        _choices(form, "kind", list(KINDS), stops=False)
        about = book.add_worksheet("说明 About")
        about.set_column(0, 1, 22)
        about.set_column(2, 5, 44, wrapped)
        for index, said in enumerate(("列", "column", "填写说明", "about", "格式", "format")):
            about.write_string(0, index, said, title)
        for row, one in enumerate(COLUMNS, 1):
            holds = HOLDS[one.holds]
            told = (one.zh, one.en, one.about_zh, one.about_en, holds.expected_zh, holds.expected_en)
            for index, said in enumerate(told):
                about.write_string(row, index, said)
    return body.getvalue()


def _choices(form: object, column: str, choices: list[str], *, stops: bool) -> None:
    """A drop-down below a column; `stops`: nothing else may be typed."""
    index = next(index for index, one in enumerate(COLUMNS) if one.name == column)
    form.data_validation(  # type: ignore[attr-defined]
        1,
        index,
        100_000,
        index,
        {"validate": "list", "source": choices, "error_type": "stop" if stops else "information"},
    )
