"""/availability and the intervals behind a percentage: exact, as known then, and nothing of another customer."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.model import Condition
from roundsman_collector.core.rulebook import Function
from roundsman_collector.store import Batch, ConditionsTold, Deed, Store, View
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW, at, ledger
from tests.collector.store.cast import TODAY

ADDRESS = "/api/v1/availability"
DAY = f"from={TODAY}&to={NOW}"


def got(api: TestClient, path: str) -> dict[str, Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def viewer(view: View) -> TestClient:
    """Somebody who may see what the customer metro has: kiosk-7 and nvr-2."""
    early = Deed(who="admin", at_ms=TODAY)
    at_desk = world.desk(view)
    for kind, name, fields in world.PLACES:
        at_desk.office.put_entry(kind, name, fields, deed=early)
    return world.signed_in(at_desk, "viewer")


def test_figures_by_device_have_the_worst_first_and_add_up(api: TestClient) -> None:
    found = got(api, f"{ADDRESS}?by=device&{DAY}")

    assert [row["key"] for row in found["rows"]] == ["kiosk-7", "nvr-2", "bus-31", "ups-2", "new-1"]
    for name in ("base_ms", "up_ms", "down_ms", "unknown_ms", "excluded_ms", "outages", "devices"):
        assert found["total"][name] == sum(row[name] for row in found["rows"])
    kiosk = found["rows"][0]
    assert (kiosk["name_zh"], kiosk["availability"], kiosk["availability_percent"]) == ("自助终端 7", "8/9", "88.8889")
    assert kiosk["split"] == [{"state": "down", "cause": "fault", "fault": "printer.paper_end", "ms": 2 * HOUR}]
    assert (kiosk["mttr_ms"], kiosk["mtbf_ms"]) == (2 * HOUR, 16 * HOUR)


def test_the_three_ratios_stand_beside_each_other(api: TestClient, store: Store) -> None:
    store.commit(Batch(now_ms=NOW, tells=[ledger("kiosk-7", (16, None, "unknown", "silent", ""))]))

    kiosk = got(api, f"{ADDRESS}?of=device:kiosk-7&{DAY}")["total"]

    assert kiosk["availability"] == "7/8"  # 14 h up, 2 h down
    assert kiosk["power_on"]["rate"] == "7/9"  # of 18 h of service
    assert {name: ms for name, ms in kiosk["power_on"].items() if name.endswith("_ms") and ms} == {
        "service_ms": 18 * HOUR,
        "up_ms": 14 * HOUR,
        "unknown_ms": 2 * HOUR,
        "fault_ms": 2 * HOUR,
    }
    assert kiosk["contract"]["availability"] == "7/8"


def test_buckets_are_local_days_and_add_up_to_the_total(api: TestClient) -> None:
    total = got(api, f"{ADDRESS}?bucket=day&of=device:kiosk-7&{DAY}")["total"]

    assert [(one["bucket"], one["up_ms"], one["down_ms"]) for one in total["buckets"]] == [
        ("2024-10-04", 14 * HOUR, 2 * HOUR),
        ("2024-10-05", 2 * HOUR, 0),
    ]


def test_a_row_leads_to_its_devices_and_a_device_to_its_intervals(api: TestClient) -> None:
    row = next(one for one in got(api, f"{ADDRESS}?by=kind&{DAY}")["rows"] if one["key"] == "nvr")
    device = got(api, row["links"]["devices"])["rows"][0]

    behind = got(api, device["links"]["reckoning"])

    assert device["key"] == "nvr-2"
    for state in ("up", "down", "unknown", "excluded"):
        assert sum(one["ms"] for one in behind["intervals"] if one["state"] == state) == row[f"{state}_ms"]
    assert [(one["from_ms"], one["to_ms"], one["codes"]) for one in behind["outages_listed"]] == [
        (at(9), at(9) + 30_000, ["host.unreachable"]),
        (at(17.5), at(18), ["host.unreachable"]),
    ]


def test_every_interval_has_its_evidence(api: TestClient) -> None:
    found = got(api, f"/api/v1/devices/kiosk-7/reckoning?from={TODAY - HOUR}&to={NOW + HOUR}")

    assert [(one["from_ms"], one["to_ms"], one["state"], one["cause"], one["by"]) for one in found["intervals"]] == [
        (TODAY - HOUR, TODAY, "not_counted", "not_in_service", "evidence"),
        (at(0), at(12), "up", "", "evidence"),
        (at(12), at(14), "down", "fault", "evidence"),
        (at(14), at(18), "up", "", "evidence"),
    ]
    down = found["intervals"][2]
    faults = got(api, down["links"]["conditions"])["conditions"]
    assert [one["code"] for one in faults] == ["printer.paper_end"]
    assert len(got(api, down["links"]["readings"])["samples"]) == 4


def test_an_overlay_that_decided_an_interval_is_named(api: TestClient, view: View) -> None:
    connection = view._ask.raw_connection()
    connection.cursor().execute(
        "INSERT INTO overlay (id, kind, scope, target, from_ms, to_ms, state, reason, text, document, made_ms, made_by)"
        " VALUES (7, 'correction', 'device', 'kiosk-7', "
        f"{at(12)}, {at(13)}, 'up', 'found_working', '', '', {at(15)}, 'li')"
    )
    connection.cursor().execute(
        "INSERT INTO overlay_event (id, overlay_id, at_ms, who, verb, text) "
        f"VALUES (1, 7, {at(16)}, 'wang', 'approve', '')"
    )
    connection.commit()
    connection.close()

    now = got(api, f"/api/v1/devices/kiosk-7/reckoning?{DAY}")
    then = got(api, f"/api/v1/devices/kiosk-7/reckoning?{DAY}&known={at(15.5)}")

    corrected = now["intervals"][1]
    assert (corrected["state"], corrected["by"], corrected["by_id"]) == ("up", "correction", "7")
    assert corrected["links"]["overlay"] == "/api/v1/overlays/7"
    assert (now["down_ms"], then["down_ms"]) == (HOUR, 3 * HOUR + HOUR // 2)  # then nobody knew of the new paper yet


def test_a_long_list_of_intervals_goes_on_where_it_was_cut(api: TestClient) -> None:
    first = got(api, f"/api/v1/devices/kiosk-7/reckoning?{DAY}&limit=2")

    assert [one["from_ms"] for one in first["intervals"]] == [at(0), at(12)]
    assert first["next_from_ms"] == at(14)


def test_a_function_has_figures_of_its_own(view: View, store: Store) -> None:
    gone = Condition(
        "ups-2",
        "bank",
        "ups.bank",
        at(3),
        at(6),
        world.ref(3, 1),
        world.ref(3, 2),
        effect="degraded",
        function="backup",
    )
    store.commit(Batch(now_ms=NOW, conditions=[ConditionsTold(conditions=(gone,))]))
    functions = {"backup": Function(name="backup", zh="备电", en="backup power", kinds=("ups",), critical=False)}
    at_desk = world.desk(view, functions=functions)
    api = world.browser(at_desk, Authorization=f"Bearer {world.TOKEN}")

    found = got(api, f"{ADDRESS}?by=function&{DAY}")
    behind = got(api, f"/api/v1/devices/ups-2/reckoning?function=backup&{DAY}")

    assert [(row["key"], row["name_zh"], row["down_ms"]) for row in found["rows"]] == [("backup", "备电", 3 * HOUR)]
    assert found["total"]["devices"] == 5
    assert [one["by"] for one in behind["intervals"]] == ["evidence", "condition", "evidence"]
    assert api.get(f"{ADDRESS}?function=cash").status_code == 422


def test_a_viewer_of_one_customer_learns_nothing_of_another(viewer: TestClient) -> None:
    by_customer = got(viewer, f"{ADDRESS}?by=customer&{DAY}")
    by_device = got(viewer, f"{ADDRESS}?by=device&{DAY}")
    other = got(viewer, f"{ADDRESS}?by=device&of=customer:hush&{DAY}")

    assert [row["key"] for row in by_customer["rows"]] == ["metro"]
    assert {row["key"] for row in by_device["rows"]} == {"kiosk-7", "nvr-2"}
    assert (other["found"], other["rows"], other["total"]["base_ms"]) == (0, [], 0)
    assert "hush" not in str(by_customer) + str(by_device)
    assert viewer.get(f"/api/v1/devices/ups-2/reckoning?{DAY}").status_code == 404


def test_who_reaches_nothing_sees_nothing(view: View) -> None:
    nobody = world.signed_in(world.desk(view), "nobody")

    assert got(nobody, f"{ADDRESS}?by=device&{DAY}")["found"] == 0


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("by=planet", "by"),
        ("of=kiosk-7", "of"),
        ("of=planet:mars", "of"),
        ("of=:x", "of"),
        ("bucket=week", "bucket"),
        (f"bucket=day&from=0&to={9 * 366 * 24 * HOUR}", "bucket"),
        ("function=cash", "function"),
        ("limit=0", "query.limit"),
        ("from=yesterday", "from"),
    ],
)
def test_what_cannot_be_used_is_named(api: TestClient, query: str, where: str) -> None:
    answer = api.get(f"{ADDRESS}?{query}")

    assert answer.status_code == 422
    assert answer.json()["where"] == where


def test_the_same_question_is_worked_out_once(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    at_desk = world.desk(view, lists_every_s=1.0)
    api = world.browser(at_desk, Authorization=f"Bearer {world.TOKEN}")
    real = type(view).reckon
    monkeypatch.setattr(type(view), "reckon", lambda self, one: asked.append(one) or real(self, one))

    first, second = (got(api, f"{ADDRESS}?by=device&{DAY}") for _ in range(2))
    got(api, f"{ADDRESS}?by=kind&{DAY}")

    assert first == second
    assert len(asked) == 2


def test_somebody_with_another_scope_is_not_given_kept_sums(view: View) -> None:
    at_desk = world.desk(view, lists_every_s=1.0)
    world.places(at_desk.office)
    everything = world.browser(at_desk, Authorization=f"Bearer {world.TOKEN}")

    got(everything, f"{ADDRESS}?by=device&{DAY}")
    found = got(world.signed_in(at_desk, "viewer"), f"{ADDRESS}?by=device&{DAY}")

    assert {row["key"] for row in found["rows"]} == {"kiosk-7", "nvr-2"}
