"""The bulletin of vehicles online: every number is the API's for the same window; who may read which."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.reports.words import CAUSES
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Batch, Deed, Office, Store, View
from roundsman_collector.web import words
from roundsman_collector.web.saying import Saying
from tests.collector.api import world
from tests.collector.api.report_desk import PREVIEW, known, preview, share, values
from tests.collector.api.report_desk import got as asked
from tests.collector.api.test_ratios import DEED, office, store, view
from tests.collector.api.test_vehicles import lay_up
from tests.collector.api.world import at, ledger

__all__ = ["office", "store", "view"]

KIND = "online_bulletin"
WEEK = "2024-W40"
COLUMNS = {
    "Place": "place",
    "In the register": "registered",
    "On the net": "on_net",
    "To be online": "online_of",
    "Online": "online",
    "Laid up": "laid_up",
    "Not online": "missing",
}


@pytest.fixture
def fleet(store: Store, office: Office) -> None:
    """bus-31 broke before the week, bus-32 never reported and stands nowhere, bus-33 is up, bus-34 is laid up."""
    office.put_entry("group", "south", {"name_zh": "南区", "name_en": "South"}, deed=DEED)
    office.put_entry("group", "north", {"name_zh": "北区", "name_en": "North"}, deed=DEED)
    office.end_entry("installation", "bus-32", deed=Deed(who="root", at_ms=at(1)))
    broken = ledger("bus-31", (-240, -200, "up", "", ""), (-200, None, "down", "fault", "host.unreachable"))
    store.commit(Batch(now_ms=at(17), tells=[broken]))


def reader(view: View, office: Office, scope: Scope = EVERYTHING) -> TestClient:
    key = f"key-{sorted(scope.groups | scope.customers)}"
    office.add_token(key, name=key, role="viewer", scope=scope, deed=DEED)
    return world.browser(world.desk(view), Authorization=f"Bearer {key}")


# Shows S3-2.
@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("scope", "of"), [("company:", ""), ("group:south", "&of=group:south")])
def test_every_number_is_that_of_the_vehicles_of_the_api(office: Office, view: View, scope: str, of: str) -> None:
    lay_up(office, "bus-33")
    api = reader(view, office)

    found = preview(api, KIND, scope, WEEK)
    answer = asked(api, f"/api/v1/ratios/vehicles?{known(found)}{of}")

    said = values(found, "By monitoring centre")
    names = {"south": "South", "north": "North"}
    for name, row in (("all", answer["total"]), *((names[one["group"]], one) for one in answer["centres"])):
        for column, field in COLUMNS.items():
            assert said[name, column] == (None if row[field] is None else {"count": [row[field], None]}), (name, column)
        value = share(said[name, "Share online"])
        assert (value is None) == (row["online_percent"] is None)
    listed = values(found, "Each of them")
    assert {row for row, _ in listed} == {one["device"] for one in answer["missing"]}
    for one in answer["missing"]:
        assert listed[one["device"], "Online last"] == (
            None if one["last_up_ms"] is None else {"at": [one["last_up_ms"]]}
        )
        assert listed[one["device"], "Centre"]["en"] == names[one["group"]]
    ratios = {one["code"]: one for one in asked(api, f"/api/v1/ratios?{known(found)}{of}")["ratios"]}
    assert said["all", "Online"] == {"count": [int(ratios["vehicles_online"]["part"]), None]}
    assert said["all", "On the net"] == {"count": [int(ratios["vehicles_on_net"]["part"]), None]}


# Shows S3-2.
@pytest.mark.usefixtures("fleet")
def test_who_is_not_online_is_told_with_the_fault_or_the_reason(office: Office, view: View) -> None:
    found = preview(reader(view, office), KIND, "company:", WEEK)

    said, why = values(found, "Each of them"), values(found, "Why not")
    assert said["bus-31", "Reason"]["en"] == "device does not answer"
    assert said["bus-31", "Online last"] == {"at": [at(-200)]}
    assert said["bus-32", "Reason"]["en"] == "never reported"
    assert {reason: told["number"][0] for (reason, _), told in why.items()} == {"fault": 1, "never reported": 1}
    assert said["bus-32", "Site"] is None, "it stands nowhere"


@pytest.mark.usefixtures("fleet")
def test_a_centre_reads_its_own_and_customers_none(office: Office, view: View) -> None:
    north = reader(view, office, Scope(groups=frozenset({"north"})))
    bank = reader(view, office, Scope(customers=frozenset({"bank"})))
    address = f"{PREVIEW}?kind={KIND}&period={WEEK}&scope="

    assert north.get(f"{address}group:north").status_code == 200
    assert [north.get(f"{address}{scope}").status_code for scope in ("group:south", "company:")] == [404, 404]
    assert [bank.get(f"{address}{scope}").status_code for scope in ("group:south", "company:")] == [404, 404]


def test_nothing_is_said_of_a_company_without_vehicles(tmp_path: Path) -> None:
    where = tmp_path / "empty.sqlite3"

    with Store.open(where), View.open(where) as view, Office.open(where) as office:
        found = preview(reader(view, office), KIND, "company:", WEEK)

    said = values(found, "By monitoring centre")
    assert said["all", "In the register"] == {"count": [0, None]}
    assert share(said["all", "Share online"]) is None


def test_reasons_are_called_as_the_console_calls_them() -> None:
    chinese = Saying(language="zh", now_ms=0)

    assert {cause: (one.en, one.zh) for cause, one in CAUSES.items()} == {
        cause: (words.CAUSES[cause], chinese(words.CAUSES[cause])) for cause in CAUSES
    }
