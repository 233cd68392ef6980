"""What the demo says is said in both languages, and nothing is said that nobody needs."""

import re
import string
from pathlib import Path

import pytest

import roundsman_collector.demo
from roundsman_collector.demo import words
from roundsman_collector.demo.checks import miss
from roundsman_wire.catalogue import Label

FOLDER = Path(str(roundsman_collector.demo.__file__)).parent
SOURCE = "\n".join(path.read_text("utf-8") for path in FOLDER.glob("*.py") if path.name != "words.py")


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("key", "label"), [*words.LINES.items(), *words.MISSES.items()])
def test_both_languages_of_a_line_tell_the_same_facts(key: str, label: Label) -> None:
    assert holes(label.zh) == holes(label.en)
    assert re.search(r"[\u4e00-\u9fff]", label.zh)
    assert not re.search(r"[\u4e00-\u9fff]", label.en)


@pytest.mark.parametrize("key", [*words.LINES, *words.MISSES])
def test_every_line_is_said_somewhere(key: str) -> None:
    assert f'"{key}"' in SOURCE


def test_every_miss_has_its_sentence() -> None:
    assert set(re.findall(r'\bmiss\(\s*"(\w+)"', SOURCE)) == set(words.MISSES)


def test_a_miss_is_told_in_the_language_asked_for() -> None:
    found = miss("not_resolved", ticket="2026-000001", state="open")

    assert words.miss(found, "en") == "ticket 2026-000001: is open, should be resolved"
    assert words.miss(found, "zh") == "工单 2026-000001：状态为 open，应已关闭"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_environment(environ: dict[str, str], expected: str) -> None:
    assert words.language(environ) == expected


def test_this_machine_is_told_in_one_line_without_what_it_has_not() -> None:
    readings = {"host.cpu_percent": 12.4, "host.uptime_s": 90_060, "net[eth0].link": "up", "net[eth1].link": "down"}

    assert words.machine(readings, "en") == "CPU 12 %, up for 1 d 1 h, network eth0"
    assert words.machine(readings, "zh") == "CPU 12%，已运行 1 天 1 小时，网卡 eth0"


@pytest.mark.parametrize(("seconds", "expected"), [(59, "0 min"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h")])
def test_a_duration_has_its_two_largest_units(seconds: float, expected: str) -> None:
    assert words.duration(seconds, "en") == expected
