"""ISAPI: what a recorder says of its channels, disks, clock and recordings; and what is no fault of its cameras."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roundsman_agent import isapi_answer, isapi_recordings, lockout
from roundsman_agent.clock import Moment
from roundsman_agent.http_visit import Reply
from roundsman_agent.isapi_recordings import LOCAL, Look, kept_days, labels_of, merged, recorded_percent
from roundsman_agent.isapi_xml import XmlError, decoded, tree
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import isapi
from roundsman_agent.probes.isapi import Document, Glance, Heard
from roundsman_wire.catalogue import misfit
from tests.agent.probes import recorder as fake
from tests.agent.probes.recorder import Recorder, Tables, hourly, usual, utc_now

Recorders: TypeAlias = Callable[..., Recorder]
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


class Clock:
    """The clock of the machine on which the agent runs: right, and kept by NTP unless a test says otherwise."""

    ntp = True

    def now(self) -> Moment:
        wall = (utc_now() - EPOCH) // timedelta(milliseconds=1)
        return Moment(wall=wall, mono=wall, boot="b00", ntp=self.ntp)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that has just started, on a machine whose clock is right."""
    monkeypatch.setattr("roundsman_agent.login.REFUSED", forgetting := lockout.Lockout())
    monkeypatch.setattr(isapi, "REFUSED", forgetting)
    monkeypatch.setattr(isapi, "SystemClock", Clock)
    monkeypatch.setattr(isapi, "_memory", {})


@pytest.fixture
def recorder() -> Iterator[Recorders]:
    made: list[Recorder] = []

    def make(tables: Tables | None = None) -> Recorder:
        made.append(Recorder(usual() if tables is None else tables))
        return made[-1]

    yield make
    for one in made:
        one.close()


def settings(device: Recorder | None = None, **more: object) -> dict[str, object]:
    here: dict[str, object] = {"host": "127.0.0.1", "user": "roundsman", "password": "look-only", "timeout_s": 8.0}
    return complete(isapi.probe, {**here, **({"port": device.port} if device else {}), **more})


def visited(device: Recorder, **more: object) -> Answer:
    chosen = settings(device, **more)
    return isapi.parse(isapi.fetch(chosen), chosen)


def parsed(documents: Mapping[str, str], **more: Any) -> Answer:
    heard = Heard(documents={path: Document(status=200, text=text) for path, text in documents.items()}, **more)
    return isapi.parse(heard, settings())


def few(**more: Any) -> Tables:
    """A recorder with two cameras: quick to look at."""
    return usual(channels={1: ("true", "connect"), 2: ("true", "connect")}, disks=[("ok", 1000, 0, "RW")], **more)


# --- a visit ----------------------------------------------------------------------------------------------------------


