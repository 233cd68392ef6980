"""Which of the six words a device has."""

from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.api.standing import CHINESE, OVERDUE_MS, WORDS, Standing, standing
from roundsman_collector.core.causes import Shadow
from roundsman_collector.core.model import Ref
from roundsman_collector.store import ConditionRow, DeviceView

NOW = 1_000_000_000
COVER = ConditionRow(
    1,
    "kiosk-7",
    "printer",
    "printer.cover_open",
    5,
    None,
    5,
    None,
    Ref("s", 1, 5),
    Ref("s", 1, 5),
    "",
    "",
    "",
    "",
    False,
)
UP = DeviceView(
    id="kiosk-7",
    kind="kiosk",
    model=None,
    name_zh="",
    name_en="",
    agent="kiosk-7",
    group="south",
    state="up",
    cause="",
    fault="",
    since_ms=1,
    conditions=(),
    last_t_ms=NOW,
    covered_to_ms=NOW,
    received_ms=NOW,
    settling=False,
    readings=None,
    readings_t_ms=None,
)
FAULT = {"state": "down", "cause": "fault", "fault": "printer.paper_end", "conditions": (COVER,)}
GONE = {"state": "down", "cause": "fault", "fault": "host.unreachable"}
OFF = {"state": "down", "cause": "off"}
SILENT = {"state": "unknown", "cause": "silent"}
PARKED = {"state": "unknown", "cause": "resting"}
RESTS = COVER._replace(code="veh.parked", effect="rests")
LATE = {"covered_to_ms": NOW - OVERDUE_MS - 1}


@pytest.mark.parametrize(
    ("facts", "is_agent_silent", "expected"),
    [
        ({}, False, Standing("normal", "")),
        ({"conditions": (COVER,)}, False, Standing("warning", "printer.cover_open")),
        (FAULT, False, Standing("fault", "printer.paper_end")),
        (GONE, False, Standing("offline", "host.unreachable")),
        (OFF, False, Standing("offline", "off")),
        (SILENT, False, Standing("unknown", "silent")),
        ({"state": None, "covered_to_ms": None}, True, Standing("unknown", "never_seen")),
        ({}, True, Standing("unknown", "agent.silent")),
        (FAULT, True, Standing("unknown", "agent.silent")),
        (LATE, False, Standing("unknown", "overdue")),
        (GONE | LATE, False, Standing("unknown", "overdue")),
        ({"covered_to_ms": None}, False, Standing("unknown", "overdue")),
        ({"covered_to_ms": NOW - OVERDUE_MS}, False, Standing("normal", "")),
        ({"covered_to_ms": NOW + 60_000}, False, Standing("normal", "")),
        (SILENT | LATE, False, Standing("unknown", "silent")),
        (PARKED | LATE, False, Standing("normal", "resting")),
        ({"conditions": (RESTS,)}, False, Standing("normal", "")),
        ({"conditions": (RESTS, COVER)}, False, Standing("warning", "printer.cover_open")),
    ],
)
def test_the_first_row_of_the_table_that_applies_is_the_word(
    facts: dict[str, Any], is_agent_silent: bool, expected: Standing
) -> None:
    assert standing(replace(UP, **facts), is_agent_silent=is_agent_silent, now_ms=NOW) == expected


DARK = Shadow(NOW - 900_000, None, "power", "ups-2", "ups.output_off")


@pytest.mark.parametrize(
    ("facts", "shadow", "expected"),
    [
        ({"state": "unknown", "cause": "silent"}, DARK, Standing("offline", "power")),
        ({"state": "unknown", "cause": "silent"}, DARK._replace(kind="uplink"), Standing("unknown", "uplink")),
        ({"state": "down", "cause": "fault", "fault": "host.unreachable"}, DARK, Standing("offline", "power")),
        ({"state": "down", "cause": "fault", "fault": "printer.jam"}, DARK, Standing("fault", "printer.jam")),
        ({}, DARK, Standing("normal", "")),
    ],
)
def test_what_a_device_stands_behind_explains_it(facts: dict[str, Any], shadow: Shadow, expected: Standing) -> None:
    device = replace(UP, since_ms=NOW - 600_000, **facts)

    assert standing(device, is_agent_silent=False, now_ms=NOW, shadow=shadow) == expected


def test_what_people_are_at_is_in_maintenance_whatever_is_wrong_with_it() -> None:
    device = replace(UP, state="down", cause="fault", fault="printer.jam")

    assert standing(device, is_agent_silent=True, now_ms=NOW, is_maintained=True).word == "maintenance"


def test_each_word_has_its_chinese() -> None:
    assert [CHINESE[word] for word in WORDS] == ["故障", "离线", "未知", "告警", "维护", "正常"]
