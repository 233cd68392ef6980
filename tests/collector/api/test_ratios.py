"""The ratios of the trade over HTTP and as a page: what they are made of, who sees what, and what nobody can say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Batch, By, ConditionsTold, Deed, DeviceEntry, Office, Store, View, Wish
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW, at, held, ledger, present
from tests.collector.store.cast import TODAY, staffed

API = "/api/v1/ratios"
DEED = Deed(who="root", at_ms=TODAY)
METRO = Scope(customers=frozenset({"metro"}))
BANK = Scope(customers=frozenset({"bank"}))
DAY = f"from={TODAY}&to={NOW}"
CHANNELS: dict[str, object] = {
    "nvr.state": "online",
    "channel[1].state": "online",
    "channel[1].image": "ok",
    "channel[1].recorded_percent": 100,
    "channel[1].retained_days": 31,
    "channel[1].required_days": 30,
    "channel[2].state": "no_stream",
    "channel[2].recorded_percent": 95.5,
    "channel[2].retained_days": 12,
    "channel[2].required_days": 30,
    "channel[3].state": "empty",
    "channel[3].recorded_percent": 0,
    "channel[4].state": "online",
    "channel[4].image": "black",
    "channel[4].retained_days": 90,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """nvr-2 of metro: up all day; channel 2 lost since noon. bus-31 up till 15:00, bus-32 never seen, both of the bank.

    bus-33 was up in the morning and is laid up today.
    """
    with staffed(tmp_path / "roundsman.sqlite3") as opened:
        for number in (32, 33):
            entry = DeviceEntry(id=f"bus-{number}", kind="vehicle", name_zh=f"{number} 路", name_en=f"Bus {number}")
            opened.add_agent(f"bus-{number}", "north", [entry], TODAY)
        opened.commit(
            Batch(
                now_ms=NOW - 60_000,
                tells=[
                    ledger("nvr-2", (0, None, "up", "", "")),
                    ledger("bus-31", (0, 15, "up", "", ""), (15, None, "unknown", "silent", "")),
                    ledger("bus-33", (-24, None, "up", "", "")),
                ],
                conditions=[
                    ConditionsTold(
                        conditions=(
                            held("nvr-2", "channel[2]", "cam.offline", 12, None, 1),
                            held("@bus-31", "agent", "agent.silent", 15, None, 70),
                        )
                    )
                ],
                device_now=[
                    present("nvr-2", 2, 18, CHANNELS),
                    present("bus-31", 3, 15),
                    present("bus-33", 5, 18),
                ],
            )
        )
        yield opened


@pytest.fixture
def view(store: Store, tmp_path: Path) -> Iterator[View]:
    with View.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


@pytest.fixture
def office(view: View) -> Iterator[Office]:
    with Office.open(view._place.path or "") as opened:
        for customer, devices in (("metro", ["nvr-2"]), ("bank", ["bus-31", "bus-32", "bus-33"])):
            opened.put_entry("customer", customer, {"name_zh": customer, "name_en": customer.title()}, deed=DEED)
            site = {"customer": customer, "group_id": "south", "name_zh": "站", "name_en": "Station"}
            opened.put_entry("site", f"{customer}-1", site, deed=DEED)
            opened.put_entry(
                "place", f"{customer}-1-a", {"site": f"{customer}-1", "name_zh": "a", "name_en": "a"}, deed=DEED
            )
            for device in devices:
                opened.put_entry("installation", device, {"place": f"{customer}-1-a"}, deed=DEED)
        yield opened


def asked(office: Office, view: View, query: str = DAY, scope: Scope = EVERYTHING) -> dict[str, dict[str, Any]]:
    key = f"key-{sorted(scope.customers)}"
    office.add_token(key, name=key, role="viewer", scope=scope, deed=DEED)
    answer = world.browser(world.desk(view), Authorization=f"Bearer {key}").get(f"{API}?{query}")
    assert answer.status_code == 200, answer.text
    return {one["code"]: one for one in answer.json()["ratios"]}


def numbers(one: dict[str, Any]) -> tuple[str | None, str | None, str]:
    return one["part"], one["whole"], one["why"]


# --- points ----------------------------------------------------------------------------------------------------------


def test_points_are_counted_now_without_the_one_that_has_no_camera(office: Office, view: View) -> None:
    now = asked(office, view)["points_online_now"]

    assert numbers(now) == ("2", "3", "")
    assert (now["left_out"], now["value_percent"]) == ({"not_configured": "1"}, "66.6667")


def test_points_over_time_lose_what_the_channel_lost(office: Office, view: View) -> None:
    told = asked(office, view)["points_online"]

    assert numbers(told) == (str(48 * HOUR), str(54 * HOUR), "")
    assert told["unit"] == "ms"


def test_recordings_and_pictures_are_those_of_configured_channels(office: Office, view: View) -> None:
    told = asked(office, view)

    assert numbers(told["recordings_complete"]) == ("391/2", "200", "")
    assert told["recordings_complete"]["unknown"] == "100", "channel 4 does not say"
    assert numbers(told["recordings_kept"]) == ("1", "2", "")
    assert told["recordings_kept"]["left_out"] == {"not_required": "1"}
    assert numbers(told["pictures_good"]) == ("1", "2", "")
    assert told["pictures_good"]["left_out"] == {"not_diagnosed": "1"}


@pytest.mark.parametrize(
    ("told", "numbers_now", "unknown"),
    [
        (ledger("nvr-2", (17, None, "down", "fault", "host.unreachable")), ("0", "3"), "0"),
        (ledger("nvr-2", (17, None, "down", "power", "power.lost")), ("0", "3"), "0"),
        (ledger("nvr-2", (17, None, "down", "fault", "nvr.disk_error")), ("2", "3"), "0"),
        (ledger("nvr-2", (17, None, "unknown", "silent", "")), ("0", "0"), "3"),
    ],
)
def test_a_recorder_that_tells_nothing_takes_its_channels_along(
    store: Store, office: Office, view: View, told: Any, numbers_now: tuple[str, str], unknown: str
) -> None:
    store.commit(Batch(now_ms=NOW - 1000, tells=[told]))

    now = asked(office, view)["points_online_now"]

    assert (now["part"], now["whole"], now["unknown"]) == (*numbers_now, unknown)


def test_evidence_that_ended_an_hour_ago_says_nothing_of_now(store: Store, office: Office, view: View) -> None:
    store.commit(Batch(now_ms=NOW - 1000, device_now=[present("nvr-2", 2, 17, CHANNELS)]))

    told = asked(office, view)

    assert (told["points_online_now"]["value"], told["points_online_now"]["unknown"]) == (None, "3")
    assert told["points_online_now"]["why"] == "nothing_known"
    assert told["points_online"]["unknown"] == str(3 * HOUR)


def test_readings_of_days_ago_are_worth_nothing(store: Store, office: Office, view: View) -> None:
    store.commit(Batch(now_ms=NOW - 1000, device_now=[present("nvr-2", 2, -24, CHANNELS)]))

    told = asked(office, view)

    assert (told["recordings_complete"]["value"], told["recordings_kept"]["value"]) == (None, None)
    assert told["pictures_good"]["value"] is None


def test_readings_that_are_no_numbers_are_not_counted(store: Store, office: Office, view: View) -> None:
    odd = {"recorded_percent": 140, "retained_days": -3, "required_days": True, "state": "flying", "image": 7}
    rubbish = {f"channel[9].{name}": value for name, value in odd.items()}
    store.commit(Batch(now_ms=NOW - 1000, device_now=[present("nvr-2", 2, 18, {"channel[": 1, **rubbish})]))

    told = asked(office, view)

    assert [told[code]["value"] for code in ("points_online_now", "recordings_complete", "recordings_kept")] == [
        None
    ] * 3
    assert told["pictures_good"]["value"] == "0"


def test_what_is_read_now_cannot_be_asked_of_the_past(office: Office, view: View) -> None:
    told = asked(office, view, f"from={TODAY}&to={NOW - HOUR}")
    known = asked(office, view, f"{DAY}&known={NOW}")

    assert numbers(told["points_online_now"]) == (None, None, "only_now")
    assert numbers(known["recordings_kept"]) == (None, None, "only_now")
    assert told["points_online"]["value"] is not None


def test_a_recorder_that_moved_counts_with_each_customer_for_its_time_there(office: Office, view: View) -> None:
    office.put_entry(
        "installation", "nvr-2", {"place": "bank-1-a"}, deed=Deed(who="root", at_ms=NOW - 1), from_ms=at(9)
    )

    metro = asked(office, view, f"{DAY}&of=customer:metro")["points_online"]
    bank = asked(office, view, DAY, BANK)["points_online"]

    assert numbers(metro) == (str(3 * 9 * HOUR), str(3 * 9 * HOUR), "")
    assert numbers(bank) == (str(21 * HOUR), str(27 * HOUR), "")


# --- vehicles and links ----------------------------------------------------------------------------------------------


def test_vehicles_are_on_the_net_once_they_were_up(office: Office, view: View) -> None:
    told = asked(office, view)

    assert numbers(told["vehicles_on_net"]) == ("2", "3", "")
    assert numbers(told["vehicles_online"]) == ("2", "2", "")
    assert told["vehicles_online"]["left_out"] == {"never_reported": "1"}


def test_a_vehicle_that_was_not_up_in_the_period_is_on_the_net_and_not_online(office: Office, view: View) -> None:
    told = asked(office, view, f"from={at(16)}&to={NOW}")

    assert numbers(told["vehicles_online"]) == ("1", "2", "")


def test_a_vehicle_that_is_laid_up_is_left_out(office: Office, view: View) -> None:
    wish = Wish(
        kind="exclusion",
        scope="device",
        target="bus-33",
        from_ms=TODAY - 24 * HOUR,
        to_ms=None,
        reason="laid_up",
        text="报停",
    )
    office.add_person("li", name="li", role="dispatcher", scope=EVERYTHING, deed=DEED)
    made = office.propose_overlay(wish, deed=DEED, by=By())
    office.act_on_overlay(made, "approve", deed=Deed(who="li", at_ms=TODAY + 1), by=By(may_approve=True))

    told = asked(office, view)

    assert numbers(told["vehicles_on_net"]) == ("1", "2", "")
    assert told["vehicles_online"]["left_out"] == {"never_reported": "1", "laid_up": "1"}


def test_links_stand_while_agents_are_heard(office: Office, view: View) -> None:
    told = asked(office, view, f"{DAY}&of=customer:bank")["links_connected"]

    assert numbers(told) == (str((15 + 18) * HOUR), str(36 * HOUR), "")
    assert told["unknown"] == str(18 * HOUR), "bus-32 was never heard"
    assert told["bounds_percent"] == ["61.1111", "94.4444"]


# --- what nobody can say, and who sees what --------------------------------------------------------------------------


def test_what_has_no_source_says_so_and_has_no_number(office: Office, view: View) -> None:
    told = asked(office, view)

    for code in ("tracks_complete", "data_qualified", "vehicles_drifting"):
        assert (*numbers(told[code]), told[code]["value_percent"]) == (None, None, "no_source", None)


def test_a_viewer_of_one_customer_sees_its_devices_alone(office: Office, view: View) -> None:
    told = asked(office, view, scope=METRO)

    assert numbers(told["points_online_now"]) == ("2", "3", "")
    assert numbers(told["vehicles_on_net"]) == (None, None, "no_devices")
    other = asked(office, view, f"{DAY}&of=customer:bank", METRO)
    assert {one["why"] for one in other.values()} == {"no_devices", "no_source"}


@pytest.mark.parametrize("of", ["customer:bank", "site:bank-1", "place:bank-1-a"])
def test_ratios_are_narrowed_to_a_part(office: Office, view: View, of: str) -> None:
    told = asked(office, view, f"{DAY}&of={of}")

    assert numbers(told["points_online"]) == (None, None, "no_devices")
    assert numbers(told["vehicles_on_net"]) == ("2", "3", "")


@pytest.mark.parametrize("of", ["planet:mars", "site", "site:"])
def test_a_part_that_is_none_is_refused(office: Office, view: View, of: str) -> None:
    office.add_token("k", name="k", role="viewer", scope=EVERYTHING, deed=DEED)

    answer = world.browser(world.desk(view), Authorization="Bearer k").get(f"{API}?of={of}")

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:roundsman:problem:bad_parameter")


def test_an_empty_database_has_no_ratio_at_all(tmp_path: Path) -> None:
    where = tmp_path / "empty.sqlite3"

    with Store.open(where), View.open(where) as view, Office.open(where) as office:
        told = asked(office, view)

    assert {one["value"] for one in told.values()} == {None}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ["points online, now", "66.67%", "no camera configured", "Nothing reports it yet.", "now"]),
        ("?window=1d&of=customer:bank", ["There are no such devices here.", "100.00%", "never reported"]),
    ],
)
def test_the_page_shows_each_with_its_two_numbers(office: Office, view: View, query: str, words: list[str]) -> None:
    office.add_person("li", name="li", role="viewer", scope=EVERYTHING, language="en", deed=DEED)

    answer = world.signed_in(world.desk(view), "li", **{"Accept-Language": "en"}).get(f"/ratios{query}")

    assert answer.status_code == 200
    assert [one for one in words if one not in answer.text] == []