def test_a_recorder_tells_its_channels_disks_clock_and_itself(
    recorder: Recorders, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = visited(recorder(), recordings=False, disks_expected=4)

    assert answer.readings.pop("clock.wrong_by_s") < 2  # type: ignore[attr-defined, operator]
    assert answer.readings == {
        "nvr.state": "online",
        **{f"channel[{number}].state": "online" for number in range(1, 14)},
        "channel[14].state": "bad_credentials",
        "channel[15].state": "unreachable",
        "channel[16].state": "empty",
        "nvr.disks": 4,
        "nvr.disks_expected": 4,
        "disk[1].state": "normal",
        "disk[1].capacity_mb": 3815447,
        "disk[1].free_mb": 0,
        "disk[2].state": "normal",
        "disk[2].capacity_mb": 3815447,
        "disk[2].free_mb": 0,
        "disk[3].state": "smart_failed",
        "disk[3].capacity_mb": 3815447,
        "disk[3].free_mb": 1024,
        "disk[4].state": "idle",
        "disk[4].capacity_mb": 3815447,
        "disk[4].free_mb": 0,
        "nvr.cpu_percent": 31,
        "nvr.memory_percent": 50,
        "nvr.uptime_s": 404371,
        "nvr.overwrite": "yes",
    }
    assert answer.failed == {}
    belongs_to_the_catalogue(answer)


@pytest.mark.reads_only
def test_nothing_but_reads_is_sent_to_the_recorder(recorder: Recorders) -> None:
    device = recorder(few())

    visited(device)

    assert {asked.partition(" ")[0] for asked in device.asked} == {"GET", "POST"}
    posts = {asked for asked in device.asked if asked.startswith("POST ")}
    assert posts == {
        "POST /ISAPI/ContentMgmt/search",
        "POST /ISAPI/ContentMgmt/record/tracks/101/dailyDistribution",
        "POST /ISAPI/ContentMgmt/record/tracks/201/dailyDistribution",
    }
    assert device.refused == []
    line = http.client.HTTPConnection("127.0.0.1", device.port, timeout=5)
    line.request("PUT", "/ISAPI/System/reboot")
    assert line.getresponse().status == 405
    line.close()
    assert device.refused == ["PUT /ISAPI/System/reboot"]


def test_what_names_an_owner_is_not_kept(recorder: Recorders) -> None:
    heard = isapi.fetch(settings(recorder(few()), recordings=False))

    text = str(heard)
    for secret in ("CCRRE12345678WCVU", "24:0f:9b", "48443030", "东门", "192.168.1.101", ">admin<", "look-only"):
        assert secret not in text


def test_only_the_channels_that_are_named_are_told_and_one_that_is_gone_is_not_passed_over(recorder: Recorders) -> None:
    answer = visited(recorder(), recordings=False, channels=["13-15", "99"])

    assert {name: value for name, value in answer.readings.items() if name.startswith("channel[")} == {
        "channel[13].state": "online",
        "channel[14].state": "bad_credentials",
        "channel[15].state": "unreachable",
        "channel[99].state": None,
    }
    assert answer.failed["channel[99].state"] == ("absent", "the recorder has no such channel")


def test_a_camera_tells_of_itself_as_a_camera(recorder: Recorders) -> None:
    tables = Tables(kind="IPCamera", model="DS-2CD2146G2-ISU", disks=[("ok", 30436, 27392, "RW")])
    tables.nas = [("offline", 0, 0, "RW")]

    answer = visited(recorder(tables), recordings=False)

    assert answer.readings["camera.cpu_percent"] == 31
    assert answer.readings["camera.uptime_s"] == 404371
    assert answer.readings["disk[1].state"] == "normal"
    assert answer.readings["disk[nas9].state"] == "not_online"
    assert answer.failed["disk[nas9].capacity_mb"][0] == "absent"
    assert not [name for name in answer.readings if name.startswith(("nvr.state", "nvr.disks", "channel["))]


# --- channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("online", "result", "state"),
    [
        ("true", "connect", "online"),
        ("True", "", "online"),
        (" 1 ", "somethingNew", "online"),
        ("true", "ipcStreamFail", "no_stream"),
        ("false", "", "offline"),
        ("false", "connecting", "connecting"),
        ("false", "offline", "offline"),
        ("false", "unknownError", "offline"),
        ("false", "somethingNew", "offline"),
        ("false", "overSysBandwidth", "no_stream"),
        ("false", "domainError", "unreachable"),
        ("false", "netUnreachable", "unreachable"),
        ("false", "NETUNREACHABLE", "unreachable"),
        ("false", "ipcStreamFail", "no_stream"),
        ("false", "chacnNoError", "no_stream"),
        ("false", "cipAddrConflictWithDev", "conflict"),
        ("false", "ipAddrConflicWithIpc", "conflict"),
        ("false", "errorUserNameOrPasswd", "bad_credentials"),
        ("false", "ipcStreamTypeNotSupport", "no_stream"),
        ("false", "ipcResolutionNotSupport", "no_stream"),
        ("false", "notExist", "empty"),
        ("true", "notExist", "empty"),
        (None, "notExist", "empty"),
        (None, "connect", None),
        (None, "netUnreachable", None),
        ("perhaps", "connect", None),
        ("", "offline", None),
    ],
)
def test_a_channel_is(online: str | None, result: str, state: str | None) -> None:
    told = "" if online is None else f"<online>{online}</online>"
    xml = (
        "<InputProxyChannelStatusList><InputProxyChannelStatus><id> 3 </id>"
        f"<chanDetectResult>\n {result} </chanDetectResult>{told}"
        "</InputProxyChannelStatus></InputProxyChannelStatusList>"
    )

    answer = parsed({isapi.CHANNELS: xml})

    assert answer.readings["channel[3].state"] == state
    assert ("channel[3].state" in answer.failed) == (state is None)


def test_namespaces_prefixes_and_capitals_make_no_difference() -> None:
    xml = (
        '<?xml version="1.0" encoding="utf-8"?><h:inputProxyChannelStatusList xmlns:h="urn:psialliance-org">'
        "<h:INPUTPROXYCHANNELSTATUS><h:ID>7</h:ID><h:new><h:id>9</h:id></h:new><h:Online>TRUE</h:Online>"
        "</h:INPUTPROXYCHANNELSTATUS></h:inputProxyChannelStatusList>"
    )

    assert parsed({isapi.CHANNELS: xml}).readings == {"nvr.state": "online", "channel[7].state": "online"}


def test_a_firmware_without_the_list_is_asked_channel_by_channel(recorder: Recorders) -> None:
    tables = few()
    tables.closed[fake.CHANNELS] = (404, "notSupport")
    device = recorder(tables)

    for _ in range(2):
        answer = visited(device, recordings=False)

        assert answer.readings["channel[1].state"] == "online"
        assert answer.readings["channel[2].state"] == "online"
    assert device.asked.count(f"GET {fake.CHANNELS}") == 1


def test_a_firmware_that_lists_its_channels_and_tells_no_states_leaves_them_unknown(recorder: Recorders) -> None:
    tables = few()
    tables.closed = {
        fake.CHANNELS: (404, "notSupport"),
        f"{fake.CONFIGURED}/1/status": (404, "notSupport"),
        f"{fake.CONFIGURED}/2/status": (404, "notSupport"),
    }
    device = recorder(tables)

    for _ in range(2):
        answer = visited(device, recordings=False)

        assert answer.readings["channel[1].state"] is None
        assert answer.failed["channel[2].state"][0] == "absent"
    assert sum(asked.endswith("/status") and "InputProxy" in asked for asked in device.asked) == 2  # the list, and one


