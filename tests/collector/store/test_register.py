"""The register: one voice per device, numbers that stay, tokens that are not kept."""

import pytest

from roundsman_collector.store import AgentEntry, AgentRow, AssignmentRow, Store, StoreError, View
from tests.collector.store.cast import KIOSK, NVR, TODAY, UPS


def test_entering_an_agent_again_changes_nothing(store: Store) -> None:
    agents, assignments = store.agents(), store.assignments()

    assert store.add_agent("gateway-2", "south", [NVR, UPS], TODAY + 5) == 2

    assert store.agents() == agents
    assert store.assignments() == assignments
    assert agents[1] == AgentRow(2, "gateway-2", "south", TODAY, None, None)
    assert AssignmentRow("nvr-2", 2, TODAY, None) in assignments


def test_many_agents_are_entered_at_once(store: Store) -> None:
    entries = [AgentEntry(id=f"kiosk-{n}", group="north") for n in range(1000, 2200)]

    assert store.add_agents(entries, TODAY) == list(range(4, 1204))


def test_a_device_has_one_voice(store: Store) -> None:
    with pytest.raises(StoreError, match="nvr-2 already has a voice: agent gateway-2"):
        store.add_agent("kiosk-7", "south", [KIOSK, NVR], TODAY + 5)

    assert AssignmentRow("nvr-2", 2, TODAY, None) in store.assignments()


def test_a_device_moves_from_agent_to_agent_with_dates(store: Store, view: View) -> None:
    store.assign("nvr-2", "kiosk-7", TODAY + 10)
    store.assign("nvr-2", None, TODAY + 20)
    store.assign("nvr-2", "gateway-2", TODAY + 30)

    assert [row for row in store.assignments() if row.device == "nvr-2"] == [
        AssignmentRow("nvr-2", 2, TODAY, TODAY + 10),
        AssignmentRow("nvr-2", 1, TODAY + 10, TODAY + 20),
        AssignmentRow("nvr-2", 2, TODAY + 30, None),
    ]
    nvr = view.device("nvr-2")
    assert nvr is not None
    assert (nvr.agent, nvr.group, nvr.state) == ("gateway-2", "south", None)


def test_a_removed_agent_keeps_its_number_and_its_history(store: Store) -> None:
    store.remove_agent("gateway-2", TODAY + 10)
    store.remove_agent("gateway-2", TODAY + 20)

    assert store.agents()[1].removed_ms == TODAY + 10
    assert AssignmentRow("ups-2", 2, TODAY, TODAY + 10) in store.assignments()
    assert store.add_agent("gateway-2", "north", [NVR], TODAY + 30, password_hash="h") == 2
    assert store.agents()[1] == AgentRow(2, "gateway-2", "north", TODAY, None, "h")
    assert store.add_agent("gateway-2", "north", [], TODAY + 30) == 2
    assert store.agents()[1].password_hash == "h"


@pytest.mark.parametrize("device", ["nvr-2", "no-such-device"])
def test_what_is_not_in_the_register_is_told(store: Store, device: str) -> None:
    with pytest.raises(StoreError, match="there is no"):
        store.assign(device, "no-such-agent" if device == "nvr-2" else "kiosk-7", TODAY + 5)
    with pytest.raises(StoreError, match="there is no agent no-such-agent"):
        store.remove_agent("no-such-agent", TODAY)

    assert AssignmentRow("nvr-2", 2, TODAY, None) in store.assignments()


def test_devices_are_listed_in_pages_and_by_group(store: Store, view: View) -> None:
    store.add_agent("bus-31", "north", [], TODAY)

    assert [one.id for one in view.devices()] == ["bus-31", "kiosk-7", "nvr-2", "ups-2"]
    assert [one.id for one in view.devices(after="kiosk-7", limit=1)] == ["nvr-2"]
    assert [one.id for one in view.devices(group="north")] == ["bus-31"]
    assert view.device("no-such-device") is None


def test_rules_in_force_are_rows_and_an_old_set_may_come_back(store: Store) -> None:
    assert store.put_rules("a", "{}", TODAY)
    assert not store.put_rules("a", "{}", TODAY + 1)
    assert store.put_rules("b", "{}", TODAY + 2)
    assert store.put_rules("a", "{}", TODAY + 3)
    with pytest.raises(StoreError, match="rules follow each other in time"):
        store.put_rules("c", "{}", TODAY)

    assert [(one.hash, one.valid_from_ms) for one in store.rule_sets()] == [
        ("a", TODAY),
        ("b", TODAY + 2),
        ("a", TODAY + 3),
    ]
