"""SNMP families: what the recordings of real devices mean, asserted by hand; and hostile values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import snmp_family
from roundsman_agent.probe import Answer, complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Talk
from roundsman_wire.catalogue import find, misfit

SETTINGS = complete(snmp.probe, {"host": "nvr-2"})

UPS = "1.3.6.1.2.1.33.1"
PRINTER = "1.3.6.1.2.1.25.3"
NVR = "1.3.6.1.4.1.50001.1"

# The tag of a .snmprec line -> our word for the type.
TAGS = {
    "2": "integer",
    "4": "octets",
    "6": "oid",
    "64": "ip",
    "65": "counter",
    "66": "gauge",
    "67": "timeticks",
    "70": "counter",
}


def recorded(path: Path) -> dict[str, Bound]:
    """A .snmprec recording: one ``oid|tag|value`` a line, a tag that ends in x has its value in hex."""
    answers = {}
    for line in path.read_text(encoding="latin-1").split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        oid, tag, value = line.rstrip("\r").split("|", 2)
        kind = TAGS.get(tag.removesuffix("x"))
        octets = bytes.fromhex(value) if tag.endswith("x") else value.encode("latin-1")
        if kind == "octets":
            answers[oid] = Bound(type=kind, value=octets)
        elif kind == "ip":
            answers[oid] = Bound(type=kind, value=".".join(map(str, octets)) if tag.endswith("x") else value)
        elif kind == "oid":
            answers[oid] = Bound(type=kind, value=value)
        elif kind is not None:
            answers[oid] = Bound(type=kind, value=int(value))
    return answers


def number(value: int) -> Bound:
    return Bound(type="integer", value=value)


def octets(value: bytes) -> Bound:
    return Bound(type="octets", value=value)


def meaning(family: str, answers: Mapping[str, Bound], **more: object) -> Answer:
    talk = Talk(**{"family": family, "answers": answers, "stumbled": {}, "cut": None, **more})  # type: ignore[arg-type]
    return snmp.parse(talk, SETTINGS)


# --- recordings of real devices -----------------------------------------------------------------------------------


def test_an_east_ups_with_rows_that_end_in_zero_is_read(
    shared: Path, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = meaning("ups", recorded(shared / "data/snmp/ups-east-istars.snmprec"))

    assert answer.readings == {
        "ups.battery_state": "normal",
        "ups.on_battery_s": 0,
        "ups.runtime_min": None,
        "ups.charge_percent": 100,
        "ups.battery_volts": 213,
        "ups.battery_celsius": 36,
        "ups.input_bads": 0,
        "ups.output_source": "normal",
        "ups.output_hertz": 50,
        "ups.alarms": 0,
        "ups.test_result": "none",
        "ups.uptime_s": 14395240.52,
        "input[1].volts": 236,
        "input[2].volts": 236,
        "input[3].volts": 234,
        "input[1].hertz": 50,
        "input[2].hertz": 50,
        "input[3].hertz": 50,
        "output[1].volts": 219,
        "output[2].volts": 219,
        "output[3].volts": 219,
        "output[1].watts": 0,
        "output[2].watts": 0,
        "output[3].watts": 0,
        "output[1].load_percent": 20,
        "output[2].load_percent": 26,
        "output[3].load_percent": 30,
        "ups.load_percent": 30,
    }
    assert answer.failed == {"ups.runtime_min": ("absent", f"{UPS}.2.3.0 is 0")}
    belongs_to_the_catalogue(answer)


def test_a_santak_ups_is_read(shared: Path, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = meaning("ups", recorded(shared / "data/snmp/ups-santak-array.snmprec"))

    belongs_to_the_catalogue(answer)
    readings = answer.readings
    assert (readings["ups.output_source"], readings["ups.battery_state"]) == ("normal", "normal")
    assert (readings["ups.battery_volts"], readings["ups.battery_celsius"]) == (273, 32)
    assert (readings["ups.input_bads"], readings["ups.test_result"]) == (15, "passed")
    assert (readings["input[1].volts"], readings["output[3].watts"], readings["ups.load_percent"]) == (228, 7700, 33)
    assert readings["ups.output_hertz"] is None
    assert answer.failed["ups.output_hertz"] == ("absent", f"{UPS}.4.2.0 is 0")


def test_a_single_phase_ups_that_lists_three_phases_shows_one(shared: Path) -> None:
    readings = meaning("ups", recorded(shared / "data/snmp/ups-phoenixtec-935.snmprec")).readings

    assert [name for name in readings if name.startswith(("input", "output"))] == [
        "input[1].volts",
        "input[1].hertz",
        "output[1].volts",
        "output[1].watts",
        "output[1].load_percent",
    ]
    assert (readings["input[1].volts"], readings["output[1].volts"]) == (238, 231)


def test_a_hikvision_recorder_is_read(shared: Path, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = meaning("hikvision_nvr", recorded(shared / "data/snmp/nvr-hikvision.snmprec"))

    assert answer == Answer(
        readings={
            "nvr.state": "online",
            "nvr.memory_percent": 1,
            "nvr.disks": 1,
            "nvr.uptime_s": 21780496.73,
            "disk[1].state": "normal",
            "disk[1].capacity_mb": 2861588,
            "disk[1].free_mb": 100,
        }
    )
    belongs_to_the_catalogue(answer)


def test_a_hikvision_camera_that_answers_texts_with_units_is_read(
    shared: Path, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = meaning("hikvision_camera", recorded(shared / "data/snmp/cam-hikvision.snmprec"))

    assert answer == Answer(
        readings={"camera.cpu_percent": 52, "camera.memory_percent": 75, "camera.storage_percent": 0}
    )
    belongs_to_the_catalogue(answer)


def test_a_switch_has_no_reading_of_any_family(shared: Path) -> None:
    answers = recorded(shared / "data/snmp/switch-maipu-sm4200.snmprec")

    for name in snmp_family.names():
        readings = meaning(name, answers).readings
        assert set(readings) <= {"ups.uptime_s", "nvr.uptime_s", "printer.condition"}


# --- printers -----------------------------------------------------------------------------------------------------


def printer(bits: bytes, **more: Bound) -> dict[str, Bound]:
    return {
        f"{PRINTER}.2.1.5.1": number(2),
        f"{PRINTER}.2.1.5.7": number(3),
        f"{PRINTER}.5.1.1.7": number(3),
        f"{PRINTER}.5.1.2.7": octets(bits),
        **more,
    }


HEALTHY = {
    "printer.paper": "ok",
    "printer.cover": "closed",
    "printer.state": "online",
    "printer.error": "none",
    "printer.toner": "ok",
    "printer.activity": "idle",
    "printer.condition": "warning",
}


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (b"", {}),
        (b"\x00", {}),
        (b"\x00\x00", {}),
        (b"\x80\x00", {"printer.paper": "near_end"}),
        (b"\xc0", {"printer.paper": "end"}),
        (b"\x00\x04", {"printer.paper": "near_end"}),
        (b"\x08", {"printer.cover": "open"}),
        (b"\x02", {"printer.state": "offline"}),
        (b"\x04", {"printer.error": "jam"}),
        (b"\x01\x00", {"printer.error": "service"}),
        (b"\x00\x08", {"printer.error": "output_full"}),
        (b"\x30", {"printer.toner": "end"}),
        (b"\x20", {"printer.toner": "low"}),
        (b"@", {"printer.paper": "end"}),
    ],
    ids=lambda value: value.hex() or "empty" if isinstance(value, bytes) else "",
)
def test_a_network_printer_says_its_faults_in_bits(
    bits: bytes, expected: dict[str, str], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = meaning("printer", printer(bits))

    assert answer == Answer(readings={**HEALTHY, **expected})
    belongs_to_the_catalogue(answer)


def test_a_printers_verdict_is_its_own_and_not_its_network_cards() -> None:
    assert meaning("printer", printer(b"")).readings["printer.condition"] == "warning"


def test_supplies_are_shares_of_their_whole() -> None:
    supply = "1.3.6.1.2.1.43.11.1.1"
    levels = {1: (17600, 20000), 2: (67066, 90000), 3: (-3, 100), 4: (50, -2)}
    answers = {f"{supply}.9.1.{n}": number(level) for n, (level, _) in levels.items()}
    answers |= {f"{supply}.8.1.{n}": number(whole) for n, (_, whole) in levels.items()}

    answer = meaning("printer", printer(b"", **answers))

    assert {name: value for name, value in answer.readings.items() if name.startswith("supply")} == {
        "supply[1].percent": 88,
        "supply[2].percent": 74.518,
        "supply[3].percent": None,
        "supply[4].percent": None,
    }
    assert answer.failed == {
        "supply[3].percent": ("absent", f"{supply}.9.1.3 is -3"),
        "supply[4].percent": ("absent", f"{supply}.9.1.4 is 50 of an unknown whole"),
    }


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oid", "value", "reading", "expected"),
    [
        (f"{UPS}.4.1.0", number(5), "ups.output_source", "battery"),
        (f"{UPS}.4.1.0", number(4), "ups.output_source", "bypass"),
        (f"{UPS}.4.1.0", number(99), "ups.output_source", "unknown"),
        (f"{UPS}.4.1.0", octets(b"5"), "ups.output_source", "battery"),
        (f"{UPS}.4.1.0", octets(b"on fire"), "ups.output_source", "unknown"),
        (f"{UPS}.2.3.0", number(17), "ups.runtime_min", 17),
        (f"{UPS}.2.3.0", Bound(type="gauge", value=17), "ups.runtime_min", 17),
        (f"{UPS}.2.5.0", number(136), "ups.battery_volts", 13.6),
        (f"{UPS}.4.2.0", number(500), "ups.output_hertz", 50),
    ],
)
def test_a_value_is_scaled_and_named(oid: str, value: Bound, reading: str, expected: object) -> None:
    assert meaning("ups", {oid: value}) == Answer(readings={reading: expected})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("oid", "value", "reading", "code"),
    [
        (f"{UPS}.2.3.0", number(65535), "ups.runtime_min", "absent"),
        (f"{UPS}.2.3.0", Bound(type="gauge", value=4294967295), "ups.runtime_min", "absent"),
        (f"{UPS}.2.7.0", number(-273), "ups.battery_celsius", "absent"),
        (f"{UPS}.2.4.0", number(101), "ups.charge_percent", "implausible"),
        (f"{UPS}.2.4.0", number(-50), "ups.charge_percent", "implausible"),
        (f"{UPS}.2.4.0", octets(b""), "ups.charge_percent", "bad_answer"),
        (f"{UPS}.2.4.0", octets(b"\xff\x00garbage" * 99), "ups.charge_percent", "bad_answer"),
        (f"{UPS}.2.4.0", Bound(type="oid", value="1.3.6"), "ups.charge_percent", "bad_answer"),
        (f"{UPS}.2.4.0", octets(b"9" * 400), "ups.charge_percent", "implausible"),
    ],
)
def test_a_sentinel_or_nonsense_is_none_with_its_reason(oid: str, value: Bound, reading: str, code: str) -> None:
    answer = meaning("ups", {oid: value})

    assert answer.readings == {reading: None}
    assert answer.failed[reading][0] == code
    assert oid in answer.failed[reading][1]


def test_volts_told_in_tenths_are_volts() -> None:
    answers = {f"{UPS}.3.3.1.3.1": number(2304), f"{UPS}.3.3.1.3.2": number(230), f"{UPS}.4.4.1.2.1": number(9999)}

    answer = meaning("ups", answers)

    assert (answer.readings["input[1].volts"], answer.readings["input[2].volts"]) == (230.4, 230)
    assert answer.failed == {"output[1].volts": ("implausible", f"{UPS}.4.4.1.2.1 is 9999, expected 0 to 600")}


def test_disk_states_of_a_recorder_are_named() -> None:
    states = {1: 0, 2: 2, 3: 3, 4: 6, 5: 10, 6: 77}

    readings = meaning("hikvision_nvr", {f"{NVR}.241.1.3.{n}.0": number(s) for n, s in states.items()}).readings

    assert readings == {
        "disk[1].state": "normal",
        "disk[2].state": "abnormal",
        "disk[3].state": "smart_failed",
        "disk[4].state": "not_online",
        "disk[5].state": "repairing",
        "disk[6].state": "unknown",
    }


def test_what_255_is_in_hikvisions_mib_is_absent() -> None:
    assert meaning("hikvision_nvr", {f"{NVR}.221.0": number(255)}).failed == {
        "nvr.memory_percent": ("absent", f"{NVR}.221.0 is 255")
    }


def test_what_a_device_does_not_have_is_no_reading() -> None:
    assert meaning("ups", {}) == Answer(readings={})


def test_a_visit_that_was_cut_leaves_unknown_what_was_not_said() -> None:
    answer = meaning("ups", {f"{UPS}.4.1.0": number(3)}, cut=("timeout", "10.0.0.9:161: no answer"))

    assert answer.readings["ups.output_source"] == "normal"
    assert answer.readings["ups.charge_percent"] is None
    assert answer.failed["ups.charge_percent"] == ("timeout", "10.0.0.9:161: no answer")
    assert not [name for name in answer.readings if "[" in name]


def test_an_object_the_device_stumbles_over_is_unknown() -> None:
    answer = meaning("ups", {}, stumbled={f"{UPS}.2.7.0": "genErr"})

    assert answer.readings == {"ups.battery_celsius": None}
    assert answer.failed == {"ups.battery_celsius": ("bad_answer", f"the device answers genErr to {UPS}.2.7.0")}


def test_a_thousand_rows_are_not_a_thousand_readings() -> None:
    readings = meaning("hikvision_nvr", {f"{NVR}.241.1.3.{n}.0": number(0) for n in range(1, 1001)}).readings

    assert len(readings) == snmp_family.ROWS_LIMIT


VALUES = st.one_of(
    st.integers(-(2**31), 2**64).map(number),
    st.binary(max_size=60).map(octets),
    st.sampled_from([Bound(type="oid", value="1.3.6.1"), Bound(type="ip", value="10.0.0.1")]),
)


@pytest.mark.parametrize("name", snmp_family.names())
@given(data=st.data())
def test_no_value_breaks_a_family(name: str, data: st.DataObject) -> None:
    plan = snmp_family.family(name)
    oids = [*plan.objects(), *(f"{column}.{row}" for column in plan.columns() for row in ("1", "1.0", "2.1", "7"))]
    answers = data.draw(st.dictionaries(st.sampled_from(oids), VALUES))

    answer = meaning(name, answers)

    assert [text for reading, value in answer.readings.items() if (text := misfit(reading, value))] == []
    assert {reading for reading, value in answer.readings.items() if value is None} == set(answer.failed)


# --- family files -------------------------------------------------------------------------------------------------


def test_these_families_are_shipped() -> None:
    assert snmp_family.names() == ("hikvision_camera", "hikvision_nvr", "printer", "ups")


@pytest.mark.parametrize("name", snmp_family.names())
def test_a_family_gives_only_readings_and_words_of_the_catalogue(name: str) -> None:
    plan = snmp_family.family(name)

    assert plan.zh and plan.en and plan.identify
    for item in (*plan.scalars, *plan.tables):
        point = find(item.reading.replace("[]", "[1]"))
        assert point is not None, item.reading
        words = {*(item.enum or {}).values(), *(word for _, word in item.bits)}
        words |= {item.otherwise} if item.bits else set()
        assert words <= set(point.words), item.reading
        assert bool(point.words) == (item.type != "number"), item.reading
        if item.type == "number":
            assert item.min is not None and item.max is not None, f"{item.reading} has no plausible range"
    for summary in plan.summaries:
        assert find(summary.reading) is not None
        assert summary.of in {item.reading for item in plan.tables}


def test_no_family_asks_for_an_object_that_acts_or_names_a_person() -> None:
    forbidden = {"1.3.6.1.4.1.39165.1.12.0", f"{NVR}.3.0", "1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.6.0"}

    for plan in snmp_family.families():
        assert not forbidden & {*plan.objects(), *plan.columns()}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("zh = 'x'", "en"),
        ("zh='x'\nen='x'\nidentify=['1']\n[[scalar]]\nreading='a.b'\noid='1'\ncolour='red'", "colour"),
        ("zh='x'\nen='x'\nidentify=['1']\n[[scalar]]\nreading='a.b'\noid='1'\ntype='word'", "a word needs enum"),
        ("zh='x'\nen='x'\nidentify=['1']\n[[scalar]]\nreading='a.b'\noid='1'\ntype='blob'", "'blob' is not number"),
    ],
)
def test_a_wrong_family_file_is_named_with_what_is_wrong(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"bad{abs(hash(text))}.toml").write_text(text)
    monkeypatch.setattr(snmp_family, "FOLDER", tmp_path)

    with pytest.raises(ValueError, match=complaint) as caught:
        snmp_family.family(snmp_family.names()[0])

    assert ".toml" in str(caught.value)


def test_a_family_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(LookupError, match="no SNMP family 'fridge'; there are hikvision_camera, hikvision_nvr"):
        snmp_family.family("fridge")