def test_an_analog_input_without_a_signal_is_lost_and_one_that_is_switched_off_is_empty(recorder: Recorders) -> None:
    tables = usual(kind="DVR", channels={5: ("true", "connect")}, disks=[("ok", 1000, 0, "RW")])
    tables.inputs = {
        1: (True, "1920*1080(1080P)P25"),
        2: (True, "NO VIDEO"),
        3: (False, "NO VIDEO"),
        4: (True, " 960*1080(1080PLite)P25"),
        6: (True, "?"),
    }

    answer = visited(recorder(tables), recordings=False)

    assert {name: value for name, value in answer.readings.items() if name.startswith("channel[")} == {
        "channel[1].video": "ok",
        "channel[1].state": "online",
        "channel[2].video": "lost",
        "channel[2].state": None,
        "channel[3].state": "empty",
        "channel[4].video": "ok",
        "channel[4].state": "online",
        "channel[5].state": "online",
        "channel[6].video": "unknown",
        "channel[6].state": None,
    }


# --- disks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "can", "state"),
    [
        ("ok", "RW", "normal"),
        (" OK ", "", "normal"),
        ("normal", "RW", "normal"),
        ("idle", "RW", "idle"),
        ("sleeping", "RW", "idle"),
        ("ok", "RO", "abnormal"),
        ("sleeping", "ro", "abnormal"),
        ("ok", "Redundancy", "normal"),
        ("unformatted", "RW", "unformatted"),
        ("unformatted", "RO", "unformatted"),
        ("uninitialized", "RW", "unformatted"),
        ("error", "RW", "abnormal"),
        ("abnormal", "RW", "abnormal"),
        ("exception", "RW", "abnormal"),
        ("offline", "RW", "not_online"),
        ("notexist", "RW", "not_online"),
        ("smartFailed", "RW", "smart_failed"),
        ("mismatch", "RW", "mismatch"),
        ("formating", "RW", "formatting"),
        ("formatting", "RW", "formatting"),
        ("locked", "RW", "unknown"),
        ("brandNewWord", "RW", "unknown"),
        ("", "RW", "unknown"),
    ],
)
def test_a_disk_is(status: str, can: str, state: str) -> None:
    disk = f"<hdd><id>1</id><status>{status}</status><property>{can}</property></hdd>"

    answer = parsed({isapi.STORAGE: f"<storage><hddList>{disk}</hddList></storage>"})

    assert answer.readings["disk[1].state"] == state


@pytest.mark.parametrize(
    ("capacity", "free", "expected", "code"),
    [
        ("3815447", "0", (3815447, 0), ""),
        ("3815447.5", "12.25", (3815447.5, 12.25), ""),
        ("100", "-1", (100, None), "absent"),
        ("100", "101", (100, None), "implausible"),
        ("0", "0", (None, None), "absent"),
        ("-1", "-1", (None, None), "absent"),
        ("", "", (None, None), "absent"),
        ("1e9", "1", (None, None), "absent"),
        ("９", "1", (None, None), "absent"),
    ],
)
def test_a_size_that_is_none_is_unknown(capacity: str, free: str, expected: tuple[object, object], code: str) -> None:
    xml = (
        f"<storage><hddList><hdd><id>1</id><status>ok</status><capacity>{capacity}</capacity>"
        f"<freeSpace>{free}</freeSpace></hdd></hddList></storage>"
    )

    answer = parsed({isapi.STORAGE: xml})

    assert (answer.readings["disk[1].capacity_mb"], answer.readings["disk[1].free_mb"]) == expected
    assert answer.failed.get("disk[1].free_mb", ("",))[0] == code


@pytest.mark.parametrize(
    ("xml", "word"),
    [
        ("<Loop>true</Loop> <Loop>true</Loop>", "yes"),
        ("<Loop>true</Loop> <Loop>false</Loop>", "no"),
        ("<Loop>true</Loop> <Enable>false</Enable><Loop>false</Loop>", "yes"),
        ("<Enable>false</Enable><Loop>false</Loop>", "no"),
        ("<Enable>true</Enable>", None),
        ("", None),
    ],
)
def test_old_recordings_are_overwritten(xml: str, word: str | None) -> None:
    found = "".join(f"<Track><id>{i}01</id>{one}</Track>" for i, one in enumerate(xml.split(), start=1))

    answer = parsed({isapi.TRACKS: f"<TrackList>{found}</TrackList>"})

    assert answer.readings.get("nvr.overwrite") == word


# --- the machine, and its clock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "percent", "code"),
    [
        (("512", "512"), 50, ""),
        (("152.47", "104.3"), 59.4, ""),
        (("45", ""), None, "absent"),
        (("-1", "10"), None, "absent"),
        (("0", "0"), None, "absent"),
        (("nan", "1"), None, "absent"),
    ],
)
def test_memory_is_known_when_both_its_parts_are(
    memory: tuple[str, str], percent: float | None, code: str, recorder: Recorders
) -> None:
    answer = visited(recorder(few(memory=memory)), recordings=False)

    assert answer.readings["nvr.memory_percent"] == percent
    assert answer.failed.get("nvr.memory_percent", ("",))[0] == code


