"""What is read in a camera room opens the faults that it should, and no other: recorded answers, built-in rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.config import built_in
from roundsman_collector.core.policy import Policy, judged
from roundsman_collector.core.rulebook import resolved
from roundsman_collector.rules.catalogue import rule_set_from

RECORDINGS = Path(__file__).parents[2] / "agent" / "probes" / "recordings"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return resolved(rule_set_from(built_in("faults.yaml"), source="faults.yaml"))


def seen(policy: Policy, readings: dict[str, Any]) -> set[tuple[str, str]]:
    """The faults that hold for one sample: code and component each."""
    return {
        (rule.code, component)
        for name in readings
        for rule, component in policy.judges(name)
        if judged(rule, name, component, readings, False)
    }


def recorded(name: str) -> dict[str, Any]:
    readings: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))["readings"]
    return readings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("isapi-nvr-well", set()),
        (
            "isapi-nvr-faults",
            {
                ("cam.offline", "channel[14]"),
                ("cam.offline", "channel[15]"),
                ("nvr.disk_error", "disk[2]"),
                ("nvr.disk_error", "disk[3]"),
                ("nvr.disk_error", "disk[4]"),
                *(("nvr.disk_full", f"disk[{number}]") for number in range(1, 5)),
                ("nvr.record_gap", "channel[13]"),
                ("nvr.retention_short", "channel[13]"),
                ("host.clock_drift", "clock"),
            },
        ),
        ("isapi-dvr-no-video", {("cam.video_loss", "channel[2]")}),
        ("isapi-camera-nas-offline", {("nvr.disk_error", "disk[nas9]")}),
        ("rtsp-well", set()),
        ("rtsp-faults", {("cam.offline", "channel[2]")}),
    ],
)
def test_a_recorded_camera_room_shows_these_faults(name: str, expected: set[tuple[str, str]], policy: Policy) -> None:
    assert seen(policy, recorded(name)) == expected


def test_a_full_disk_is_a_fault_only_where_nothing_is_overwritten(policy: Policy) -> None:
    full = {"disk[1].state": "normal", "disk[1].free_mb": 0, "disk[1].capacity_mb": 3815447}

    assert seen(policy, {**full, "nvr.overwrite": "yes"}) == set()
    assert seen(policy, {**full, "nvr.overwrite": None}) == set()
    assert seen(policy, {**full, "nvr.overwrite": "no"}) == {("nvr.disk_full", "disk[1]")}


def test_a_disk_that_has_dropped_out_is_missed(policy: Policy) -> None:
    assert seen(policy, {"nvr.disks": 3, "nvr.disks_expected": 4}) == {("nvr.disk_missing", "nvr")}
