"""The demo's configurations are ones that agent and collector take, and what the demo says of itself is so."""

import tomllib
from pathlib import Path

from roundsman_agent.check import check
from roundsman_collector.config import built_in, load, rule_set
from roundsman_collector.demo import site
from roundsman_collector.demo.story import DEVICES, PLAYED
from roundsman_collector.rules.catalogue import overridden, rule_set_from

PORTS = site.Ports(
    printer=Path("/tmp/printer"), receiver=Path("/tmp/receiver"), snmp={"nvr-2": 20_001, "ups-2": 20_002}
)


def test_every_agent_takes_its_configuration(tmp_path: Path) -> None:
    for agent in site.agents(PORTS):
        file = tmp_path / f"{agent.id}.toml"
        file.write_text(site.agent_toml(agent, broker_port=20_003, user=f"south/{agent.id}", password='a "quoted" one'))

        body = check(str(file))

        assert body["broker"]["password"] == 'a "quoted" one'
        assert [one["id"] for one in body["device"]] == [one.id for one in agent.devices]


def test_the_collector_takes_its_configuration(tmp_path: Path) -> None:
    overrides, file = tmp_path / "policy.yaml", tmp_path / "collector.toml"
    overrides.write_text(built_in("demo.yaml"), encoding="utf-8")
    file.write_text(site.collector_toml(overrides=overrides, api_port=20_004), encoding="utf-8")

    config = load(file)

    assert (config.data.folder, config.api.port) == (tmp_path / "collector", 20_004)
    assert rule_set(config) == overridden(
        rule_set_from(built_in("faults.yaml"), source="faults.yaml"), built_in("demo.yaml"), source="demo.yaml"
    )


def test_the_story_knows_every_device_of_the_site() -> None:
    assert {device.id for agent in site.agents(PORTS) for device in agent.devices} == set(DEVICES)
    assert set(PLAYED) < set(DEVICES)


def test_every_device_is_polled_every_one_to_five_seconds_as_the_first_lines_say() -> None:
    texts = [site.agent_toml(one, broker_port=1, user="u", password="p") for one in site.agents(PORTS)]
    devices = [device for text in texts for device in tomllib.loads(text)["device"]]
    probes = [probe for device in devices for probe in device["probe"]]
    periods = [one["period_s"] for one in devices] + [one["every_s"] for one in probes if "every_s" in one]

    assert (min(periods), max(periods)) == (1.0, 5.0)


def test_only_the_gateway_speaks_for_others_and_every_other_device_is_its_agents_own_machine() -> None:
    spoken = {agent.id: [(one.id, one.is_local) for one in agent.devices] for agent in site.agents(PORTS)}

    assert spoken == {
        "this-machine": [("this-machine", True)],
        "kiosk-7": [("kiosk-7", True)],
        "gw-2": [("gw-2", True), ("nvr-2", False), ("ups-2", False)],
        "bus-31": [("bus-31", True)],
    }
