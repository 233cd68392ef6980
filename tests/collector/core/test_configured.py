"""A configuration that is to be pushed: what it may hold, and what must not leave this machine."""

from typing import Any

import pytest

from roundsman_collector.core.configured import FLAWS, FLAWS_LIMIT, ConfigurationError, Flaw, compared, flaws, read
from roundsman_wire.codec import config_hash
from roundsman_wire.report import MESSAGE_LIMIT

TOML = """
[uplink]
batch_s = 900

[[device]]
id = "nvr-2"
kind = "nvr"
[[device.probe]]
name = "snmp"
host = "192.0.2.10"
community = { secret = "snmp-core" }
auth = "sha256"
auth_password = { secret = "snmp-auth" }
"""


def device(**more: object) -> dict[str, Any]:
    return {"device": [{"id": "nvr-2", "kind": "nvr", "probe": [{"name": "snmp", **more}]}]}


def test_toml_and_json_of_the_same_have_the_same_hash() -> None:
    body = read(TOML)

    assert flaws(body) == []
    assert config_hash(body) == config_hash(read('{"device": [{"probe": [{"auth_password": {"secret": "snmp-auth"}, '
        '"auth": "sha256", "community": {"secret": "snmp-core"}, "host": "192.0.2.10", "name": "snmp"}], '
        '"kind": "nvr", "id": "nvr-2"}], "uplink": {"batch_s": 900}}'))  # fmt: skip


def test_nothing_at_all_is_the_agents_own_file() -> None:
    assert flaws(read("")) == flaws(read("{}")) == []


@pytest.mark.parametrize("text", ["[uplink", "{", '{"a": NaN}', '{"a": Infinity}', "{" * 100_000, "= 3", "\0"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(text)


@pytest.mark.parametrize("name", ["agent", "broker", "commands", "secrets"])
def test_what_is_the_agents_own_is_not_pushed(name: str) -> None:
    assert flaws({name: {"id": "gw-2"}}) == [Flaw(name, "own")]


@pytest.mark.parametrize(
    "name", ["community", "password", "auth_password", "priv_password", "api_key", "token", "Auth", "key", "pass"]
)
def test_a_secret_in_plain_is_refused_with_its_place(name: str) -> None:
    assert flaws(device(**{name: "public"})) == [Flaw(f"device[1].probe[1].{name}", "plain")]
    assert flaws(device(**{name: 1234})) == [Flaw(f"device[1].probe[1].{name}", "plain")]
    assert flaws(device(**{name: ["a", "b"]}))[0] == Flaw(f"device[1].probe[1].{name}[1]", "plain")
    assert flaws(device(**{name: {"deeper": "public"}})) == [Flaw(f"device[1].probe[1].{name}.deeper", "plain")]


@pytest.mark.parametrize(
    "setting",
    [
        {"auth": "sha256"}, {"auth": "none"}, {"password_file": "/etc/x"}, {"auth_timeout_s": 3}, {"token": ""},
        {"keepalive_s": 60}, {"monkey": "x"}, {"community": {"secret": "snmp-core"}}, {"key": True},
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_none(setting: dict[str, object]) -> None:
    assert flaws(device(**setting)) == []


@pytest.mark.parametrize("named", [{"secret": ""}, {"secret": 7}, {"secret": "a", "or": "b"}, {"secret": "../x"}])
def test_a_secret_is_named_and_nothing_else(named: dict[str, object]) -> None:
    assert flaws(device(community=named)) == [Flaw("device[1].probe[1].community", "secret")]


def test_a_password_in_an_address_is_found() -> None:
    assert flaws(device(url="rtsp://admin:12345@192.0.2.9/")) == [Flaw("device[1].probe[1].url", "login")]
    assert flaws(device(url="rtsp://192.0.2.9:554/")) == []


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        ({"uplink": 3}, Flaw("uplink", "table")),
        ({"device": {}}, Flaw("device", "devices")),
        ({"device": []}, Flaw("device", "count")),
        ({"device": [{"id": "NVR", "probe": [{}]}]}, Flaw("device[1].id", "id")),
        ({"device": [{"id": "a", "probe": [{}]}, {"id": "a", "probe": [{}]}]}, Flaw("device[2].id", "twice")),
        ({"device": [{"id": "a"}]}, Flaw("device[1].probe", "probe")),
        ({"uplink": {"": 3}}, Flaw("uplink", "name")),
        ({"uplink": {"at": read("a = 1979-05-27")["a"]}}, Flaw("uplink.at", "value")),
        ({"uplink": {"x": float("inf")}}, Flaw("uplink.x", "value")),
        ({"uplink": {"x": 2**80}}, Flaw("uplink.x", "value")),
        ({"uplink": {"x": "y" * MESSAGE_LIMIT}}, Flaw("", "large")),
        ({f"t{n}": {} for n in range(40)}, Flaw("", "count")),
    ],
)
def test_what_no_agent_could_take_is_refused_with_its_place(body: dict[str, Any], flaw: Flaw) -> None:
    assert flaws(body)[0] == flaw


def test_a_table_within_a_table_ends_somewhere() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"x": deep}

    assert [flaw.code for flaw in flaws({"uplink": deep})] == ["deep"]


def test_so_many_flaws_are_told_and_no_more() -> None:
    assert len(flaws({"uplink": {f"token{n}_key": "x" for n in range(100)}})) == FLAWS_LIMIT


def test_every_flaw_is_said_in_both_languages() -> None:
    assert all(chinese and english for chinese, english in FLAWS.values())
    assert Flaw("uplink", "table").said == "uplink is no table: expected [name] with settings in it"


def test_a_comparison_shows_what_is_other_and_some_lines_around_it() -> None:
    lines = compared({"uplink": {"batch_s": 60}}, {"uplink": {"batch_s": 900}})

    assert [line.text.strip() for line in lines if line.sign == "-"] == ['"batch_s": 60']
    assert [line.text.strip() for line in lines if line.sign == "+"] == ['"batch_s": 900']
    assert [line.sign for line in compared({}, {"uplink": {"batch_s": 900}})] == [" ", "+", "+", "+", " "]
    assert compared({"a": {}}, {"a": {}}) == []


def test_places_that_are_far_apart_are_told_so() -> None:
    before = {"uplink": {f"a{n:02}": n for n in range(40)}}
    after = {"uplink": before["uplink"] | {"a01": 0, "a38": 0}}

    assert [line.text for line in compared(before, after)].count("…") == 1