NOW_MS = ((datetime(2026, 11, 22, 8, 25, 5) - EPOCH) // timedelta(milliseconds=1)) + 500  # noqa: DTZ001


@pytest.mark.parametrize(
    ("told", "zone", "wrong"),
    [
        ("2026-11-22T16:25:05+08:00", "CST-8:00:00", 0),
        ("2026-11-22T16:26:06+08:00", "", 61),
        ("2026-11-22T16:24:04+08:00", "", 61),
        ("2026-11-22T16:25:05", "CST-8:00:00", 0),
        ("2026-11-22T13:55:05", "IST-5:30:00", 0),
        ("2026-11-22T02:25:05-06:00", "CST+6:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", 0),
        ("2026-11-22T16:25:05.250+08:00", "", 0.2),
        ("2026-11-22T08:25:05Z", "", 0),
        ("2026-11-22T08:25:05Z", "CST-8:00:00", 0),
        ("2026-11-22T16:25:05Z", "CST-8:00:00", 0),
        ("2026-11-22T16:25:05+00:00", "CST-8:00:00", 28800),
        ("1971-01-01T08:00:00+08:00", "", 1763799905),
        ("2026-11-22T16:25:05", "", None),
        ("2026-11-22T16:25:05", "CST+6:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", None),
        ("1970-01-01T08:00:00+08:00", "", None),
        ("0001-01-01T00:00:00+08:00", "", None),
        ("9999-12-31T23:59:59-12:00", "", None),
        ("yesterday", "CST-8:00:00", None),
        ("", "", None),
    ],
)
def test_the_clock_is_wrong_by(told: str, zone: str, wrong: float | None) -> None:
    xml = f"<Time><timeMode>NTP</timeMode><localTime> {told} </localTime><timeZone>{zone}</timeZone></Time>"

    answer = parsed({isapi.TIME: xml}, glance=Glance(sent_ms=NOW_MS - 40, heard_ms=NOW_MS + 40, is_kept=True))

    found = answer.readings["clock.wrong_by_s"]
    assert found == wrong if wrong is None or isinstance(wrong, float) else found == pytest.approx(wrong, abs=0.05)
    assert ("clock.wrong_by_s" in answer.failed) == (wrong is None)


def test_a_clock_is_not_compared_with_one_that_nobody_keeps(
    recorder: Recorders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "ntp", False)

    answer = visited(recorder(few()), recordings=False)

    assert answer.readings["clock.wrong_by_s"] is None
    assert answer.failed["clock.wrong_by_s"][0] == "not_supported"


def test_a_recorder_that_is_five_minutes_late_is_wrong_by_five_minutes(recorder: Recorders) -> None:
    answer = visited(recorder(few(wrong_by=timedelta(minutes=-5))), recordings=False)

    assert answer.readings["clock.wrong_by_s"] == pytest.approx(300, abs=2)


# --- recordings -------------------------------------------------------------------------------------------------------


def at(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


@pytest.mark.parametrize(
    ("spans", "percent"),
    [
        ([("00:00", "10:00"), ("09:50", "18:00"), ("18:05", "24:00")], 99.65),
        ([("18:05", "24:00"), ("00:00", "10:00"), ("09:50", "18:00")], 99.65),
        ([("00:00", "24:00")], 100),
        ([], 0),
        ([("06:00", "18:00")], 50),
        ([("06:00", "12:00"), ("06:00", "12:00")], 25),
    ],
    ids=["the reference", "in another order", "all day", "nothing", "half", "twice the same"],
)
def test_of_a_day_is_recorded(spans: list[tuple[str, str]], percent: float) -> None:
    assert recorded_percent((at(begin), at(end)) for begin, end in spans) == percent


def test_pieces_that_follow_each_other_by_a_second_leave_no_gap() -> None:
    pieces = [(hour * 3600, hour * 3600 + 3599) for hour in range(24)]

    assert merged(pieces) == ((0, 86399),)
    assert recorded_percent(pieces) == 100


def test_a_piece_that_reaches_into_the_next_day_counts_to_midnight() -> None:
    assert recorded_percent([(-3600, 43200)]) == 50
    assert recorded_percent([(43200, 90000)]) == 50


@given(st.lists(st.tuples(st.integers(-90_000, 180_000), st.integers(-90_000, 180_000))))
def test_whatever_the_pieces_the_share_is_one(spans: list[tuple[int, int]]) -> None:
    assert 0 <= recorded_percent(spans) <= 100


@pytest.mark.parametrize(
    ("days", "missing", "kept"),
    [
        (["2026-11-22", "2026-11-21", "2026-11-20"], 0, 3),
        (["2026-11-21", "2026-11-20"], 0, 2),
        (["2026-11-22"], 0, 1),
        (["2026-11-22", "2026-11-20"], 0, 1),
        (["2026-11-22", "2026-11-20"], 1, 3),
        (["2026-11-22", "2026-11-19"], 1, 1),
        (["2026-11-20"], 0, 0),
        (["2026-11-20"], 1, 1),
        (["2026-11-22", "2026-11-21", "not a day", "2026-02-30", "0001-01-01"], 0, 2),
        ([], 0, 0),
        ([], 5, 0),
    ],
)
def test_days_are_kept_without_a_break(days: list[str], missing: int, kept: int) -> None:
    assert kept_days(days, "2026-11-21", missing=missing) == kept


def recorded(answer: Answer) -> dict[str, object]:
    return {
        name: value for name, value in answer.readings.items() if name.endswith(("_percent", "_days")) and "[" in name
    }


@pytest.mark.parametrize("zone", [8, 0, -6], ids=["Beijing", "Greenwich", "Mexico"])
@pytest.mark.parametrize("labels_are_utc", [False, True], ids=["local times", "UTC"])
def test_what_was_recorded_yesterday_is_found_whatever_its_search_means_by_z(
    labels_are_utc: bool, zone: int, recorder: Recorders
) -> None:
    tables = few(zone=timedelta(hours=zone), labels_are_utc=labels_are_utc, page=7)
    yesterday = tables.now().date() - timedelta(days=1)
    noon = datetime.combine(yesterday, datetime.min.time()) + timedelta(hours=12)
    tables.pieces[2] = [(a, b) for a, b in tables.pieces[2] if not noon <= a < noon + timedelta(hours=6)]
    tables.days[2] = {day for day in tables.days[2] if day > date(2026, 10, 30)}

    answer = visited(recorder(tables), required_days=30)

    assert recorded(answer) == {
        "channel[1].recorded_percent": 100,
        "channel[1].retained_days": 35,
        "channel[1].required_days": 30,
        "channel[2].recorded_percent": 75,
        "channel[2].retained_days": (tables.now().date() - date(2026, 10, 30)).days,
        "channel[2].required_days": 30,
    }


def test_a_day_without_recordings_is_not_searched_and_is_nothing(recorder: Recorders) -> None:
    tables = few()
    tables.days = {1: set(), 2: set()}
    device = recorder(tables)

    answer = visited(device, search_times="local")

    assert recorded(answer) == {
        f"channel[{number}].{point}": 0 for number in (1, 2) for point in ("recorded_percent", "retained_days")
    }
    assert f"POST {fake.SEARCH}" not in device.asked


def test_the_list_of_tracks_is_named_as_the_firmware_wants_it(recorder: Recorders) -> None:
    answer = visited(recorder(few(track_list="trackIDList")))

    assert answer.readings["channel[1].recorded_percent"] == 100


def test_where_nothing_was_recorded_just_now_nobody_guesses_what_the_times_mean(recorder: Recorders) -> None:
    tables = few()
    today = tables.now().date()
    for number in (1, 2):
        tables.pieces[number] = hourly(today - timedelta(days=1), datetime.combine(today, datetime.min.time()))
    device = recorder(tables)

    answer = visited(device)
    told = visited(device, search_times="local", host="localhost")

    assert answer.readings["channel[1].recorded_percent"] is None
    assert answer.failed["channel[1].recorded_percent"][0] == "absent"
    assert answer.readings["channel[1].retained_days"] == 35
    assert told.readings["channel[1].recorded_percent"] == 100


def test_a_channel_that_records_on_events_owes_nobody_a_whole_day(recorder: Recorders) -> None:
    answer = visited(recorder(few(modes={2: "MOTION"})))

    assert answer.readings["channel[1].recorded_percent"] == 100
    assert answer.readings["channel[2].recorded_percent"] is None
    assert answer.failed["channel[2].recorded_percent"] == ("absent", "records on events (MOTION), not all day")


def test_a_channel_without_a_camera_is_not_looked_at(recorder: Recorders) -> None:
    tables = few()
    tables.channels[2] = ("false", "notExist")
    device = recorder(tables)

    assert "channel[2].recorded_percent" not in visited(device).readings
    assert not [asked for asked in device.asked if "/201/" in asked]


def test_channels_are_not_looked_at_in_a_visit_that_cannot_tell_which_have_a_camera(recorder: Recorders) -> None:
    tables = few()
    tables.channels[2] = ("false", "notExist")
    tables.days[2] = set()
    tables.busy[fake.CHANNELS] = 1
    device = recorder(tables)

    first, second = visited(device), visited(device)

    assert recorded(first) == {}
    assert recorded(second) == {"channel[1].recorded_percent": 100, "channel[1].retained_days": 35}


@pytest.mark.parametrize(("disks", "days"), [([], None), ([("ok", 30436, 27392, "RW")], 35)], ids=["no card", "a card"])
def test_a_camera_is_looked_at_when_it_has_something_to_record_on(
    disks: list[tuple[str, float, float, str]], days: int | None, recorder: Recorders
) -> None:
    tables = few(kind="IPCamera")
    tables.disks = disks
    tables.closed = {fake.CHANNELS: (403, "notSupport"), fake.CONFIGURED: (403, "notSupport")}

    answer = visited(recorder(tables))

    assert answer.readings.get("channel[1].retained_days") == days


def test_a_recorder_that_hangs_in_a_search_is_told_so(recorder: Recorders) -> None:
    tables = few()
    tables.silent = {"/ISAPI/ContentMgmt/record/tracks/101/dailyDistribution"}

    answer = visited(recorder(tables), timeout_s=3.0, search_times="local")

    assert answer.readings["channel[1].state"] == "online"
    assert answer.readings["channel[1].retained_days"] is None
    assert answer.failed["channel[1].retained_days"][0] == "timeout"


def test_recordings_are_looked_at_once_a_night_some_channels_in_each_visit(recorder: Recorders) -> None:
    device = recorder()
    searches: list[int] = []
    shares: list[int] = []

    for _ in range(4):
        answer = visited(device)
        searches.append(sum(asked.startswith("POST ") for asked in device.asked))
        shares.append(sum(name.endswith(".recorded_percent") for name in answer.readings))

    assert shares == [8, 15, 15, 15]  # fifteen have a camera
    assert searches[2] == searches[3]


def test_the_next_night_has_its_own_look_and_until_then_the_last_one_stands(
    recorder: Recorders, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = few()
    device = recorder(tables)
    midnight = datetime.combine(tables.now().date() + timedelta(days=1), datetime.min.time())
    visited(device)
    before = len(device.asked)
    tables.wrong_by += midnight + timedelta(minutes=5) - tables.now()
    visited(device)
    same_day = sum(asked.startswith("POST ") for asked in device.asked[before:])
    tables.wrong_by += timedelta(minutes=10)
    tables.closed[fake.SEARCH] = (500, "deviceError")

    answer = visited(device)

    assert same_day == 0
    assert f"POST {fake.SEARCH}" in device.asked[before:]
    assert answer.readings["channel[1].recorded_percent"] == 100  # of the day before: the look of this night failed


def test_what_was_found_too_long_ago_is_unknown() -> None:
    look = Look(channel=1, day="2026-11-21", spans=((0, 86400),), days=("2026-11-21",))

    fresh, old = (
        isapi.parse(Heard(documents={}, looks=(one,)), settings()) for one in (look, replace(look, age_s=36 * 3600 + 1))
    )

    assert fresh.readings == {"channel[1].recorded_percent": 100, "channel[1].retained_days": 1}
    assert old.readings == {"channel[1].recorded_percent": None, "channel[1].retained_days": None}
    assert old.failed["channel[1].retained_days"][0] == "timeout"


def test_a_recorder_that_is_busy_at_night_is_asked_again_in_the_next_visit(recorder: Recorders) -> None:
    tables = few()
    tables.busy["/ISAPI/ContentMgmt/record/tracks/101/dailyDistribution"] = 1
    device = recorder(tables)

    first = visited(device)
    second = visited(device)

    assert first.failed["channel[1].retained_days"][0] == "busy"
    assert second.readings["channel[1].retained_days"] == 35
    assert second.failed == {}


def test_a_recorder_that_never_answers_a_search_is_left_in_peace_after_some_visits(recorder: Recorders) -> None:
    tables = few()
    tables.closed[fake.SEARCH] = (500, "deviceError")
    device = recorder(tables)
    posts = []

    for _ in range(isapi.TRIES + 2):
        answer = visited(device, search_times="local")
        posts.append(sum(asked.startswith("POST ") for asked in device.asked))

    assert posts[-1] == posts[-2] == posts[-3]
    assert answer.readings["channel[1].recorded_percent"] is None
    assert answer.failed["channel[1].recorded_percent"][0] == "bad_answer"


def test_a_recorder_that_cannot_search_has_no_such_readings(recorder: Recorders) -> None:
    tables = few()
    tables.closed = {
        fake.SEARCH: (403, "notSupport"),
        **{f"/ISAPI/ContentMgmt/record/tracks/{one}01/dailyDistribution": (404, "notSupport") for one in (1, 2)},
    }

    answer = visited(recorder(tables), search_times="local")

    assert recorded(answer) == {}
    assert answer.failed == {}


def test_a_recorder_that_is_two_devices_is_looked_at_once_for_each(recorder: Recorders) -> None:
    device = recorder(few())
    posts = []

    for _ in range(3):
        for channel in ("1", "2"):
            answer = visited(device, channels=[channel])
            assert answer.readings[f"channel[{channel}].retained_days"] == 35
        posts.append(sum(asked.startswith("POST ") for asked in device.asked))

    assert posts[0] == posts[1] == posts[2]


def test_pages_that_never_end_are_left(recorder: Recorders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_agent.isapi_recordings.PAGES_LIMIT", 5)
    tables = few()
    begin = utc_now().strftime("%Y-%m-%dT00:00:00Z")
    span = f"<timeSpan><startTime>{begin}</startTime><endTime>{begin}</endTime></timeSpan>"
    item = f"<searchMatchItem>{span}</searchMatchItem>"
    tables.verbatim[fake.SEARCH] = (
        f"<CMSearchResult><responseStatusStrg>MORE</responseStatusStrg><matchList>{item}</matchList></CMSearchResult>"
    ).encode()

    answer = visited(recorder(tables), search_times="local")

    assert answer.failed["channel[1].recorded_percent"][0] == "bad_answer"
    assert "pieces" in answer.failed["channel[1].recorded_percent"][1]


# --- what is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "sub"), [(404, "notSupport"), (403, "notSupport"), (405, "methodNotAllowed")])
def test_what_a_model_does_not_know_is_no_failure_and_not_asked_again(
    status: int, sub: str, recorder: Recorders
) -> None:
    tables = few()
    tables.closed = {fake.STATUS: (status, sub), fake.TRACKS: (status, sub)}
    device = recorder(tables)

    first, second = visited(device, recordings=False), visited(device, recordings=False)

    assert first.failed == second.failed == {}
    assert not {"nvr.overwrite", "nvr.cpu_percent"} & set(first.readings)
    assert device.asked.count(f"GET {fake.STATUS}") == 1
    assert device.asked.count(f"GET {fake.STORAGE}") == 2


def test_what_the_account_may_not_read_is_told_and_not_asked_again(recorder: Recorders) -> None:
    tables = few()
    tables.closed[fake.CHANNELS] = (403, "lowPrivilege")
    device = recorder(tables)

    answers = [visited(device, recordings=False, channels=["1-2"]) for _ in range(2)]

    for answer in answers:
        assert answer.readings["channel[2].state"] is None
        assert answer.failed["channel[2].state"][0] == "permission"
    assert device.asked.count(f"GET {fake.CHANNELS}") == 1


def test_a_recorder_that_is_busy_leaves_unknown_what_it_told_before(recorder: Recorders) -> None:
    tables = few()
    device = recorder(tables)
    visited(device, recordings=False)
    tables.busy = {fake.CHANNELS: 1, fake.STORAGE: 1}

    answer, after = visited(device, recordings=False), visited(device, recordings=False)

    assert {name: answer.readings[name] for name in answer.failed} == dict.fromkeys(
        ("channel[1].state", "channel[2].state", "disk[1].state", "nvr.disks")
    )
    assert {code for code, _ in answer.failed.values()} == {"busy"}
    assert after.readings["channel[1].state"] == "online"
    assert after.failed == {}


def test_one_question_that_is_never_answered_does_not_cost_the_others(recorder: Recorders) -> None:
    tables = few()
    tables.silent = {fake.STORAGE}
    begin = time.monotonic()

    answer = visited(recorder(tables), recordings=False, timeout_s=2.0)

    assert answer.readings["channel[1].state"] == "online"
    assert answer.readings["nvr.cpu_percent"] == 31
    assert answer.readings["nvr.disks"] is None
    assert answer.failed["nvr.disks"][0] == "timeout"
    assert time.monotonic() - begin < 4


def test_a_silent_recorder_is_a_timeout(recorder: Recorders) -> None:
    tables = few()
    tables.silent = {fake.INFO}

    with pytest.raises(ProbeError) as caught:
        visited(recorder(tables), timeout_s=1.0)

    assert caught.value.code == "timeout"


def test_where_nobody_listens_the_connection_is_refused(recorder: Recorders) -> None:
    device = recorder(few())
    device.close()

    with pytest.raises(ProbeError) as caught:
        visited(device, timeout_s=2.0)

    assert caught.value.code == "refused"


def test_a_recorder_without_tls_is_not_asked_in_the_clear_when_https_is_set(recorder: Recorders) -> None:
    device = recorder(few())

    with pytest.raises(ProbeError) as caught:
        visited(device, https=True, verify=False, timeout_s=2.0)

    assert caught.value.code in ("bad_answer", "no_route", "timeout")
    assert device.asked == []


def test_what_is_no_isapi_device_is_not_supported(recorder: Recorders) -> None:
    tables = Tables()
    tables.closed = dict.fromkeys(isapi.ASKED, (404, ""))

    with pytest.raises(ProbeError) as caught:
        visited(recorder(tables))

    assert caught.value.code == "not_supported"
    assert "is this an ISAPI device?" in caught.value.detail


def test_a_wrong_password_is_tried_once_and_then_rests(recorder: Recorders) -> None:
    device = recorder(few())

    for _ in range(3):
        with pytest.raises(ProbeError) as caught:
            visited(device, password="wrong")
        assert caught.value.code == "bad_credentials"

    assert device.logins == 1
    assert visited(device, recordings=False).readings["nvr.state"] == "online"


# --- garbage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Login</body></html>",
        b"<InputProxyChannelStatusList><InputProxyChannelStatus>",
        bytes(range(256)),
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<x>" + b"<y/>" * 30_000 + b"</x>",
        b"<InputProxyChannelStatusList>" + b" " * 1_000_001 + b"</InputProxyChannelStatusList>",
    ],
    ids=["nothing", "a page", "cut", "noise", "an entity", "too deep", "too many", "too long"],
)
def test_garbage_in_one_document_costs_only_that_one(body: bytes, recorder: Recorders) -> None:
    tables = few()
    tables.verbatim[fake.CHANNELS] = body

    answer = visited(recorder(tables), recordings=False, channels=["1"])

    assert answer.readings["channel[1].state"] is None
    assert answer.readings["disk[1].state"] == "normal"
    assert answer.failed["channel[1].state"][0] in ("bad_answer", "absent")


def test_a_document_that_declares_an_entity_is_refused_before_it_grows() -> None:
    with pytest.raises(XmlError, match="entity"):
        tree('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>')


def test_chinese_documents_are_read_in_their_own_coding() -> None:
    for name, coding in (("GB2312", "gb2312"), ("gbk", "gbk"), ("UTF-8", "utf-8"), ("utf-8", "utf-8-sig")):
        body = f'<?xml version="1.0" encoding="{name}"?><Time><timeMode>手动</timeMode></Time>'.encode(coding)

        assert tree(decoded(body)).said("timeMode") == "手动"


NAMES = st.sampled_from(
    [
        *("DeviceInfo", "deviceType", "InputProxyChannelStatusList", "InputProxyChannelStatus", "id", "online", "Time"),
        *("chanDetectResult", "storage", "hdd", "nas", "status", "capacity", "freeSpace", "property", "Track", "Loop"),
        *("CPU", "cpuUtilization", "Memory", "memoryUsage", "memoryAvailable", "deviceUpTime", "localTime", "timeZone"),
        *("VideoInputChannel", "resDesc", "videoInputEnabled", "ResponseStatus", "statusCode", "subStatusCode", "x"),
    ]
)
WORDS = st.one_of(
    st.sampled_from(
        ["true", "false", "notExist", "1", "0", "-1", "99999999999", "1e400", "nan", "ok", "RO", "NO VIDEO", ""]
    ),
    st.sampled_from(
        ["2026-11-22T16:25:05+08:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59", "CST-8:00:00", "<", "&#0;"]
    ),
    st.text(max_size=10),
)
DOCUMENTS = st.recursive(
    st.builds(lambda name, word: f"<{name}>{word}</{name}>", NAMES, WORDS),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", NAMES, st.lists(inner, max_size=6)
    ),
    max_leaves=25,
)


@given(
    st.dictionaries(st.sampled_from(isapi.ASKED), DOCUMENTS),
    st.sampled_from([200, 200, 200, 403, 500]),
    st.lists(st.sampled_from(["channel[1].state", "disk[2].state", "channel[]].state", "x", "channel[3].video"])),
)
@example({isapi.TIME: "<Time><localTime>1970-12-31T23:59:59+23:59</localTime></Time>"}, 200, [])
def test_whatever_a_device_says_every_reading_is_in_the_catalogue_or_explained(
    documents: dict[str, str], status: int, before: list[str]
) -> None:
    heard = Heard(
        documents={path: Document(status=status, text=text) for path, text in documents.items()},
        glance=Glance(sent_ms=NOW_MS, heard_ms=NOW_MS, is_kept=True),
        before=tuple(before),
    )

    answer = isapi.parse(heard, settings(channels=["1-3"]))

    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


FOUND = st.builds(
    lambda status, spans, days: (
        f"<CMSearchResult><responseStatusStrg>{status}</responseStatusStrg><matchList>"
        + "".join(
            f"<searchMatchItem><timeSpan><startTime>{a}</startTime><endTime>{b}</endTime></timeSpan></searchMatchItem>"
            for a, b in spans
        )
        + "</matchList><dayList>"
        + "".join(f"<day><dayOfMonth>{day}</dayOfMonth><record>{word}</record></day>" for day, word in days)
        + "</dayList></CMSearchResult>"
    ),
    st.sampled_from(["OK", "MORE", "NO MATCHES", "NO MORE MATCHES", ""]),
    st.lists(
        st.tuples(
            *[
                st.sampled_from(
                    ["2026-11-21T23:59:59Z", "2026-11-21T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31", ""]
                )
            ]
            * 2
        )
    ),
    st.lists(st.tuples(st.sampled_from(["1", "21", "31", "99", "-1", "x"]), st.sampled_from(["true", "false", ""]))),
)


class Says:
    """A recorder that answers each question with the next of some answers."""

    def __init__(self, said: list[tuple[int, str]]) -> None:
        self._said, self._count = said, 0

    def post_to_read(self, path: str, body: bytes, *, kind: str) -> Reply:
        self._count += 1
        status, text = self._said[self._count % len(self._said)]
        return Reply(status, {}, text.encode("utf-8", "replace"))


@given(st.lists(st.tuples(st.sampled_from([200, 200, 503, 404]), st.one_of(FOUND, DOCUMENTS)), min_size=1))
def test_whatever_a_search_brings_a_look_is_whole_or_says_what_it_lacks(said: list[tuple[int, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isapi_recordings, "PAGES_LIMIT", 4)
        labels = labels_of(Says(said), [1], utc_now(), timedelta(hours=8))
        found = isapi_recordings.look(
            Says(said), channel=1, today=date(2026, 11, 22), labels=LOCAL, zone=timedelta(hours=8), mode="", missing=0
        )

    assert labels in ("", LOCAL, "utc")
    assert (found.spans is None) == ("spans" in found.failed)
    assert (found.days is None) == ("days" in found.failed)
    assert found.spans is None or 0 <= recorded_percent(found.spans) <= 100


@given(st.one_of(st.text(), st.binary().map(decoded)))
def test_whatever_the_text_it_is_a_tree_or_refused(text: str) -> None:
    try:
        node = tree(text)
    except XmlError:
        return

    assert node.name


@given(st.integers(100, 599), st.one_of(DOCUMENTS, st.text()))
def test_whatever_the_answer_it_can_be_read_or_there_is_a_reason(status: int, text: str) -> None:
    why = isapi_answer.trouble(status, text)

    assert why is None or why[0] in ("busy", "permission", "not_supported", "bad_answer")
    assert why is None or len(why[1]) < 300


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"channels": ["x"]}, {"channels": ["1-500"]}, {"channels": ["0"]}, {"search_times": "moon"}, {"port": -1}],
    ids=str,
)
def test_what_cannot_be_used_is_refused_before_any_visit(more: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        complete(isapi.probe, {"host": "192.0.2.1", "user": "u", **more})
