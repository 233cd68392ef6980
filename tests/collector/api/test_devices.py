"""Devices, their readings, ledger, conditions and availability, as programs get them."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.store import Batch, Store
from tests.collector.api.world import HOUR, MINUTE, NOW, at, ledger
from tests.collector.store.cast import TODAY

DAY = f"from={TODAY}&to={NOW}"


def got(api: TestClient, path: str) -> Any:
    answer = api.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_has_every_device_with_its_word_and_reason(api: TestClient) -> None:
    devices = got(api, "/devices")["devices"]

    assert [(one["id"], one["state"], one["state_zh"], one["why"]) for one in devices] == [
        ("bus-31", "unknown", "未知", "silent"),
        ("kiosk-7", "warning", "告警", "printer.cover_open"),
        ("new-1", "unknown", "未知", "never_seen"),
        ("nvr-2", "offline", "离线", "host.unreachable"),
        ("ups-2", "normal", "正常", ""),
    ]


def test_the_list_comes_in_pages(api: TestClient) -> None:
    found, after = [], ""
    for _ in range(3):
        page = got(api, f"/devices?limit=2&after={after}")
        found += [one["id"] for one in page["devices"]]
        after = page["next_after"]

    assert found == ["bus-31", "kiosk-7", "new-1", "nvr-2", "ups-2"]
    assert after is None


def test_the_list_of_one_group(api: TestClient) -> None:
    assert len(got(api, "/devices?group=south")["devices"]) == 5
    assert got(api, "/devices?group=north")["devices"] == []


def test_a_device_shows_how_it_stands_and_what_it_read(api: TestClient) -> None:
    one = got(api, "/devices/kiosk-7")

    assert one["ledger"] == {
        "state": "up",
        "cause": "",
        "fault": "",
        "since_ms": at(14),
        "since": "2024-10-04T14:00:00.000Z",
    }
    assert (one["covered_to_ms"], one["covered_to"]) == (NOW, "2024-10-04T18:00:00.000Z")
    assert [(held["code"], held["name_zh"], held["first"]["n"]) for held in one["conditions"]] == [
        ("printer.cover_open", "打印机上盖未合", 9)
    ]
    readings = {reading["name"]: reading for reading in one["readings"]}
    assert readings["printer.cover"] == {
        "name": "printer.cover",
        "value": "open",
        "unit": "word",
        "name_zh": "打印机上盖",
        "name_en": "cover",
        "word_zh": "未合",
        "word_en": "open",
    }
    assert readings["clock.max_error_ms"]["value"] is None
    assert readings["vendor.secret_thing"]["name_zh"] == "vendor.secret_thing"


def test_a_device_that_never_reported_says_so(api: TestClient) -> None:
    one = got(api, "/devices/new-1")

    assert (one["state"], one["ledger"], one["readings"], one["covered_to"]) == ("unknown", None, None, None)


def test_readings_are_samples_with_their_references_and_clocks(api: TestClient) -> None:
    samples = got(api, f"/devices/kiosk-7/readings?{DAY}")["samples"]

    assert [(one["stream"], one["n"], one["clock"]) for one in samples] == [
        ("s1", 4, "unsynchronised"),
        ("s1", 3, "ntp"),
        ("s1", 2, "ntp"),
        ("s1", 1, "ntp"),
    ]
    assert (samples[-1]["t_ms"], samples[-1]["t"]) == (at(12), "2024-10-04T12:00:00.000Z")
    assert samples[-1]["received_ms"] == at(12) + MINUTE + 300
    assert samples[-1]["readings"]["printer.paper"] == "end"
    assert samples[0]["readings"] == {}


def test_readings_come_in_pages_of_whole_reports(api: TestClient) -> None:
    first = got(api, f"/devices/kiosk-7/readings?{DAY}&limit=1")
    second = got(api, f"/devices/kiosk-7/readings?{DAY}&limit=1&before={first['next_before']}")

    assert [one["n"] for one in first["samples"]] == [4, 3]
    assert [one["n"] for one in second["samples"]] == [2, 1]
    assert second["next_before"] is None


def test_the_ledger_in_order_as_known_now(api: TestClient) -> None:
    found = got(api, f"/devices/kiosk-7/intervals?{DAY}")

    assert [(one["state"], one["fault"], one["from_ms"], one["to_ms"]) for one in found["intervals"]] == [
        ("up", "", at(0), at(12)),
        ("down", "printer.paper_end", at(12), at(14)),
        ("up", "", at(14), None),
    ]
    assert found["next_from_ms"] is None


def test_the_ledger_as_it_was_known_then(api: TestClient) -> None:
    found = got(api, f"/devices/kiosk-7/intervals?{DAY}&known={at(13)}")

    assert [(one["state"], one["to_ms"]) for one in found["intervals"]] == [("up", at(12)), ("down", None)]


def test_the_ledger_comes_in_pages_without_holes(api: TestClient) -> None:
    states, begin = [], TODAY
    while begin is not None:
        page = got(api, f"/devices/kiosk-7/intervals?from={begin}&to={NOW}&limit=1")
        states += [one["state"] for one in page["intervals"]]
        begin = page["next_from_ms"]

    assert states == ["up", "down", "up"]


def test_conditions_with_names_and_evidence(api: TestClient) -> None:
    first = got(api, f"/devices/kiosk-7/conditions?{DAY}&limit=1")
    second = got(api, f"/devices/kiosk-7/conditions?{DAY}&limit=1&offset={first['next_offset']}")

    assert [(one["code"], one["from_ms"], one["to_ms"]) for one in first["conditions"] + second["conditions"]] == [
        ("printer.paper_end", at(12), at(14)),
        ("printer.cover_open", at(17), None),
    ]
    assert first["conditions"][0]["confirmed"] == {
        "stream": "s1",
        "n": 2,
        "t_ms": at(12) + MINUTE,
        "t": "2024-10-04T12:01:00.000Z",
    }
    assert second["next_offset"] is None


def test_availability_is_exact_and_leads_to_its_evidence(api: TestClient) -> None:
    found = got(api, f"/devices/kiosk-7/availability?from={TODAY - 6 * HOUR}&to={NOW}")

    assert {name: found[name] for name in ("base_ms", "up_ms", "down_ms", "unknown_ms", "excluded_ms")} == {
        "base_ms": 18 * HOUR,  # in service since midnight: what lies before counts nowhere
        "up_ms": 16 * HOUR,
        "down_ms": 2 * HOUR,
        "unknown_ms": 0,
        "excluded_ms": 0,
    }
    assert (found["outages"], found["longest_ms"]) == (1, 2 * HOUR)
    assert (found["availability"], found["availability_percent"]) == ("8/9", "88.8889")
    assert (found["coverage"], found["coverage_percent"]) == ("1", "100.0000")
    assert (found["bounds"], found["bounds_percent"]) == (["8/9", "8/9"], ["88.8889", "88.8889"])
    ledger_of_it = api.get(found["links"]["intervals"]).json()["intervals"]
    down_ms = sum(one["to_ms"] - one["from_ms"] for one in ledger_of_it if one["state"] == "down")
    assert down_ms == found["down_ms"]


def test_the_open_interval_counts_to_the_end_of_the_evidence_only(api: TestClient, store: Store) -> None:
    """ups-2 has been up since midnight and is covered to 18:00; asked about the time to 20:00, two hours are ahead."""
    store.commit(Batch(now_ms=NOW, tells=[ledger("bus-31", (15, None, "up", "", ""))]))

    bus = got(api, f"/devices/bus-31/availability?{DAY}")
    ups = got(api, f"/devices/ups-2/availability?from={TODAY}&to={at(20)}")

    assert (bus["up_ms"], bus["unknown_ms"], bus["coverage"]) == (15 * HOUR, 3 * HOUR, "5/6")
    assert (ups["base_ms"], ups["up_ms"], ups["unknown_ms"]) == (18 * HOUR, 18 * HOUR, 0)


def test_a_device_nobody_heard_of_is_not_100_percent_and_not_0(api: TestClient) -> None:
    found = got(api, f"/devices/new-1/availability?{DAY}")

    assert (found["availability"], found["availability_percent"]) == (None, None)
    assert (found["coverage"], found["bounds"]) == ("0", ["0", "1"])


def test_availability_as_it_was_known_then(api: TestClient) -> None:
    found = got(api, f"/devices/kiosk-7/availability?{DAY}&known={at(13)}")

    assert (found["base_ms"], found["up_ms"], found["down_ms"]) == (13 * HOUR, 12 * HOUR, HOUR)


def test_almost_all_is_never_told_as_all(api: TestClient, store: Store) -> None:
    blip = Retold(
        "ups-2",
        TODAY,
        (Segment(TODAY, TODAY + 1, "down", "fault", "host.unreachable"), Segment(TODAY + 1, None, "up", "", "")),
    )
    store.commit(Batch(now_ms=NOW, tells=[blip]))

    found = got(api, f"/devices/ups-2/availability?from={TODAY}&to={NOW}")

    assert (found["down_ms"], found["availability_percent"]) == (1, "99.9999")


@pytest.mark.parametrize("tail", ["", "/readings", "/intervals", "/conditions", "/availability"])
@pytest.mark.parametrize("device", ["nvr-9", "%2e%2e", "<script>", "x" * 64])
def test_a_device_that_is_not_there_is_a_problem(api: TestClient, device: str, tail: str) -> None:
    answer = api.get(f"/api/v1/devices/{device}{tail}")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_device")
    assert set(answer.json()) == {"type", "title", "status", "detail", "where", "expected", "do"}


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/devices?limit=0", "query.limit"),
        ("/devices?limit=1001", "query.limit"),
        ("/devices?limit=many", "query.limit"),
        (f"/devices?after={'x' * 65}", "query.after"),
        (f"/devices/{'x' * 65}", "path.device_id"),
        ("/devices/kiosk-7/readings?from=soon", "from"),
        ("/devices/kiosk-7/readings?from=2024-10-04T00:00:00", "from"),
        ("/devices/kiosk-7/readings?before=0", "query.before"),
        (f"/devices/kiosk-7/readings?from=0&to={NOW}", "from, to"),
        (f"/devices/kiosk-7/intervals?from={NOW}&to={NOW}", "from, to"),
        (f"/devices/kiosk-7/intervals?from=0&to={NOW}", "from, to"),
        ("/devices/kiosk-7/intervals?known=never", "known"),
        ("/devices/kiosk-7/conditions?offset=-1", "query.offset"),
        ("/devices/kiosk-7/availability?to=99999999999999999", "to"),
    ],
)
def test_a_bad_parameter_is_told_by_name(api: TestClient, path: str, where: str) -> None:
    answer = api.get(f"/api/v1{path}")

    assert (answer.status_code, answer.json()["where"]) == (422, where)
    assert answer.headers["content-type"] == "application/problem+json"
