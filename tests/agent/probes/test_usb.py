"""USB devices that must be plugged in: present, gone, several of a kind, and what the kernel cannot describe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import cli
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import usb
from roundsman_agent.probes.usb import Plugged

HUB = Plugged(port="usb1", vid="1d6b", pid="0002", serial="0000:00:14.0")
SCANNER = Plugged(port="1-1.2", vid="0525", pid="a4a7", serial="")
TOUCH = Plugged(port="1-3", vid="0eef", pid="0001", serial="")
READER = Plugged(port="1-4", vid="0400", pid="c35a", serial="AB12")


def settings(*devices: str) -> dict[str, object]:
    return complete(usb.probe, {"devices": list(devices)})


def read(*plugged: Plugged, wanted: tuple[str, ...] = ()) -> Answer:
    return usb.parse((HUB, *plugged), settings(*wanted))


class Sys:
    """A tree of files that looks like /sys/bus/usb/devices, with an interface beside each device."""

    def __init__(self, root: Path) -> None:
        self.folder = root / usb.FOLDER
        self.folder.mkdir(parents=True)

    def plug(self, one: Plugged) -> Path:
        place = self.folder / one.port
        for folder in (place, self.folder / f"{one.port}:1.0"):
            folder.mkdir()
        for name, fact in (("idVendor", one.vid), ("idProduct", one.pid), ("serial", one.serial)):
            if fact:
                (place / name).write_text(f"{fact}\n")
        return place


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sys:
    monkeypatch.setattr(usb, "ROOT", str(tmp_path))
    return Sys(tmp_path)


KIOSK_7 = ("touch=0eef:0001", "scanner=0525:a4a7", "idreader=0400:c35a:ab12", "light=1a86:7523")


def test_kiosk_7_with_everything_plugged_in(machine: Sys, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    for one in (HUB, SCANNER, TOUCH, READER, Plugged(port="1-5", vid="1a86", pid="7523", serial="")):
        machine.plug(one)

    answer = usb.parse(usb.fetch(settings(*KIOSK_7)), settings(*KIOSK_7))

    assert answer == Answer(
        readings={
            "touch.state": "ready",
            "scanner.state": "ready",
            "idreader.state": "ready",
            "usb[light].state": "present",
        }
    )
    belongs_to_the_catalogue(answer)


def test_kiosk_7_with_everything_pulled_out(machine: Sys, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    machine.plug(HUB)

    answer = usb.parse(usb.fetch(settings(*KIOSK_7)), settings(*KIOSK_7))

    assert answer == Answer(
        readings={
            "touch.state": "lost",
            "scanner.state": "absent",
            "idreader.state": "absent",
            "usb[light].state": "absent",
        }
    )
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    "entry",
    ["scanner=0525:a4a7", "scanner=0525:A4A7", "Scanner = 525:a4a7", " SCANNER=0x0525:0xA4A7 ", "scanner= 0525 : a4a7"],
)
def test_ids_are_understood_as_people_write_them(entry: str) -> None:
    assert read(SCANNER, wanted=(entry,)).readings == {"scanner.state": "ready"}


def test_the_order_of_the_entries_does_not_matter() -> None:
    entries = ("touch=0eef:0001", "scanner=0525:a4a7", "card=dead:beef")

    assert read(SCANNER, TOUCH, wanted=entries) == read(TOUCH, SCANNER, wanted=entries[::-1])


def test_another_device_of_the_same_kind_is_not_the_one_with_the_serial_number() -> None:
    assert read(READER, wanted=("idreader=0400:c35a:AB13",)).readings == {"idreader.state": "absent"}


def test_of_two_of_a_kind_the_last_named_is_absent_when_one_is_gone() -> None:
    entries = ("camera=046d:0825", "second=046d:0825")
    camera = Plugged(port="1-7", vid="046d", pid="0825", serial="")

    assert read(camera, wanted=entries).readings == {"camera.state": "ready", "usb[second].state": "absent"}
    assert read(camera, camera, wanted=entries).readings == {"camera.state": "ready", "usb[second].state": "present"}


def test_who_names_a_serial_number_comes_before_who_does_not() -> None:
    entries = ("any=0400:c35a", "idreader=0400:c35a:ab12")

    assert read(READER, wanted=entries).readings == {"usb[any].state": "absent", "idreader.state": "ready"}


def test_without_names_everything_that_is_plugged_in_is_listed(
    machine: Sys, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "roundsman_agent.once.Warden.load", lambda _warden, _name: usb.probe
    )  # the cell has the real /sys
    for one in (HUB, SCANNER, READER):
        machine.plug(one)

    assert cli.main(["once", "--probe", "usb"]) == 0

    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["usb[0400:c35a].state", "present"],
        ["usb[0525:a4a7].state", "present"],
    ]


def test_several_of_a_kind_are_listed_with_their_serial_numbers() -> None:
    other = Plugged(port="1-9", vid="0400", pid="c35a", serial="CD]34")

    assert read(READER, other).readings == {
        "usb[0400:c35a:AB12].state": "present",
        "usb[0400:c35a:CD_34].state": "present",
    }


def test_nothing_plugged_in_is_said_when_all_is_to_be_listed() -> None:
    assert read() == Answer(
        readings={}, failed={"usb": ("absent", "nothing is plugged in but what belongs to the machine")}
    )


@pytest.mark.parametrize("vid", ["", "zzzz", "5", "0525\x00", "٠٥٢٥"], ids=repr)
def test_what_the_kernel_cannot_describe_makes_the_missing_unknown_and_the_rest_is_told(vid: str) -> None:
    strange = Plugged(port="1-2", vid=vid, pid="a4a7", serial="")

    answer = read(strange, TOUCH, wanted=("scanner=0525:a4a7", "touch=0eef:0001"))

    assert answer == Answer(
        readings={"scanner.state": None, "touch.state": "ready"},
        failed={"scanner.state": ("bad_answer", "not found, but the kernel cannot say what is at port 1-2")},
    )


def test_a_device_that_is_pulled_out_while_it_is_read_does_not_break_the_visit(machine: Sys) -> None:
    for one in (HUB, SCANNER, TOUCH):
        machine.plug(one)
    (machine.folder / "1-1.2" / "idProduct").unlink()

    answer = usb.parse(usb.fetch(settings("touch=0eef:0001")), settings("touch=0eef:0001"))

    assert answer.readings == {"touch.state": "ready"}


def test_a_machine_without_usb_gives_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb, "ROOT", str(tmp_path))

    with pytest.raises(ProbeError, match=r"not_supported: there is no .*: no USB here, or not for a container"):
        usb.fetch(settings("touch=0eef:0001"))


def test_a_container_with_an_empty_bus_does_not_say_that_all_is_gone(machine: Sys) -> None:
    with pytest.raises(ProbeError, match=r"not_supported: .* has not even a root hub"):
        usb.fetch(settings("touch=0eef:0001"))


def test_a_folder_that_may_not_be_read_is_a_matter_of_permission(machine: Sys, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)

    with pytest.raises(ProbeError, match=r"permission: .*: Permission denied"):
        usb.fetch(settings("touch=0eef:0001"))


def test_more_devices_than_there_can_be_are_no_answer() -> None:
    with pytest.raises(ProbeError, match="bad_answer: more than 256 devices"):
        usb.parse((SCANNER,) * 300, settings("touch=0eef:0001"))


def test_a_serial_number_is_only_asked_for_where_it_counts(machine: Sys) -> None:
    machine.plug(READER)

    assert usb.fetch(settings("idreader=0400:c35a"))[0].serial == ""
    assert usb.fetch(settings("idreader=0400:c35a:AB12"))[0].serial == "AB12"
    assert usb.fetch(settings())[0].serial == "AB12"


@pytest.mark.parametrize(
    ("devices", "complaint"),
    [
        (["scanner"], "'scanner'; expected NAME=VID:PID or NAME=VID:PID:SERIAL"),
        (["touch=0eef:0001", "scanner=0525"], "'scanner=0525'; expected NAME=VID:PID"),
        (["=0525:a4a7"], "expected NAME=VID:PID"),
        (["scanner=0525:a4a7z"], "expected NAME=VID:PID"),
        (["scanner=00525:a4a7"], "expected NAME=VID:PID"),
        (["scanner=0525:a4a7", "Scanner=0eef:0001"], "two are called 'scanner'; call the second scanner2"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(devices: list[str], complaint: str) -> None:
    with pytest.raises(SettingError) as caught:
        complete(usb.probe, {"devices": devices})

    assert complaint in str(caught.value)


@pytest.mark.reads_only
def test_a_visit_opens_nothing_for_writing_and_starts_no_process(tmp_path: Path) -> None:
    """The counterpart is a tree of files, and the interpreter's own audit fails on anything that is not a read."""
    machine = Sys(tmp_path)
    for one in (HUB, SCANNER, READER):
        machine.plug(one)
    ask = f"""
import os, sys
from roundsman_agent.probe import complete
from roundsman_agent.probes import usb
usb.ROOT = {str(tmp_path)!r}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ALLOWED = ("open", "os.listdir", "import", "compile", "exec", "sys.", "marshal.", "object.", "code.", "re.")
def refuse(event, arguments):
    if event == "open" and arguments[2] & WRITING or not event.startswith(ALLOWED):
        raise SystemExit(f"{{event}} {{arguments}}")
settings = complete(usb.probe, {{"devices": ["scanner=0525:a4a7", "idreader=0400:c35a:ab12"]}})
sys.addaudithook(refuse)
answer = usb.parse(usb.fetch(settings), settings)
sys.stdout.write(str(answer.readings))
"""

    done = subprocess.run([sys.executable, "-B", "-c", ask], check=False, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("{'scanner.state': 'ready', 'idreader.state': 'ready'}", "")


plugged = st.builds(
    Plugged,
    port=st.text(max_size=40),
    vid=st.text(max_size=6) | st.sampled_from(["0525", "0eef"]),
    pid=st.text(max_size=6) | st.sampled_from(["a4a7", "0001"]),
    serial=st.text(max_size=200),
)


@given(raw=st.lists(plugged, max_size=20), names=st.booleans())
def test_whatever_the_kernel_says_is_an_answer(raw: list[Any], names: bool) -> None:
    given_ = settings("scanner=0525:a4a7", "touch=0eef:0001:x", "light=0eef:0001") if names else settings()

    answer = usb.parse(tuple(raw), given_)

    assert all(value in ("ready", "absent", "lost", "present", None) for value in answer.readings.values())
    assert {name for name, value in answer.readings.items() if value is None} <= set(answer.failed)


def test_what_is_no_list_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="usb parses a list of Plugged, not dict"):
        usb.parse({}, settings())
