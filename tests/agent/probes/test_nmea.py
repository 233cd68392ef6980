"""NMEA receivers: whole sentences are read, damaged ones are counted, and nobody is told where the bus is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import nmea
from roundsman_agent.probes.nmea import Counts, Heard, sentences
from tests.agent.probes.devices import Lines


def settings(port: str = "/dev/null", **more: object) -> dict[str, object]:
    return complete(nmea.probe, {"port": port, **more})


def sentence(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


def heard(*bodies: str, seconds: float = 1.0) -> Heard:
    return Heard(data=b"".join(sentence(body) for body in bodies), seconds=seconds)


BUS_31 = (
    "GNRMC,074159.000,A,3114.8943,N,12135.2444,E,0.23,4.94,250215,,,A",
    "GNGGA,074159.000,3114.8943,N,12135.2444,E,1,07,1.1,196.4,M,8.3,M,,0000",
    "GPGSA,A,3,25,32,12,14,,,,,,,,,2.1,1.1,1.8",
    "BDGSA,A,3,02,03,04,,,,,,,,,,2.1,1.1,1.8",
    "GPGSV,2,1,06,25,52,244,51,32,14,319,46,12,00,000,42,14,31,261,49",
    "GPGSV,2,2,06,31,55,220,,27,43,190,20",
    "BDGSV,1,1,03,02,01,090,35,03,00,000,38,04,00,000,42",
    "GPTXT,01,01,01,ANTENNA OK",
)


def test_bus_31_is_read_in_full(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = nmea.parse(heard(*BUS_31, seconds=2.0), settings())

    assert answer == Answer(
        readings={
            "gnss.fix": "3d",
            "gnss.fix_percent": 100.0,
            "gnss.satellites_used": 7,
            "gnss.hdop": 1.1,
            "satellites[beidou].used": 3,
            "satellites[gps].used": 4,
            "satellites[beidou].in_view": 3,
            "satellites[gps].in_view": 6,
            "gnss.snr_db": 47.0,
            "gnss.antenna": "ok",
            "gnss.checksum_errors_percent": 0.0,
            "gnss.sentences_per_s": 4.0,
        }
    )
    belongs_to_the_catalogue(answer)


def test_where_the_bus_is_is_told_only_when_asked_for(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = nmea.parse(heard(*BUS_31), settings(position=True))

    assert (answer.readings["gnss.latitude"], answer.readings["gnss.longitude"]) == (31.248238, 121.587407)
    belongs_to_the_catalogue(answer)
    assert not {"gnss.latitude", "gnss.longitude"} & set(nmea.parse(heard(*BUS_31), settings()).readings)


@pytest.mark.parametrize(
    ("bodies", "fix"),
    [
        (["GNRMC,1,V,,,,,,,250215,,,N", "GNGGA,1,,,,,0,00,,,M,,M,,"], "none"),
        (["GNGGA,1,3114.8,N,12135.2,E,1,04,1.1,1,M,1,M,,", "GNGSA,A,2,1,2,3,,,,,,,,,,2.1,1.1,1.8,1"], "2d"),
        (["GNGGA,1,3114.8,N,12135.2,E,6,00,1.1,1,M,1,M,,"], "dead_reckoning"),
        (["GNRMC,1,A,3114.8,N,12135.2,E,0,0,250215,,,A"], "fixed"),
        (["GNRMC,1,V,3114.8,N,12135.2,E,0,0,250215,,,N", "GNGSA,A,3,1,,,,,,,,,,,,2.1,1.1,1.8,1"], "none"),
    ],
    ids=["none", "2d", "dead reckoning", "a fix whose kind is not told", "RMC's void beats an old GSA"],
)
def test_the_fix_is_named(bodies: list[str], fix: str) -> None:
    assert nmea.parse(heard(*bodies), settings()).readings["gnss.fix"] == fix


def test_the_share_of_good_fixes_is_counted_over_the_visit() -> None:
    good, bad = "GNGGA,1,3114.8,N,12135.2,E,1,04,1.1,1,M,1,M,,", "GNGGA,1,,,,,0,00,,,M,,M,,"

    assert nmea.parse(heard(bad, good, good, good), settings()).readings["gnss.fix_percent"] == 75.0


def test_sentences_without_a_position_sentence_leave_the_fix_unknown() -> None:
    answer = nmea.parse(heard("GPGSV,1,1,00"), settings())

    assert answer.readings["gnss.fix"] is None
    assert answer.failed == {"gnss.fix": ("bad_answer", "sentences came, but neither RMC nor GGA")}


@pytest.mark.parametrize(
    ("body", "system"),
    [
        ("GBGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8,4", "beidou"),
        ("BDGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8,3.3", "beidou"),
        ("GNGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8,4", "beidou"),
        ("GNGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8,3", "galileo"),
        ("GNGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8", "gps"),
        ("GNGSA,A,3,70,,,,,,,,,,,,2.1,1.1,1.8", "glonass"),
        ("GNGSA,A,3,207,,,,,,,,,,,,2.1,1.1,1.8", "beidou"),
        ("GNGSA,A,3,410,,,,,,,,,,,,2.1,1.1,1.8", "beidou"),
        ("GNGSA,A,3,194,,,,,,,,,,,,2.1,1.1,1.8", "qzss"),
        ("GNGSA,A,3,02,,,,,,,,,,,,2.1,1.1,1.8,1.2", "gps"),
    ],
)  # fmt: skip
def test_a_satellite_is_counted_for_its_system(body: str, system: str) -> None:
    assert nmea.parse(heard(body), settings()).readings[f"satellites[{system}].used"] == 1


def test_a_round_that_the_end_of_listening_cut_does_not_lose_a_system() -> None:
    readings = nmea.parse(heard(*BUS_31, BUS_31[0], BUS_31[1], BUS_31[2]), settings()).readings

    assert (readings["satellites[gps].used"], readings["satellites[beidou].used"]) == (4, 3)


def test_the_antenna_of_chinese_modules_speaks_in_text() -> None:
    for said, word in (("OPEN", "open"), ("SHORT", "short"), ("MELTED", "unknown")):
        assert nmea.parse(heard(f"GPTXT,01,01,01,ANTENNA {said}"), settings()).readings["gnss.antenna"] == word


# --- the line -----------------------------------------------------------------------------------------------------


def test_the_published_checksums_are_right() -> None:
    data = (
        b"$GNRMC,000653.00,A,4404.12994,N,12118.84613,W,0.052,,090624,,,A,V*08\r\n"
        b"$GNGGA,000653.00,4404.12994,N,12118.84613,W,1,29,0.69,1109.2,M,,M,,*71\r\n"
    )
    counts = Counts()

    assert [line[:6] for line in sentences(data, counts)] == [b"$GNRMC", b"$GNGGA"]
    assert counts == Counts(good=2)


def test_listening_begins_and_ends_in_the_middle_and_that_is_no_damage() -> None:
    counts = Counts()

    whole = list(sentences(b"4.94,250215,,,A*73\r\n" + sentence("GPGSV,1,1,00") + b"$GNGGA,0741", counts))

    assert whole == [sentence("GPGSV,1,1,00").rstrip()]
    assert counts == Counts(good=1)


def test_a_damaged_sentence_is_counted_and_does_not_cost_the_next() -> None:
    good = sentence("GPGSV,1,1,00")
    counts = Counts()

    whole = list(
        sentences(
            good.replace(b"00", b"01") + b"$GNGGA,0741" + good + b"$no star\r\n" + b"$\xff\xfe*00\r\n" + good, counts
        )
    )

    assert whole == [good.rstrip(), good.rstrip()]
    assert counts == Counts(good=2, bad_checksum=1, malformed=3)


def test_a_huge_line_is_damage_not_a_sentence() -> None:
    counts = Counts()

    assert list(sentences(sentence("GPGSV," + "1" * 300), counts)) == []
    assert counts == Counts(malformed=1)


def test_checksum_errors_are_a_share_of_what_came() -> None:
    bad = sentence(BUS_31[0]).replace(b"0.23", b"9.23")
    data = bad + b"".join(sentence(body) for body in BUS_31[:3])

    assert nmea.parse(Heard(data=data, seconds=1), settings()).readings["gnss.checksum_errors_percent"] == 25.0


@pytest.mark.parametrize("data", [b"\x00\xff" * 500, b"A" * 100_000, b"$" * 1000, b"$*\r\n", b"$$$*00\r\n\r\n"])
def test_bytes_that_are_no_nmea_are_a_bad_answer_of_the_device(data: bytes) -> None:
    answer = nmea.parse(Heard(data=data, seconds=1), settings())

    assert answer.readings == {}
    assert answer.failed["nmea"] == ("bad_answer", f"{len(data)} bytes and no whole sentence (baud rate, or not NMEA?)")


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    nmea.parse(Heard(data=data, seconds=1), settings())


FIELD = st.one_of(
    st.sampled_from(["", "A", "V", "N", "E", "3", "99", "-1", "3114.8943", "12135.2444", "1e309", "nan", "inf"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$*"), max_size=12),
)


@given(
    kind=st.sampled_from(
        ["GNRMC", "GNGGA", "BDGSA", "GNGSA", "GBGSV", "GPGSV", "GPTXT", "PSRF", "XXYYY", "PUBX,00", ""]
    ),
    fields=st.lists(FIELD, max_size=25),
)
def test_no_sentence_with_a_right_checksum_breaks_the_parser(kind: str, fields: list[str]) -> None:
    from roundsman_wire.catalogue import misfit

    answer = nmea.parse(heard(",".join([kind, *fields])), settings(position=True))

    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []


# --- recordings ---------------------------------------------------------------------------------------------------


def test_a_real_beidou_receiver_is_read_as_gpsd_reads_it(shared: Path) -> None:
    log = (shared / "data/gnss/beidou-bd.log").read_bytes()
    lines = (shared / "data/gnss/beidou-bd.log.chk").read_text().splitlines()
    oracle = [json.loads(line) for line in lines if line.startswith("{")]
    place = [tpv for tpv in oracle if tpv["class"] == "TPV" and tpv["mode"] > 1][-1]
    sky = [sky for sky in oracle if "uSat" in sky][-1]
    seen = [sky for sky in oracle if sky.get("satellites")][-1]["satellites"]

    readings = nmea.parse(Heard(data=log, seconds=10), settings(position=True)).readings

    assert {2: "2d", 3: "3d"}[place["mode"]] == readings["gnss.fix"] == "3d"
    assert sky["uSat"] == readings["gnss.satellites_used"] == 7
    assert sky["hdop"] == readings["gnss.hdop"] == 1.1
    assert readings["gnss.latitude"] == pytest.approx(place["lat"], abs=1e-6)
    assert readings["gnss.longitude"] == pytest.approx(place["lon"], abs=1e-6)
    assert readings["satellites[beidou].used"] == len([s for s in seen if s["gnssid"] == 3 and s["used"]]) == 3
    assert readings["satellites[gps].used"] == 4
    assert readings["gnss.fix_percent"] == 50.0


def test_every_fix_of_a_real_beidou_receiver_is_where_gpsd_has_it(shared: Path) -> None:
    heard, compared = b"", 0
    for line in (shared / "data/gnss/beidou-bd.log.chk").read_text().splitlines():
        if not line.startswith("{"):
            heard += line.encode() + b"\r\n"
            continue
        said = json.loads(line)
        if said["class"] != "TPV" or said["mode"] < 2 or "lat" not in said:
            continue
        readings = nmea.parse(Heard(data=heard, seconds=10), settings(position=True)).readings
        assert readings["gnss.latitude"] == pytest.approx(said["lat"], abs=1e-6)
        assert readings["gnss.longitude"] == pytest.approx(said["lon"], abs=1e-6)
        compared += 1

    assert compared >= 3


def test_a_fix_that_is_lost_and_regained_is_seen_to_go_and_to_come_back(shared: Path) -> None:
    fixed = (shared / "data/gnss/quectel-l76k-nmea.log").read_bytes()
    lost = (shared / "data/gnss/telit-he910.log").read_bytes()[:4000]
    begins, ends = fixed[:30_000], fixed[30_000:]  # cut in the middle of a sentence, as a line is

    fixes = [
        nmea.parse(Heard(data=one, seconds=10), settings()).readings["gnss.fix"]
        for one in (begins, begins + lost, begins + lost + ends)
    ]
    whole = nmea.parse(Heard(data=begins + lost + ends, seconds=30), settings()).readings

    assert fixes == ["3d", "none", "3d"]
    share = whole["gnss.fix_percent"]
    assert isinstance(share, float)
    assert 50 < share < 100


def test_a_real_multi_system_receiver_is_read(shared: Path, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    log = (shared / "data/gnss/quectel-l76k-nmea.log").read_bytes()

    answer = nmea.parse(Heard(data=log, seconds=30), settings())

    assert answer == Answer(
        readings={
            "gnss.fix": "3d",
            "gnss.fix_percent": 100.0,
            "gnss.satellites_used": 14,
            "gnss.hdop": 0.9,
            "satellites[beidou].used": 3,
            "satellites[glonass].used": 2,
            "satellites[gps].used": 9,
            "satellites[beidou].in_view": 3,
            "satellites[glonass].in_view": 10,
            "satellites[gps].in_view": 12,
            "gnss.snr_db": 34.2,
            "gnss.antenna": "ok",
            "gnss.checksum_errors_percent": 0.0,
            "gnss.sentences_per_s": 76.0,
        }
    )
    belongs_to_the_catalogue(answer)


def test_a_real_receiver_that_has_just_been_switched_on_has_no_fix_yet(shared: Path) -> None:
    log = (shared / "data/gnss/telit-he910.log").read_bytes()

    readings = nmea.parse(Heard(data=log[:1500], seconds=5), settings()).readings

    assert (readings["gnss.fix"], readings["gnss.fix_percent"]) == ("none", 0.0)
    assert nmea.parse(Heard(data=log, seconds=224), settings()).readings["gnss.fix"] == "3d"


# --- listening ----------------------------------------------------------------------------------------------------


class Talker:
    """Says one thing again and again once a port is open: it is prompted by nothing."""

    def __init__(self, line: Lines, data: bytes) -> None:
        self.device = line(lambda asked: b"")
        self.data = data

    def fetch(self, **more: object) -> Heard:
        import threading

        done = threading.Event()

        def talk() -> None:
            while not done.wait(0.01):
                self.device.say(self.data)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            return nmea.fetch(settings(self.device.port, **more))
        finally:
            done.set()
            thread.join()


@pytest.mark.reads_only
def test_a_receiver_on_a_line_is_heard_and_nothing_is_said_to_it(line: Lines) -> None:
    talker = Talker(line, b"".join(sentence(body) for body in BUS_31))

    answer = nmea.parse(talker.fetch(listen_s=0.5), settings())

    assert (answer.readings["gnss.fix"], answer.readings["satellites[beidou].used"]) == ("3d", 3)
    assert bytes(talker.device.asked) == b""


def test_a_silent_receiver_is_a_timeout(line: Lines) -> None:
    device = line(lambda asked: b"")

    with pytest.raises(ProbeError) as caught:
        nmea.fetch(settings(device.port, listen_s=0.5))

    assert caught.value.code == "timeout"
    assert "not one byte in 0.5 s" in caught.value.detail
    assert bytes(device.asked) == b""


def test_an_endless_stream_is_cut_in_bytes_and_in_time(line: Lines) -> None:
    begin = time.monotonic()

    heard_ = Talker(line, b"\xaa" * 60_000).fetch(listen_s=30, timeout_s=2.0)

    assert len(heard_.data) <= nmea.BYTES_LIMIT
    assert time.monotonic() - begin < 4


def test_a_receiver_that_is_not_there_is_no_port() -> None:
    with pytest.raises(ProbeError) as caught:
        nmea.fetch(settings("/dev/ttyNOBODY"))

    assert caught.value.code == "no_port"
