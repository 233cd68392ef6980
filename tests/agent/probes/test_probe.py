"""What every probe has in common: settings that are data, errors that have codes, and no cost while unused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from roundsman_agent import probes
from roundsman_agent.probe import (
    REQUIRED,
    Probe,
    ProbeError,
    Setting,
    SettingError,
    complete,
    flag,
    number,
    text,
    texts,
)
from roundsman_wire.catalogue import FAILURES

TOASTER = Probe(
    name="toaster",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(name="host", kind=str, default=REQUIRED, unit="", sentence="Where the toaster is."),
        Setting(name="slots", kind=int, default=2, unit="", sentence="How many slots.", least=1, most=8),
        Setting(name="wait_s", kind=float, default=1.5, unit="s", sentence="How long to wait."),
        Setting(name="loud", kind=bool, default=False, unit="", sentence="Whether it rings."),
        Setting(name="breads", kind=list, default=[], unit="", sentence="Which breads."),
        Setting(name="mode", kind=str, default="warm", unit="", sentence="How hot.", choices=("warm", "hot")),
    ),
    fetch=lambda settings: None,
    parse=lambda raw, settings: pytest.fail("nobody parses toast"),
    default_timeout_s=1.0,
)


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_is_named_like_its_file_and_says_what_its_settings_are(name: str) -> None:
    probe = probes.load(name)

    assert probe.name == name
    assert "linux" in probe.platforms
    assert "timeout_s" in {setting.name for setting in probe.settings}
    assert len({setting.name for setting in probe.settings}) == len(probe.settings)
    for setting in probe.settings:
        assert setting.sentence.endswith(".")
        assert setting.default is REQUIRED or isinstance(setting.default, setting.kind)
        assert setting.unit == "s" if setting.name.endswith("_s") else True


@pytest.mark.parametrize("name", probes.names())
def test_the_defaults_of_a_probe_pass_its_own_checks(name: str) -> None:
    probe = probes.load(name)
    required = {
        setting.name: ["door[front].state = discrete:0 closed/open"] if setting.kind is list else "x"
        for setting in probe.settings
        if setting.default is REQUIRED
    }

    settled = complete(probe, required)

    assert set(settled) == {setting.name for setting in probe.settings}
    assert settled["timeout_s"] == probe.default_timeout_s


def test_a_probe_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(LookupError, match=f"no probe 'toaster'; there are {', '.join(probes.names())}"):
        probes.load("toaster")


def test_a_probe_that_is_not_used_costs_no_memory() -> None:
    heavy = {"pysnmp", "pyasn1", "pynmeagps", "serial", "psutil", "asyncio", "ctypes"}
    ask = (
        "import sys; from roundsman_agent import probes; probes.names(); "
        f"print(sorted({heavy!r} & set(sys.modules))); "
        "probes.load('escpos'); "
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["[]", "['serial']"]


def test_snmp_version_2c_needs_neither_the_engine_nor_asyncio() -> None:
    ask = (
        "import sys; from roundsman_agent import probes; probes.load('snmp'); "
        "print(sorted({'asyncio', 'pysnmp.entity.engine', 'pysnmp.smi.builder'} & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"


def test_settings_are_completed_with_their_defaults() -> None:
    assert complete(TOASTER, {"host": "t1", "wait_s": 2}) == {
        "host": "t1",
        "slots": 2,
        "wait_s": 2.0,
        "loud": False,
        "breads": [],
        "mode": "warm",
    }


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "setting host: is missing and has no default. Where the toaster is."),
        ({"host": 7}, "setting host: expected str, got int"),
        ({"host": "t1", "slots": True}, "setting slots: expected int, got bool"),
        ({"host": "t1", "slots": 2.0}, "setting slots: expected int, got float"),
        ({"host": "t1", "slots": 9}, "setting slots: expected 1 to 8 , got 9"),
        ({"host": "t1", "loud": 1}, "setting loud: expected bool, got int"),
        ({"host": "t1", "breads": ["rye", 1]}, "setting breads: expected a list of texts"),
        ({"host": "t1", "mode": "cold"}, "setting mode: expected one of warm, hot, got 'cold'"),
        ({"host": "t1", "hots": "t2"}, "has no setting 'hots'; it has host, slots, wait_s, loud, breads, mode"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingError) as caught:
        complete(TOASTER, given)

    assert "probe toaster" in str(caught.value)
    assert complaint in str(caught.value)


def test_settings_that_were_never_checked_are_not_believed() -> None:
    wrong: dict[str, object] = {"name": object()}

    for read in (text, number, flag, texts):
        with pytest.raises(TypeError, match=r"complete\(\) was not called"):
            read(wrong, "name")


def test_a_probe_error_has_a_code_of_the_catalogue_and_a_detail_the_wire_can_carry() -> None:
    error = ProbeError("timeout", "x" * 1000)

    assert error.code in FAILURES
    assert len(error.detail) == 400
    assert str(ProbeError("timeout", "3 s")) == "timeout: 3 s"
    with pytest.raises(ValueError, match="'tired' is not a failure of the catalogue"):
        ProbeError("tired", "")
