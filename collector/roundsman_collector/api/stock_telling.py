"""How rows of the stock are told: as JSON, and as cells of files."""

from dataclasses import asdict
from typing import Any

from roundsman_collector.api import tables
from roundsman_collector.api.moments import stamped
from roundsman_collector.core.stock import EFFECTS
from roundsman_collector.store import (
    ItemRow,
    LoanRow,
    LocationRow,
    MoveRow,
    OwedRow,
    ReservationRow,
    Statement,
    StatementLine,
    StockRow,
)
from roundsman_collector.store.loans import BECAME

PURCHASE = (
    "库位编号",
    "库位",
    "备件编号",
    "备件",
    "规格",
    "单位",
    "原始数量",
    "在库",
    "在修",
    "借出",
    "应购数量",
)
STATEMENT = (
    "备件编号",
    "备件",
    "规格",
    "单位",
    "期初",
    "入库",
    "领用",
    "退库",
    "借出",
    "归还",
    "送修",
    "修复入库",
    "报废",
    "盘点差异",
    "期末",
    "在修",
    "借出未还",
)


def quantity(row: StockRow) -> dict[str, Any]:
    """An item at a location, as the API says it."""
    return {
        "location": row.location,
        "item": row.item.id,
        "name_zh": row.item.fields.name_zh,
        "name_en": row.item.fields.name_en,
        "unit": row.item.fields.unit,
        "shelf": row.now.shelf,
        "reserved": row.reserved,
        "free": row.free,
        "in_repair": row.now.repair,
        "lent": row.now.lent,
        "authorised": None if row.level is None else row.level.authorised,
        "minimum": None if row.level is None else row.level.minimum,
        "missing": row.short.missing,
        "is_low": row.short.is_low,
    }


def told_entry(one: ItemRow | LocationRow) -> dict[str, Any]:
    """An item, or a location, as the API says it."""
    fields = {name: list(said) if isinstance(said, tuple) else said for name, said in asdict(one.fields).items()}
    return {"id": one.id, "made_by": one.made_by, **fields}


def move(row: MoveRow) -> dict[str, Any]:
    """A move as the API says it."""
    return {
        "id": row.id,
        **stamped("at", row.at_ms),
        "location": row.location,
        "item": row.item,
        "verb": row.verb,
        "verb_zh": EFFECTS[row.verb].zh,
        "quantity": row.quantity,
        "serial": row.serial,
        "grade": row.grade,
        "ticket": row.ticket,
        "loan": row.loan,
        "who": row.who,
        "text": row.text,
    }


def reservation(row: ReservationRow) -> dict[str, Any]:
    """A reservation as the API says it."""
    return {
        "id": row.id,
        "location": row.location,
        "item": row.item,
        "ticket": row.ticket,
        "quantity": row.quantity,
        **stamped("made", row.made_ms),
        "made_by": row.made_by,
        "state": row.state,
        **stamped("done", row.done_ms),
        "done_by": row.done_by,
    }


def loan(row: LoanRow) -> dict[str, Any]:
    """A loan as the API says it."""
    fields = row._asdict()
    for name in ("ticket_id", "out_ms", "back_ms"):
        fields.pop(name)
    return {
        **fields,
        **stamped("out", row.out_ms),
        **stamped("back", row.back_ms),
        "became_zh": BECAME[row.became][0],
    }


def owed(row: OwedRow) -> dict[str, Any]:
    """What is still to come in, as the API says it."""
    return {
        "item": row.item,
        "ticket": row.ticket,
        "location": row.location,
        "quantity": row.quantity,
        **stamped("since", row.since_ms),
    }


def told_statement(found: Statement) -> dict[str, Any]:
    """A month as the API says it."""
    return {
        "location": found.location,
        "month": found.month,
        **stamped("from", found.from_ms),
        **stamped("to", found.to_ms),
        "lines": [
            {name: getattr(one, name) for name in ("item", "name_zh", "name_en", "specification", "unit")}
            | one.line._asdict()
            for one in found.lines
        ],
        "sha256": found.sha256,
        **stamped("kept", found.kept_ms),
        "kept_by": found.kept_by,
        **stamped("checked", found.checked_ms),
        "checked_by": found.checked_by,
        "text": found.text,
    }


def purchased(row: StockRow, where: str) -> tuple[tables.Cell, ...]:
    """A line of the purchase list, in the order of PURCHASE; `where`: what its location is called."""
    what = row.item.fields
    authorised = None if row.level is None else row.level.authorised
    names = (row.location, where, row.item.id, what.name_zh, what.specification, what.unit)
    return (*names, authorised, row.now.shelf, row.now.repair, row.now.lent, row.short.missing)


def cells(one: StatementLine) -> tuple[tables.Cell, ...]:
    """A line of a statement as cells of a file, in the order of STATEMENT."""
    return (one.item, one.name_zh, one.specification, one.unit, *one.line)
