"""Every number of every kind of report is one that the API gives for the same window, or is made of such."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.issuing.kinds import KINDS
from tests.quarter import numbers, town

QUARTER, MONTH, WEEK = "2026-Q4", "2026-11", "2026-W48"
MISSED_LINE, EARLY_LINE = "site:metro-2", "site:bank-4"
COMPANY = "company:"
REPORTS = (
    *(("sla", f"contract:{one}", QUARTER) for one in ("bank", "campus", "school", "mall", "metro", "buses")),
    *(("sla", f"contract:{one}", MONTH) for one in ("bank", "campus", "school", "mall", "metro", "buses")),
    *(("site_inspection", f"site:{site}", MONTH) for _, site, _ in town.sites()),
    # The mall's quarter began on trial: what a report of it should say of the round held then is not settled.
    *(("site_inspection", f"site:{site}", QUARTER) for _, site, _ in town.sites() if site != "mall-1"),
    ("site_inspection", EARLY_LINE, "2026-10"),
    *(("cctv_quarter", one, QUARTER) for one in (MISSED_LINE, "site:metro-6")),
    *(("statistics", one, QUARTER) for one in ("contract:bank", "contract:metro", "contract:buses", "customer:school")),
    *(("statistics", one, MONTH) for one in ("contract:bank", "customer:metro")),
    *(("engineer_performance", one, QUARTER) for one in ("engineer:li", COMPANY)),
    *(("engineer_performance", one, MONTH) for one in ("engineer:wang", COMPANY)),
    *(("online_bulletin", one, WEEK) for one in ("group:centre-1", "group:centre-2", COMPANY)),
    ("online_bulletin", COMPANY, QUARTER),
    ("acceptance", "site:mall-1", QUARTER),
    ("acceptance", "site:bank-1", MONTH),
    ("weekly", COMPANY, WEEK),
    ("weekly", COMPANY, MONTH),
    ("monthly_file", COMPANY, MONTH),
    ("handed_in", COMPANY, MONTH),
)
"""Kind, scope, period: whatever has something to say."""


@pytest.mark.parametrize(("kind", "scope", "period"), REPORTS)
def test_every_number_of_a_report_is_one_that_the_api_gives(
    api: TestClient, kind: str, scope: str, period: str
) -> None:
    found = previewed(api, kind, scope, period)

    assert numbers.unseen(api, found) == []


def test_every_kind_of_report_is_compared_about_whatever_it_can_be() -> None:
    assert {kind for kind, _, _ in REPORTS} == set(KINDS)
    assert {(kind, scope.partition(":")[0]) for kind, scope, _ in REPORTS} == {
        (kind.id, scope) for kind in KINDS.values() for scope in kind.scopes
    }


def test_a_number_that_nobody_compares_is_told(api: TestClient) -> None:
    found = previewed(api, "monthly_file", COMPANY, MONTH)
    new = {"part_en": "New", "row": {"zh": "行", "en": "row"}, "column_en": "Count", "value": {"count": [3, None]}}
    row = next(line for line in found["lines"] if line["part_en"] == "By ticket")

    told = numbers.unlike(
        api, {**found, "lines": [*found["lines"], new, {**row, "column_en": "More", "value": {"span": [7]}}]}
    )

    assert [one.partition(": ")[2] for one in told] == [
        f"By ticket / {row['row']} / More: nobody compares (7,)",
        "New / row / Count: nobody compares (3,)",
    ]


def previewed(api: TestClient, kind: str, scope: str, period: str) -> dict[str, Any]:
    """A report as it would be now."""
    answer = api.get("/api/v1/reports/preview", params={"kind": kind, "scope": scope, "period": period})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
