"""What reports say, read from their previews: every number by its part, row and column."""

from fractions import Fraction
from typing import Any

from starlette.testclient import TestClient

from roundsman_collector.store import Deed, Office
from tests.collector.api import world
from tests.collector.api.world import NOW, at

PREVIEW = "/api/v1/reports/preview"
DEED = Deed(who="admin", at_ms=NOW - 10)


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def preview(api: TestClient, kind: str, scope: str, period: str = "2024-10") -> dict[str, Any]:
    """A report as it would be now."""
    found: dict[str, Any] = got(api, f"{PREVIEW}?kind={kind}&scope={scope}&period={period}")
    return found


def values(found: dict[str, Any], part: str) -> dict[tuple[Any, str], Any]:
    """What a part says, by row and column, in English."""
    told = {(name(one["row"]), one["column_en"]): one["value"] for one in found["lines"] if one["part_en"] == part}
    assert told, f"there is no part {part!r}: {sorted({one['part_en'] for one in found['lines']})}"
    return told


def name(row: Any) -> Any:
    """What a row is called: a label in English, a component, a text; of several pieces, the first."""
    if isinstance(row, list):
        return name(row[0])
    if isinstance(row, dict):
        return row["en"] if "en" in row else next(iter(row.values()))[0]
    return row


def share(value: dict[str, Any]) -> str | None:
    """A share as the API tells fractions."""
    part, whole, _ = value["share"]
    return None if part is None or not Fraction(whole) else str(Fraction(part) / Fraction(whole))


def window(found: dict[str, Any]) -> str:
    """The same window, for another question."""
    return f"from={found['from_ms']}&to={found['to_ms']}"


def known(found: dict[str, Any]) -> str:
    """The same window as known when the report was."""
    return f"{window(found)}&known={found['known_ms']}"


def settle(office: Office, **of_site: str) -> None:
    """The places of world.py since the morning; metro's site under a contract that promises 99.5 %."""
    contract = {"customer": "metro", "name": "M-2024", "accepted_on": "2024-01-01", "target_percent": "99.5"}
    more: dict[str, dict[str, str]] = {"metro-a": {"contract": "metro-c", **of_site}}
    for kind, name, fields in (*world.PLACES[:2], ("contract", "metro-c", contract), *world.PLACES[2:]):
        office.put_entry(kind, name, {**fields, **more.get(name, {})}, from_ms=at(0), deed=DEED)  # type: ignore[arg-type]
