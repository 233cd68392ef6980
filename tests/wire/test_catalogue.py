"""The catalogue says what every reading is called, in which unit it is, and how people read it."""

from __future__ import annotations

import re

import pytest

from roundsman_wire.catalogue import (
    _TABLE,
    FAILURES,
    POINTS,
    UNITS,
    ReadingName,
    find,
    label,
    misfit,
    split,
    word_label,
)

HAN = re.compile(r"[\u4e00-\u9fff]")


def test_no_name_is_in_the_table_twice() -> None:
    names = [point.name for point in _TABLE]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("point", _TABLE, ids=lambda point: point.name)
def test_every_row_is_complete(point) -> None:  # type: ignore[no-untyped-def]
    assert split(point.name.replace("[]", "[x]")).pattern == point.name
    assert point.unit in UNITS
    assert (point.unit == "word") == bool(point.words)
    assert point.label.zh and point.label.en
    assert not HAN.search(point.label.en)
    assert ("{instance}" in point.label.zh) == ("[]" in point.name) == ("{instance}" in point.label.en)
    for word, said in point.words.items():
        assert re.fullmatch(r"[a-z0-9_]+", word)
        assert HAN.search(said.zh), f"{point.name} {word} has no Chinese label"
        assert said.en and not HAN.search(said.en)


@pytest.mark.parametrize("point", [p for p in _TABLE if p.words], ids=lambda point: point.name)
def test_unknown_belongs_to_every_set_of_words(point) -> None:  # type: ignore[no-untyped-def]
    assert point.words["unknown"].zh == "未知"


def test_the_unit_in_a_name_is_the_unit_of_the_point() -> None:
    endings = {
        "_percent": "percent", "_s": "seconds", "_min": "minutes", "_ms": "milliseconds", "_mb": "megabytes",
        "_bytes": "bytes", "celsius": "celsius", "volts": "volts", "hertz": "hertz", "watts": "watts",
    }  # fmt: skip

    for point in _TABLE:
        for ending, unit in endings.items():
            if point.name.endswith(ending) and not point.name.endswith("_per_s"):
                assert point.unit == unit, point.name


def test_every_failure_code_is_said_in_both_languages() -> None:
    for code, said in FAILURES.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert HAN.search(said.zh)
        assert said.en and not HAN.search(said.en)


@pytest.mark.parametrize(
    ("reading", "parts"),
    [
        ("host.cpu_percent", ReadingName(component="host", instance=None, point="cpu_percent")),
        ("disk[/].used_percent", ReadingName(component="disk", instance="/", point="used_percent")),
        ("disk[/mnt/录像 1].state", ReadingName(component="disk", instance="/mnt/录像 1", point="state")),
        ("channel[12].online", ReadingName(component="channel", instance="12", point="online")),
    ],
)
def test_a_reading_is_taken_apart(reading: str, parts: ReadingName) -> None:
    assert split(reading) == parts


@pytest.mark.parametrize(
    "reading",
    [
        "",
        "host",
        "Host.cpu",
        "host.",
        ".cpu",
        "disk[].x",
        "disk[a]b].x",
        "disk[a\nb].x",
        "host.cpu\n",
        "disk[" + "x" * 129 + "].y",
    ],
)
def test_what_is_no_reading_is_refused_with_the_form_it_should_have(reading: str) -> None:
    with pytest.raises(ValueError, match=r"component\[instance\]\.point"):
        split(reading)
    assert find(reading) is None


def test_people_read_labels_in_their_language_with_the_instance_in_place() -> None:
    assert label("disk[/].used_percent", "zh") == "磁盘 / 使用率"
    assert label("disk[/].used_percent", "en") == "disk / use"
    assert word_label("printer.paper", "end", "zh") == "缺纸"
    assert word_label("printer.paper", "end", "en") == "end"


def test_what_the_catalogue_does_not_know_keeps_its_raw_name() -> None:
    assert label("toaster.crumbs", "zh") == "toaster.crumbs"
    assert word_label("toaster.mood", "smoking", "zh") == "smoking"
    assert word_label("printer.paper", "purple", "zh") == "purple"
    assert misfit("toaster.crumbs", 1) == "toaster.crumbs is not in the catalogue"


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        ("printer.paper", "end"),
        ("printer.paper", "unknown"),
        ("host.cpu_percent", 12.5),
        ("disk[/].readonly", "no"),
        ("gnss.fix", "3d"),
        ("gnss.fix", None),
    ],
)
def test_a_fitting_value_is_not_complained_about(reading: str, value: float | str | None) -> None:
    assert misfit(reading, value) is None


@pytest.mark.parametrize(
    ("reading", "value", "complaint"),
    [
        ("printer.paper", 7, "printer.paper is a word (ok, near_end, end, unknown), not 7"),
        ("printer.paper", "purple", "printer.paper is a word (ok, near_end, end, unknown), not 'purple'"),
        ("host.cpu_percent", "12", "host.cpu_percent is a number in percent, not '12'"),
        ("host.cpu_percent", True, "host.cpu_percent is a number in percent, not True"),
        ("host.cpu_percent", float("nan"), "host.cpu_percent is a number in percent, not nan"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(reading: str, value: float | str, complaint: str) -> None:
    assert misfit(reading, value) == complaint


def test_the_public_table_is_the_whole_table() -> None:
    assert list(POINTS.values()) == list(_TABLE)
