"""Where the keys of a TOML file stand."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import families
from roundsman_agent.toml_lines import line, lines

EVERYTHING = '''\
title = "a # in a string"   # a comment [not.a.table]
[agent]
id = "gw-2"

[broker.deep]
"quoted key" = 1
'literal.key' = 2
dotted . "key" = 3
long = """
[device]
id = "not a key"
"""
raw = \'\'\'
x = """
\'\'\'
after = 1979-05-27 07:32:00
[[device]]
id = "kiosk-7"
behind = { power = ["ups-2"], uplink = [] }
[[device.probe]]
name = "host"
skip_mounts = [
  "/a",  # one
  "/b]",
]
[device.probe.more]
x = 1
[[device.probe]]
name = "escpos"
[[device]]
id = "nvr-2"
probe = [
  { name = "snmp", host = "192.0.2.64" },
  { name = "host" },
]
[limits]
"disk[/].used_percent" = [90.5, 1e2]
flag = true
'''


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every table and key of what tomllib read."""
    yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (("title",), 1),
        (("agent",), 2),
        (("agent", "id"), 3),
        (("broker",), 5),
        (("broker", "deep", "quoted key"), 6),
        (("broker", "deep", "literal.key"), 7),
        (("broker", "deep", "dotted", "key"), 8),
        (("broker", "deep", "long"), 9),
        (("broker", "deep", "raw"), 13),
        (("broker", "deep", "after"), 16),
        (("device",), 17),
        (("device", 0), 17),
        (("device", 0, "id"), 18),
        (("device", 0, "behind", "uplink"), 19),
        (("device", 0, "probe", 0), 20),
        (("device", 0, "probe", 0, "name"), 21),
        (("device", 0, "probe", 0, "skip_mounts", 1), 24),
        (("device", 0, "probe", 0, "more", "x"), 27),
        (("device", 0, "probe", 1), 28),
        (("device", 0, "probe", 1, "name"), 29),
        (("device", 1), 30),
        (("device", 1, "id"), 31),
        (("device", 1, "probe", 0, "host"), 33),
        (("device", 1, "probe", 1, "name"), 34),
        (("limits", "disk[/].used_percent"), 37),
        (("limits", "flag"), 38),
    ],
    ids=str,
)
def test_a_key_is_found_on_its_line(path: tuple[str | int, ...], number: int) -> None:
    assert lines(EVERYTHING)[path] == number


def test_everything_that_tomllib_reads_has_a_line_and_nothing_else_has() -> None:
    assert set(lines(EVERYTHING)) == set(paths(tomllib.loads(EVERYTHING)))


def test_what_is_not_there_is_looked_for_in_its_table() -> None:
    found = lines(EVERYTHING)

    assert line(found, ("device", 1, "probe", 0, "family")) == 33
    assert line(found, ("device", 0, "probe", 1, "port")) == 28
    assert line(found, ("spool", "max_bytes")) == 1


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_lines_end_as_they_like(ends: str) -> None:
    assert lines("[a]\nb = 1\n[c]\nd = 2".replace("\n", ends))[("c", "d")] == 4


def test_what_is_not_understood_costs_its_own_line_only() -> None:
    assert lines('[a]\n"\\U0001F600" = 1\nb = 2\n')[("a", "b")] == 3


@pytest.mark.parametrize("path", sorted(Path(families.__path__[0]).glob("*.toml")), ids=lambda path: path.name)
def test_every_toml_file_around_here_is_read_as_tomllib_reads_it(path: Path) -> None:
    text = path.read_text("utf-8")

    assert set(lines(text)) == set(paths(tomllib.loads(text)))
