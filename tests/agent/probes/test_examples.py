"""What stands at the top of a probe can be copied: its example is a configuration that `check` accepts."""

from __future__ import annotations

import re
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from roundsman_agent import probes
from roundsman_agent.check import check
from roundsman_wire.catalogue import POINTS

AROUND = """
[agent]
id = "gw-2"
group = "south"
data = "data"

[broker]
host = "127.0.0.1"

[secrets]
{secrets}

[[device]]
id = "nvr-2"
kind = "nvr"

"""


def examples(name: str) -> list[str]:
    """The indented pieces of TOML at the top of a probe's module."""
    words = import_module(f"roundsman_agent.probes.{name}").__doc__ or ""
    return [
        textwrap.dedent(one)
        for one in re.findall(r"^    \[\[device\.probe\]\]\n(?:^    .*\n|^\n(?=    ))*", words, re.M)
    ]


@pytest.mark.parametrize("name", probes.names())
def test_the_example_of_a_probe_can_be_used(name: str, tmp_path: Path) -> None:
    found = examples(name)

    assert found, f"{name}: no [[device.probe]] at the top of the module"
    for example in found:
        assert f'name = "{name}"' in example
        secrets = "\n".join(f'{one} = "x"' for one in sorted(set(re.findall(r'secret = "([^"]+)"', example))))
        path = tmp_path / "agent.toml"
        path.write_text(AROUND.format(secrets=secrets) + example, encoding="utf-8")
        assert check(str(path))


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_says_what_it_needs(name: str) -> None:
    words = import_module(f"roundsman_agent.probes.{name}").__doc__ or ""

    assert "**Needs** " in words
    assert re.search(r"\(.*[\u4e00-\u9fff].*\)$", words.splitlines()[0]), "its first line ends with its Chinese name"


@pytest.mark.parametrize("name", probes.names())
def test_every_reading_of_a_probe_is_in_the_catalogue(name: str) -> None:
    probe = probes.load(name)

    assert set(probe.readings) <= set(POINTS)
    assert probe.readings or name == "snmp"  # its families say them
    assert not probe.target or probe.target in {setting.name for setting in probe.settings}
