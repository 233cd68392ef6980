"""A probe's page cannot lie: its table of settings is the probe's own, and its readings are in the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundsman_agent import probes, snmp_family
from roundsman_agent.probe import REQUIRED, Probe
from roundsman_wire.catalogue import POINTS

PAGES = Path(__file__).resolve().parents[3] / "docs/probes"


def settings_table(probe: Probe) -> str:
    """The table as it must stand in the page."""
    lines = ["| setting | kind | default | unit | what it is |", "|---|---|---|---|---|"]
    for setting in probe.settings:
        default = "required" if setting.default is REQUIRED else f"`{setting.default!r}`"
        choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
        secret = " Secret." if setting.secret else ""
        row = (f"`{setting.name}`", setting.kind.__name__, default, setting.unit, setting.sentence + choices + secret)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", probes.names())
def test_the_page_holds_the_probes_own_table_of_settings(name: str) -> None:
    assert settings_table(probes.load(name)) in page(name)


@pytest.mark.parametrize("name", probes.names())
def test_every_reading_a_page_names_is_in_the_catalogue_with_its_chinese_name(name: str) -> None:
    rows = re.findall(r"^\| `([a-z0-9_.\[\]]+\.[a-z0-9_]+)` \| (.*?) \|", page(name), re.MULTILINE)

    assert rows
    for reading, zh in rows:
        assert POINTS[reading].label.zh.replace("{instance}", "…") == zh


def test_every_reading_of_every_family_is_on_the_page() -> None:
    for plan in snmp_family.families():
        items = [item.reading for item in (*plan.scalars, *plan.tables)]
        for reading in [*items, *(summary.reading for summary in plan.summaries)]:
            assert f"| `{reading}` |" in page("snmp"), reading
