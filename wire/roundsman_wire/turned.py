"""A columns block by point instead of by row, with differences: what deflate makes of it is half as long.

    turned(block) -> block       straight(block) -> the same block by row       flaw(block) -> str | None

    by row    "t": [1000, 1060, 1120], "values": [[12.5, "up"], [12.7, "up"], [12.4, "up"]]
    by point  "by": "point", "t": [1000, 60, 60], "values": [[125, 2, -3], ["up", "up", "up"]], "steps": {"0": 1}

`t` and `mono` are the first one, then differences. So is a point named in `steps`, by its index as text: whole numbers,
in units of 10^-decimals. A point is told so only where that gives back the very same values: all of them whole numbers,
or all of them decimal fractions.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, cast

from roundsman_wire.report import Columns, Value

DECIMALS: Final = 15
_HIGHEST: Final = 2**53
"""Beyond it a difference of decimal fractions is not exact, and a time is none."""
_HIGHEST_WHOLE: Final = 2**63


def turned(block: Columns) -> Columns:
    """The block by point."""
    values, steps = [], {}
    for place, column in enumerate(zip(*block["values"], strict=True)):
        told = _stepped(column)
        values.append(list(column) if told is None else told[0])
        if told is not None:
            steps[str(place)] = told[1]
    body: dict[str, Any] = {**block, "by": "point", "values": values}
    body |= {"mono": _differences(block["mono"]), "t": _differences(block["t"])}
    if steps:
        body["steps"] = steps
    return cast(Columns, body)


def flaw(block: Columns) -> str | None:
    """Why a block by point cannot be read by row; None when it can."""
    count, points, values = len(block["t"]), block["points"], block["values"]
    device = f"device {block['device']}"
    if len(values) != len(points):
        return f"{device}: {len(values)} lists of values for {len(points)} points"
    for place, column in enumerate(values):
        if len(column) != count:
            return f"{device}: point {place} has {len(column)} values for {count} rows"
    for name, decimals in block.get("steps", {}).items():
        if not (name.isascii() and name.isdigit() and int(name) < len(points) and 0 <= decimals <= DECIMALS):
            return f"{device}: steps name point {name[:20]} with {decimals} decimals"
        if any(type(value) is not int for value in values[int(name)]):
            return f"{device}: point {name} goes in steps that are no whole numbers"
        highest = _HIGHEST if decimals else _HIGHEST_WHOLE
        if any(not -highest <= total < highest for total in accumulate(cast(list[int], values[int(name)]))):
            return f"{device}: the steps of point {name} go too far"
    for times in (block["mono"], block["t"]):
        if any(abs(total) > _HIGHEST for total in accumulate(times)):
            return f"{device}: its times go too far"
    return None


def straight(block: Columns) -> Columns:
    """The block by row; ask `flaw` before."""
    columns: list[Sequence[Value]] = [list(column) for column in block["values"]]
    for name, decimals in block.get("steps", {}).items():
        totals = accumulate(cast(list[int], columns[int(name)]))
        columns[int(name)] = [total / 10**decimals for total in totals] if decimals else list(totals)
    body: dict[str, Any] = {name: value for name, value in block.items() if name not in ("by", "steps")}
    rows = [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in block["t"]]
    body |= {"mono": list(accumulate(block["mono"])), "t": list(accumulate(block["t"])), "values": rows}
    return cast(Columns, body)


def _stepped(column: Sequence[Value]) -> tuple[list[Value], int] | None:
    """A point's values as differences and their decimals; None where that would not be shorter, or not exact."""
    if all(type(value) is int for value in column):
        decimals, whole = 0, cast(list[int], list(column))
    elif all(type(value) is float for value in column):
        texts = [repr(value) for value in column]
        decimals = max(len(text.partition(".")[2]) for text in texts)
        if decimals > DECIMALS or any("e" in text or "n" in text for text in texts):
            return None
        whole = [round(cast(float, value) * 10**decimals) for value in column]
        if any(abs(one) >= _HIGHEST or one / 10**decimals != value for one, value in zip(whole, column, strict=True)):
            return None
        if any(str(value) == "-0.0" for value in column):
            return None
    else:
        return None
    differences = _differences(whole)
    if len(str(differences)) >= len(str(list(column))):
        return None
    return cast(list[Value], differences), decimals


def _differences(numbers: Sequence[int]) -> list[int]:
    return [*numbers[:1], *(later - one for one, later in pairwise(numbers))]
