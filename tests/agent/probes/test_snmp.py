"""SNMP families: what the recordings of real devices mean, asserted by hand; and hostile values."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import snmp_family
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Talk
from roundsman_agent.snmp_meaning import _all_columns
from roundsman_agent.snmp_visit import ROWS_LIMIT
from roundsman_wire.catalogue import find, misfit
from tests.agent.probes.snmprec import recorded, visited

HEAD = "zh = 'zh'\nen = 'en'\nidentify = ['1.3']\n"
SCALAR = HEAD + "[[scalar]]\nreading = 'a.b'\noid = '1.3'\n"
"""How the files of families begin."""

SETTINGS = complete(snmp.probe, {"host": "nvr-2"})

UPS = "1.3.6.1.2.1.33.1"
PRINTER = "1.3.6.1.2.1.25.3"
NVR = "1.3.6.1.4.1.50001.1"


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
        "output[1].watts": None,
        "output[2].watts": None,
        "output[3].watts": None,
        "output[1].load_percent": 20,
        "output[2].load_percent": 26,
        "output[3].load_percent": 30,
        "ups.load_percent": 30,
    }
    assert answer.failed == {
        "ups.runtime_min": ("absent", f"{UPS}.2.3.0 is 0"),
        **{f"output[{n}].watts": ("absent", f"{UPS}.4.4.1.4.{n}.0 is 0") for n in (1, 2, 3)},
    }
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

    assert answer.readings == {
        "camera.cpu_percent": 52,
        "camera.memory_percent": 75,
        "camera.storage_percent": None,  # 0 % of 0.0 GB
    }
    assert answer.failed["camera.storage_percent"][0] == "absent"
    belongs_to_the_catalogue(answer)


def test_a_switch_has_no_reading_of_another_family(shared: Path) -> None:
    answers = recorded(shared / "data/snmp/switch-maipu-sm4200.snmprec")

    for name in set(snmp_family.names()) - {"switch"}:
        readings = meaning(name, answers).readings
        assert set(readings) <= {"ups.uptime_s", "nvr.uptime_s", "printer.condition"}


# --- which family, and what two of them know ---------------------------------------------------------------------

XPPC = "1.3.6.1.4.1.935.1.1.1"
APC = "1.3.6.1.4.1.318.1.1.1"
DAHUA = "1.3.6.1.4.1.1004849.2"
IF = "1.3.6.1.2.1.2.2.1"
MAKER = "1.3.6.1.2.1.1.2.0"


@pytest.mark.parametrize(
    ("answers", "family"),
    [
        ({f"{UPS}.2.1.0": number(2)}, "ups"),
        ({f"{UPS}.2.1.0": number(2), f"{XPPC}.2.1.1.0": number(2)}, "xppc"),
        ({f"{UPS}.2.1.0": number(2), "1.3.6.1.4.1.2011.6.174.1.1.1.1.0": octets(b"x")}, "huawei_ups"),
        ({f"{UPS}.2.1.0": number(2), "1.3.6.1.4.1.40614.1.2.1.1.1.0": number(0)}, "east"),
        ({f"{APC}.2.1.1.0": number(2)}, "apc"),
        ({"1.3.6.1.4.1.318.1.1.4.1.1.0": octets(b"a power strip")}, None),
        ({f"{DAHUA}.1.2.8.0": number(1)}, "dahua"),
        ({f"{IF}.8.1": number(1)}, None),
        ({f"{IF}.8.1": number(1), "1.3.6.1.2.1.17.1.2.0": number(24)}, "switch"),
        ({f"{IF}.8.1": number(1), MAKER: Bound("oid", "1.3.6.1.4.1.25506.1.578")}, "switch"),
        ({f"{IF}.8.1": number(1), MAKER: Bound("oid", "1.3.6.1.4.1.2550.1")}, None),
        ({f"{IF}.8.1": number(1), "1.3.6.1.2.1.17.1.2.0": number(1), "1.3.6.1.2.1.43.5.1.1.1.1": number(1)}, "printer"),
        ({f"{PRINTER}.5.1.1.1": number(1)}, None),
        ({MAKER: Bound("oid", "1.3.6.1.4.1.935")}, None),
    ],
)
def test_a_family_is_found_by_objects_and_maker_and_the_better_one_wins(
    answers: dict[str, Bound], family: str | None
) -> None:
    if family is not None:
        assert visited(answers).family == family
        return
    with pytest.raises(ProbeError) as caught:
        visited(answers)
    assert caught.value.code == "not_supported"


def test_a_family_that_is_named_needs_no_evidence() -> None:
    assert visited({f"{IF}.8.1": number(1)}, "switch").family == "switch"


def test_what_the_makers_tree_does_not_know_the_general_one_tells() -> None:
    answers = {
        f"{XPPC}.4.2.3.0": number(2),
        f"{XPPC}.2.2.5.0": number(0),
        f"{XPPC}.4.1.1.0": number(1),
        f"{UPS}.4.3.0": number(1),
        f"{UPS}.4.4.1.5.1": number(0),
        f"{UPS}.2.5.0": number(410),
        f"{UPS}.4.1.0": number(3),
    }

    assert meaning("xppc", answers) == Answer(
        readings={
            "ups.output_source": "normal",
            "output[1].load_percent": 2,
            "ups.load_percent": 2,
            "ups.battery_volts": 41,
        }
    )


@pytest.mark.parametrize(
    ("status", "volts", "out", "expected"),
    [
        (2, [2300], [2300], "normal"),
        (3, [2300], [2300], "battery"),
        (9, [2280, 2290, 2300], [2200, 2210, 2200], "reducer"),
        (8, [2360], [2360], "unknown"),
        (8, [0], [2200], "battery"),
        (2, [3], [2200], "battery"),
        (9, [0, 0, 0], [2200, 2210, 2200], "battery"),
        (8, [0], [0], "unknown"),
    ],
)
def test_a_netagent_card_is_on_battery_when_it_says_so_or_when_the_voltages_do(
    status: int, volts: list[int], out: list[int], expected: str
) -> None:
    answers = {f"{XPPC}.4.1.1.0": number(status)}
    if len(volts) == 1:
        answers |= {f"{XPPC}.3.2.1.0": number(volts[0]), f"{XPPC}.4.2.1.0": number(out[0])}
    else:
        answers |= {f"{XPPC}.3.2.1.0": number(0)}
        answers |= {f"{XPPC}.8.2.{n + 2}.0": number(one) for n, one in enumerate(volts)}
        answers |= {f"{XPPC}.8.3.{n + 2}.0": number(one) for n, one in enumerate(out)}

    readings = meaning("xppc", answers).readings

    assert readings["ups.output_source"] == expected
    if len(volts) == 3 and volts[0]:
        assert [readings[f"input[{n}].volts"] for n in (1, 2, 3)] == [228, 229, 230]


def test_an_apc_ups_on_battery_with_a_battery_that_wants_to_be_replaced(
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    """After PowerNet-MIB: no APC UPS was recorded for us."""
    answers = {
        f"{APC}.2.1.1.0": number(3),
        f"{APC}.2.1.2.0": Bound("timeticks", 12000),
        f"{APC}.2.2.1.0": Bound("gauge", 41),
        f"{APC}.2.2.2.0": Bound("gauge", 27),
        f"{APC}.2.3.2.0": Bound("gauge", 274),
        f"{APC}.2.2.3.0": Bound("timeticks", 90000),
        f"{APC}.2.2.4.0": number(2),
        f"{APC}.3.2.1.0": Bound("gauge", 0),
        f"{APC}.4.1.1.0": number(3),
        f"{APC}.4.2.1.0": Bound("gauge", 230),
        f"{APC}.4.2.3.0": Bound("gauge", 55),
        f"{APC}.7.2.3.0": number(2),
    }

    answer = meaning("apc", answers)

    assert answer == Answer(
        readings={
            "ups.battery_state": "low",
            "ups.on_battery_s": 120,
            "ups.battery_replace": "yes",
            "ups.charge_percent": 41,
            "ups.battery_celsius": 27.4,
            "ups.runtime_min": 15,
            "input[1].volts": 0,
            "ups.output_source": "battery",
            "output[1].volts": 230,
            "output[1].load_percent": 55,
            "ups.load_percent": 55,
            "ups.test_result": "error",
        }
    )
    belongs_to_the_catalogue(answer)


def test_a_dahua_recorder_says_words_in_its_own_spelling(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    """After DAHUA-SNMP-MIB and a template of a maker who sells them: no Dahua recorder was recorded for us."""
    channel, disk = f"{DAHUA}.10.2.2.1.3", f"{DAHUA}.4.1.1.5"
    states = [b"Conneted", b"Unconnect", b"Empty", b"Disable", b"Connecting", b"connected\x00", b"Sleeping"]
    answers = {f"{DAHUA}.1.2.8.0": number(0), f"{DAHUA}.1.3.0": number(17), f"{DAHUA}.1.9.2.0": number(255)}
    answers |= {f"{channel}.{n}": octets(state) for n, state in enumerate(states, 1)}
    answers |= {f"{disk}.1": octets(b"Running"), f"{disk}.2": octets(b"RaidSub"), f"{disk}.3": octets(b"Error")}
    answers |= {"1.3.6.1.2.1.1.3.0": Bound("timeticks", 24641813), "1.3.6.1.6.3.10.2.1.3.0": number(246422)}

    answer = meaning("dahua", answers)

    assert answer.readings == {
        "nvr.state": "fault",
        "nvr.cpu_percent": 17,
        "nvr.memory_percent": None,
        "nvr.uptime_s": 246422,
        "channel[1].state": "online",
        "channel[2].state": "offline",
        "channel[3].state": "empty",
        "channel[4].state": "empty",
        "channel[5].state": "connecting",
        "channel[6].state": "online",
        "channel[7].state": "unknown",
        "disk[1].state": "normal",
        "disk[2].state": "normal",
        "disk[3].state": "abnormal",
    }
    belongs_to_the_catalogue(answer)


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
    levels = {1: (17600, 20000), 2: (67066, 90000), 3: (-3, 100), 4: (50, -2), 5: (50, -2)}
    answers = {f"{supply}.9.1.{n}": number(level) for n, (level, _) in levels.items()}
    answers |= {f"{supply}.8.1.{n}": number(whole) for n, (_, whole) in levels.items()}
    answers |= {f"{supply}.7.1.{n}": number(19 if n == 5 else 13) for n in levels}

    answer = meaning("printer", printer(b"", **answers))

    assert {name: value for name, value in answer.readings.items() if name.startswith("supply")} == {
        "supply[1].percent": 88,
        "supply[2].percent": 74.518,
        "supply[3].percent": None,
        "supply[4].percent": None,
        "supply[5].percent": 50,
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"15 PERCENT", 15), (b" 7.5e+1 %", 75), (b"1e2", 100), (b"-3", None), (b"9e99", None), (b"PERCENT 15", None)],
)
def test_numbers_come_as_text_with_units_and_exponents(text: bytes, expected: float | None) -> None:
    readings = meaning("hikvision_camera", {"1.3.6.1.4.1.39165.1.7.0": octets(text)}).readings

    assert readings == {"camera.cpu_percent": expected}


def test_watts_that_volts_and_amperes_do_not_bear_out_are_refused() -> None:
    row = {f"{UPS}.4.4.1.2.1": number(2199), f"{UPS}.4.4.1.3.1": number(183), f"{UPS}.4.4.1.4.1": number(34)}

    answer = meaning("ups", row)

    assert answer.readings == {"output[1].volts": 219.9, "output[1].amperes": 18.3, "output[1].watts": None}
    assert answer.failed == {"output[1].watts": ("implausible", "34 beside 219.9 x 18.3")}
    assert meaning("ups", {**row, f"{UPS}.4.4.1.4.1": number(3400)}).readings["output[1].watts"] == 3400


def test_hertz_told_in_hundredths_are_hertz() -> None:
    assert meaning("ups", {f"{UPS}.4.2.0": number(4999)}).readings == {"ups.output_hertz": 49.99}


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

    assert len(readings) == ROWS_LIMIT


VALUES = st.one_of(
    st.integers(-(2**31), 2**64).map(number),
    st.binary(max_size=60).map(octets),
    st.sampled_from([Bound(type="oid", value="1.3.6.1"), Bound(type="ip", value="10.0.0.1")]),
)


@pytest.mark.parametrize("name", snmp_family.names())
@given(data=st.data())
def test_no_value_breaks_a_family(name: str, data: st.DataObject) -> None:
    plan = snmp_family.family(name)
    of_family = snmp_family.parts(plan)
    columns = [column for part in of_family for column in _all_columns(part)]
    oids = [oid for part in of_family for oid in part.objects()]
    oids += [f"{column}.{row}" for column in columns for row in ("1", "1.0", "2.1", "7", "x", "4294967296", "")]
    answers = data.draw(st.dictionaries(st.sampled_from(oids), VALUES))

    answer = meaning(name, answers)

    assert [text for reading, value in answer.readings.items() if (text := misfit(reading, value))] == []
    assert {reading for reading, value in answer.readings.items() if value is None} == set(answer.failed)
    assert answer.readings.keys() <= {one for one in answer.readings if find(one) is not None}


# --- family files -------------------------------------------------------------------------------------------------


def test_these_families_are_shipped() -> None:
    assert snmp_family.names() == (
        *(
            "apc",
            "dahua",
            "east",
            "hikvision_camera",
            "hikvision_nvr",
            "huawei_ups",
            "printer",
            "switch",
            "ups",
            "xppc",
        ),
    )


@pytest.mark.parametrize("name", snmp_family.names())
def test_a_family_gives_only_readings_and_words_of_the_catalogue(name: str) -> None:
    plan = snmp_family.family(name)

    assert plan.zh and plan.en and plan.identify
    assert {part.name for part in snmp_family.parts(plan)} == {name, *plan.also}
    assert all(find(reading.replace("[]", "[1]")) is not None for reading in plan.readings())
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
        assert summary.of.replace("[]", "[1]") in {
            item.reading.replace("[]", "[1]") for item in (*plan.scalars, *plan.tables)
        }
    for conclusion in plan.conclusions:
        assert conclusion.word in find(conclusion.reading).words  # type: ignore[union-attr]


def test_no_family_asks_for_an_object_that_acts_or_names_a_person() -> None:
    alias = "1.3.6.1.2.1.31.1.1.1.18"  # whoever sits at the other end
    forbidden = {alias, "1.3.6.1.4.1.39165.1.12.0", f"{NVR}.3.0", "1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.6.0"}

    for plan in snmp_family.families():
        assert not forbidden & {*plan.objects(), *_all_columns(plan)}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("zh = 'x'", "en: is missing"),
        ("zh = 'x", "Illegal character|Unterminated|Expected"),
        (HEAD + "size = 3", "size: there is no such key; expected zh, en"),
        (HEAD + "scalar = 7", r"scalar: expected tables \[\[scalar\]\]"),
        (HEAD.replace("'1.3'", "1"), "identify: expected an OID"),
        (SCALAR + "colour = 'red'", r"\[\[scalar\]\] 1 \(a.b\), colour: there is no such key"),
        (SCALAR + "index = 1", "index: there is no such key"),
        (SCALAR + "type = 'word'", "a word needs enum"),
        (SCALAR + "type = 'blob'", "'blob' is not number"),
        (SCALAR + "min = '3'", "min: expected a number, got '3'"),
        (SCALAR + "sentinels = [0.5]", "sentinels: expected whole numbers"),
        (SCALAR + "type = 'bits'\nbits = [[9999, 'x']]", "bits: expected pairs"),
        (HEAD + "[[scalar]]\nreading = 'A b'\noid = '1.3'", "reading: expected a reading like"),
        (HEAD + "[[scalar]]\noid = '1.3'", r"\[\[scalar\]\] 1, reading: is missing"),
        (HEAD + "[[summary]]\nreading = 'a.b'\nof = ['a.b']\ntake = 'max'", "of: expected one reading"),
        (HEAD + "[ports]\nuptime = '1.3.6'", r"\[ports\], oper: is missing"),
        (HEAD + "[ports]\nlights = '1.3.6'", r"\[ports\], lights: there is no such key"),
    ],
)
def test_a_wrong_family_file_is_named_with_what_is_wrong(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pump.toml").write_text(text)
    monkeypatch.setattr(snmp_family, "OWN", tmp_path)

    with pytest.raises(snmp_family.FamilyError, match=complaint) as caught:
        snmp_family.family("pump")

    assert str(caught.value).startswith(f"{tmp_path}/pump.toml: ")


VALUES_OF_KEYS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1.3.6", "a.b", "max"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["reading", "1.3.6", "2"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS_OF_ITEMS = [*snmp_family._READERS, "lights"]
KEYS_OF_FILES = ["zh", "en", "identify", "evidence", "makers", "rank", "also", "colour"]
SECTIONS = ["scalar", "table", "summary", "product", "conclusion"]


@given(
    st.dictionaries(st.sampled_from(KEYS_OF_FILES), VALUES_OF_KEYS),
    st.dictionaries(
        st.sampled_from(SECTIONS), st.lists(st.dictionaries(st.sampled_from(KEYS_OF_ITEMS), VALUES_OF_KEYS), max_size=2)
    ),
    st.dictionaries(
        st.sampled_from(["uptime", "oper", "admin", "kind", "names", "kinds", "mbit", "x"]), VALUES_OF_KEYS
    ),
    st.booleans(),
)
def test_a_family_file_of_nonsense_is_refused_in_words(
    head: dict[str, object], sections: dict[str, list[dict[str, object]]], ports: dict[str, object], is_whole: bool
) -> None:
    body = {"zh": "zh", "en": "en", "identify": ["1.3.6"], **head} if is_whole else head

    try:
        plan = snmp_family._family("pump", {**body, **sections, "ports": ports} if ports else {**body, **sections})
    except ValueError as error:
        assert str(error)
    else:
        assert plan.name == "pump"


def test_check_takes_a_family_of_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "pump.toml").write_text(SCALAR)
    configuration = tmp_path / "agent.toml"
    configuration.write_text(
        '[agent]\nid = "gw-2"\ngroup = "south"\ndata = "data"\n[broker]\nhost = "127.0.0.1"\n'
        '[[device]]\nid = "pump-1"\nkind = "pump"\n'
        '[[device.probe]]\nname = "snmp"\nhost = "192.0.2.7"\nfamily = "pump"\n'
    )
    command = [sys.executable, "-m", "roundsman_agent", "check", str(configuration)]

    def checked(folder: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "ROUNDSMAN_FAMILIES": str(folder)}
        return subprocess.run(command, check=False, env=environment, capture_output=True, text=True)

    assert checked(tmp_path).returncode == 0
    refused = checked(tmp_path / "none")
    assert refused.returncode == 78
    assert "expected one of auto, apc" in refused.stderr


def test_a_family_of_the_operators_own_is_read_and_stands_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pump.toml").write_text(SCALAR + "min = 0\nmax = 10")
    (tmp_path / "ups.toml").write_text(HEAD.replace("'en'", "'my UPS'"))
    (tmp_path / "Not A Name.toml").write_text("")
    monkeypatch.setattr(snmp_family, "OWN", tmp_path)

    assert set(snmp_family.names()) >= {"pump", "ups", "printer"}
    assert snmp_family.family("ups").en == "my UPS"
    assert meaning("pump", {"1.3": number(3)}).readings == {"a.b": 3}


def test_an_own_family_that_is_wrong_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pump.toml").write_text("zh = 1")
    monkeypatch.setattr(snmp_family, "OWN", tmp_path)

    found = [plan.name for plan in snmp_family.families()]
    snmp_family.families()

    assert "pump" not in found and "ups" in found
    assert [record.getMessage() for record in caplog.records] == [
        f"snmp: the family is left out: {tmp_path}/pump.toml: en: is missing"
    ]
    with pytest.raises(ProbeError) as caught:
        meaning("pump", {})
    assert (caught.value.code, caught.value.detail) == ("bad_setting", f"{tmp_path}/pump.toml: en: is missing")


def test_a_family_as_long_as_a_book_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pump.toml").write_text("#" * (snmp_family.FILE_LIMIT + 1))
    monkeypatch.setattr(snmp_family, "OWN", tmp_path)

    with pytest.raises(snmp_family.FamilyError, match="is longer than"):
        snmp_family.family("pump")


def test_a_family_that_counts_on_one_that_is_not_there_is_a_bad_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pump.toml").write_text(HEAD + "also = ['well']")
    monkeypatch.setattr(snmp_family, "OWN", tmp_path)

    with pytest.raises(ProbeError) as caught:
        meaning("pump", {})

    assert caught.value.code == "bad_setting"
    assert "no SNMP family 'well'" in caught.value.detail


def test_a_family_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(LookupError, match="no SNMP family 'fridge'; there are apc, dahua, east"):
        snmp_family.family("fridge")
