"""Configuration: every mistake is found at once and said kindly; what is right comes out complete."""

import copy
import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.check import check, check_push, write
from roundsman_agent.config import Commands, Config, ConfigError, laid_over, load, made

GOOD = """
[agent]
id = "gw-2"
group = "south"
data = "data"

[broker]
host = "127.0.0.1"
password = "s3cret"

[[device]]
id = "kiosk-7"
kind = "kiosk"
local = true
period_s = 60
behind = { power = ["ups-2"] }

[[device.probe]]
name = "host"

[[device.probe]]
name = "host"
every_s = 300
timeout_s = 7
"""

WHERE = "device kiosk-7, probe"


def written(folder: Path, text: str = GOOD) -> str:
    path = folder / "agent.toml"
    path.write_text(text)
    return str(path)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(written(folder, text))
    return [line.removeprefix(f"{folder / 'agent.toml'}:") for line in str(caught.value).splitlines()]


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    write(check(written(tmp_path)), str(tmp_path / "config.json"))
    config = load(str(tmp_path / "config.json"))

    (device,) = config.devices
    assert (config.data, config.broker.port, config.spool.max_bytes) == (str(tmp_path / "data"), 1883, 50_000_000)
    assert (device.valid_s, device.arrive_by_s, device.behind) == (90.0, 180.0, {"power": ["ups-2"]})
    assert [(use.label, use.every_s, use.timeout_s) for use in device.probes][1] == ("host#2", 300, 7)
    assert device.probes[0].timeout_s <= device.probes[0].every_s == 60


def test_a_probe_is_told_the_time_it_has(tmp_path: Path) -> None:
    write(check(written(tmp_path)), str(tmp_path / "config.json"))
    (device,) = load(str(tmp_path / "config.json")).devices

    assert [use.settings["timeout_s"] for use in device.probes] == [use.timeout_s for use in device.probes]


def test_the_normalised_form_is_for_its_owners_eyes(tmp_path: Path) -> None:
    write(check(written(tmp_path)), str(tmp_path / "config.json"))

    assert stat.S_IMODE(os.stat(tmp_path / "config.json").st_mode) == 0o600


def test_the_hash_changes_with_the_configuration_and_not_with_a_secret(tmp_path: Path) -> None:
    first = check(written(tmp_path))["hash"]
    same = check(written(tmp_path, GOOD.replace("s3cret", "another")))["hash"]
    other = check(written(tmp_path, GOOD.replace("period_s = 60", "period_s = 61")))["hash"]

    assert (first == same, first == other) == (True, False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('host = "127.0.0.1"', "", "broker.host: is missing"),
        ('host = "127.0.0.1"', 'hosts = "x"', "broker.hosts: there is no such key; expected 'host'?"),
        ("[broker]", "[spol]\n[broker]", "spol: there is no such key; expected 'spool'?"),
        (
            'id = "gw-2"',
            'id = "GW 2"',
            "agent.id = 'GW 2': expected 1-63 of a-z 0-9 _ -, beginning with a letter or digit",
        ),
        ("period_s = 60", 'period_s = "60"', "device[1].period_s: expected a valid number, got '60'"),
        ("period_s = 60", "period_s = 0", "device[1].period_s: expected greater than 0, got 0"),
        ('name = "host"\n\n', 'name = "hots"\n\n', f"{WHERE} hots: there is no such probe; expected 'host'?"),
        ("timeout_s = 7", "timeout_s = 301", f"{WHERE} host, timeout_s = 301: expected at most its period of 300 s"),
        ("timeout_s = 7", "timout_s = 7", f"{WHERE} host, timout_s: there is no such setting; expected 'timeout_s'?"),
        ("password =", 'password_file = "x"\npassword =', "broker: password and password_file exclude each other"),
        ('host = "127.0.0.1"', 'host = "x"\nca = "x.pem"', "broker: ca, cert and key need tls = true"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mistake_is_named_with_its_place_and_what_was_expected(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in "\n".join(mistakes(tmp_path, GOOD.replace(old, new, 1)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace('host = "127.0.0.1"', "").replace('id = "gw-2"', 'id = ""').replace("local = true", "lokal = true")
    )

    assert len(mistakes(tmp_path, text)) == 3


def test_a_device_may_stand_in_the_file_once(tmp_path: Path) -> None:
    again = GOOD[GOOD.index("[[device]]") :]

    assert mistakes(tmp_path, GOOD + again) == ["25: device kiosk-7: stands in the file twice; ids are unique"]


def test_what_is_not_toml_is_said_with_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[agent]\nid = =\n")[0].startswith("2: not TOML: ")


def test_every_mistake_stands_with_its_line_those_of_probes_too(tmp_path: Path) -> None:
    wrong = (
        GOOD.replace('host = "127.0.0.1"', 'hots = "x"')
        .replace("timeout_s = 7", "timout_s = 7")
        .replace("local = true", "period_s = 60")
        .replace("period_s = 60\nbehind", "behind")
    )

    assert [line.partition(": ")[0::2] for line in mistakes(tmp_path, wrong)] == [
        ("7", "broker.host: is missing"),
        ("8", "broker.hots: there is no such key; expected 'host'?"),
        ("23", "device kiosk-7, probe host, timout_s: there is no such setting; expected 'timeout_s'?"),
    ]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ('"host.cpu_percnt" = [80]', "limits.host.cpu_percnt: there is no such reading; expected 'host.cpu_percent'?"),
        ('"host.cpu_percent" = [95, 80]', "limits.host.cpu_percent: expected rising numbers, each once, or words"),
        ('"host.cpu_percent" = [80, "x"]', "limits.host.cpu_percent: expected rising numbers, each once, or words"),
        ('"host.cpu_percent" = [nan]', "limits.host.cpu_percent: expected rising numbers, each once, or words"),
        ('"host.cpu_percent" = 80', "limits.host.cpu_percent: expected a list of 1 to 16 numbers or words"),
        ('"host.cpu_percent" = ["x"]', "limits.host.cpu_percent: host.cpu_percent is a number, not 'x'"),
        ('"printer.paper" = ["ends"]', "limits.printer.paper: 'ends': expected 'end'?"),
    ],
)
def test_a_limit_is_of_a_reading_that_there_is(tmp_path: Path, limits: str, said: str) -> None:
    assert mistakes(tmp_path, f"{GOOD}[limits]\n{limits}\n") == [f"26: {said}"]


def test_limits_come_through(tmp_path: Path) -> None:
    limits = '[limits]\n"disk[].used_percent" = [90]\n"disk[/].used_percent" = [80, 95.5]\n"printer.paper" = ["end"]\n'
    write(check(written(tmp_path, GOOD + limits)), str(tmp_path / "config.json"))

    assert load(str(tmp_path / "config.json")).limits == {
        "disk[].used_percent": [90],
        "disk[/].used_percent": [80, 95.5],
        "printer.paper": ["end"],
    }


SNMP = """
[secrets]
plain = "rounds-ro"
filed = { file = "community" }
[[device]]
id = "nvr-2"
kind = "nvr"
[[device.probe]]
name = "snmp"
host = "192.0.2.64"
community = COMMUNITY
"""


@pytest.mark.parametrize(
    ("community", "found"), [('{ secret = "plain" }', "rounds-ro"), ('{ secret = "filed" }', "rotated"), ('"x"', "x")]
)
def test_a_secret_may_be_named_and_is_read_at_the_start(tmp_path: Path, community: str, found: str) -> None:
    body = check(written(tmp_path, GOOD + SNMP.replace("COMMUNITY", community)))
    (tmp_path / "community").write_text("rotated\n")
    write(body, str(tmp_path / "config.json"))

    assert load(str(tmp_path / "config.json")).devices[1].probes[0].settings["community"] == found


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            '{ secret = "plian" }',
            "35: device nvr-2, probe snmp, community: there is no secret 'plian' here; expected 'plain'?",
        ),
        ("{ secret = 7 }", "35: device nvr-2, probe snmp, setting community: expected str, got dict"),
        ('"x"\nfamily = { secret = "plain" }', "36: device nvr-2, probe snmp, setting family: expected str, got dict"),
    ],
)
def test_a_secret_is_one_of_the_table_and_stands_where_secrets_do(tmp_path: Path, wrong: str, said: str) -> None:
    (found,) = mistakes(tmp_path, GOOD + SNMP.replace("COMMUNITY", wrong))

    assert found.startswith(said)


def test_a_secret_file_that_is_gone_is_said(tmp_path: Path) -> None:
    write(check(written(tmp_path, GOOD + SNMP.replace("COMMUNITY", '{ secret = "filed" }'))), str(tmp_path / "c.json"))

    with pytest.raises(ConfigError, match=r"secrets.filed .*community: cannot be read"):
        load(str(tmp_path / "c.json"))


BODY: dict[str, Any] = {
    "device": [
        {
            "id": "nvr-2",
            "kind": "nvr",
            "probe": [{"name": "snmp", "host": "192.0.2.64", "community": {"secret": "plain"}}],
        }
    ],
    "limits": {"host.cpu_percent": [80, 95]},
}


def test_pushed_tables_come_out_complete_and_name_their_secrets(tmp_path: Path) -> None:
    base = check(written(tmp_path, GOOD + SNMP.replace("COMMUNITY", '"x"')))

    tables = check_push(base, BODY)
    config = made({**base, **tables}, "pushed")

    assert tables["device"][0]["probes"][0]["settings"]["community"] == {"secret": "plain"}
    assert "rounds-ro" not in json.dumps(tables)
    assert [device.id for device in config.devices] == ["nvr-2"]
    assert config.devices[0].probes[0].settings["community"] == "rounds-ro"
    assert config.uplink == load_from(base).uplink


def load_from(base: dict[str, Any]) -> Config:
    return made(base, "base")


def changed(**more: Any) -> dict[str, Any]:
    return {**BODY, **more}


def with_probe(**more: Any) -> dict[str, Any]:
    (device,) = BODY["device"]
    (probe,) = device["probe"]
    return changed(device=[{**device, "probe": [{**probe, **more}]}])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (changed(agent={"id": "gw-3"}), "agent: cannot be pushed; expected device, spool"),
        (changed(broker={"host": "evil.example"}), "broker: cannot be pushed"),
        (changed(secrets={"a": "b"}), "secrets: cannot be pushed"),
        (changed(commands={"reboot": True}), "commands: cannot be pushed"),
        (changed(device=[]), "device: "),
        (changed(spool={"max_bytes": 5}), "spool.max_bytes: expected greater than or equal to 1000000, got 5"),
        (with_probe(community="hunter2"), 'community: a secret is pushed by name only: {"secret": "NAME"}'),
        (with_probe(community={"secret": "other"}), "there is no secret 'other' here; expected one of filed, plain"),
        (with_probe(host={"secret": "plain"}), "setting host: expected str, got dict"),
        (with_probe(name="shell", command="rm"), "probe shell: there is no such probe"),
        (changed(limits={"host.cpu": [1]}), "limits.host.cpu: there is no such reading"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_not_be_pushed_is_said_and_no_secret_with_it(tmp_path: Path, body: dict[str, Any], said: str) -> None:
    base = check(written(tmp_path, GOOD + SNMP.replace("COMMUNITY", '"x"')))

    with pytest.raises(ConfigError) as caught:
        check_push(base, body)

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


METERED = "[uplink]\nprofile = 'metered'\n"


@pytest.mark.parametrize(
    ("local", "uplink", "found"),
    [
        ("", {"profile": "metered"}, (4500, 86_400)),
        ("", {"profile": "metered", "batch_s": 900}, (1125, 86_400)),
        (METERED, {}, (60, 3600)),
        (METERED, None, (4500, 86_400)),
        ("", None, (60, 3600)),
    ],
    ids=["metered", "often", "back to lan", "metered by itself", "lan by itself"],
)
def test_a_pushed_profile_takes_the_keep_alive_with_it(
    tmp_path: Path, local: str, uplink: dict[str, Any] | None, found: tuple[int, float]
) -> None:
    base = check(written(tmp_path, GOOD + local))

    config = made(laid_over(base, check_push(base, {} if uplink is None else {"uplink": uplink}), "a" * 12), "pushed")

    assert (config.broker.keepalive_s, config.cost_every_s, config.hash) == (*found, "a" * 12)


def test_a_keep_alive_that_the_operator_gave_stays_whatever_is_pushed(tmp_path: Path) -> None:
    base = check(written(tmp_path, GOOD.replace("[broker]", "[broker]\nkeepalive_s = 77")))

    body = laid_over(base, check_push(base, {"uplink": {"profile": "metered"}}), "a" * 12)

    assert body["broker"]["keepalive_s"] == 77


def test_what_the_operator_said_of_pushable_tables_has_a_name_of_its_own(tmp_path: Path) -> None:
    first = check(written(tmp_path))["given"]
    another_password = check(written(tmp_path, GOOD.replace("s3cret", "another")))["given"]
    another_period = check(written(tmp_path, GOOD.replace("period_s = 60", "period_s = 61")))["given"]

    assert (first == another_password, first == another_period) == (True, False)


COMMANDS = """
[commands]
restart_app = ["systemctl", "restart", "kiosk.service"]
reboot = true

[commands.logs]
app = "/var/log/kiosk/app.log"
beside = "logs/../kiosk.log"

[[device]]"""


def test_what_may_be_asked_is_nothing_unless_it_is_said(tmp_path: Path) -> None:
    assert made(check(written(tmp_path)), "here").commands == Commands()

    found = made(check(written(tmp_path, GOOD.replace("[[device]]", COMMANDS, 1))), "here").commands

    assert found == Commands(
        restart_app=("systemctl", "restart", "kiosk.service"),
        reboot=("systemctl", "reboot"),
        logs={"app": "/var/log/kiosk/app.log", "beside": str(tmp_path / "kiosk.log")},
    )


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ('restart_app = "systemctl restart kiosk"', "commands.restart_app: expected a valid list"),
        ("restart_app = []", "commands.restart_app"),
        ("shell = true", "commands.shell: there is no such key"),
        ("reboot = 1", "commands.reboot"),
        ('logs = { "../x" = "/var/log/x" }', "commands.logs"),
    ],
)
def test_a_command_is_an_argument_list_and_nothing_else(tmp_path: Path, commands: str, said: str) -> None:
    found = mistakes(tmp_path, GOOD.replace("[[device]]", f"[commands]\n{commands}\n[[device]]", 1))

    assert any(said in one for one in found), found


def test_commands_cannot_be_pushed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"commands: cannot be pushed"):
        check_push(check(written(tmp_path)), {"commands": {"reboot": True}})


def test_secrets_are_known_to_whoever_shows_a_text(tmp_path: Path) -> None:
    config = made(check(written(tmp_path)), "here")

    assert config.known_secrets == ("s3cret",)
    assert "s3cret" not in repr(config).replace(repr(config.broker), "")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.toml: No such file"):
        check(str(tmp_path / "agent.toml"))


@pytest.mark.parametrize("body", ["", "[]", '{"form": 99}', '{"form": 1}', '{"form": 1, "agent": []}'])
def test_run_takes_nothing_but_the_normalised_form(tmp_path: Path, body: str) -> None:
    (tmp_path / "config.json").write_text(body)

    with pytest.raises(ConfigError, match="roundsman-agent check"):
        load(str(tmp_path / "config.json"))


def test_a_password_file_gives_its_line_and_its_absence_is_said(tmp_path: Path) -> None:
    text = GOOD.replace('password = "s3cret"', 'password_file = "secret"')
    write(check(written(tmp_path, text)), str(tmp_path / "config.json"))
    broker = load(str(tmp_path / "config.json")).broker

    with pytest.raises(ConfigError, match=r"broker.password_file .*secret: cannot be read"):
        broker.secret()
    (tmp_path / "secret").write_text("wörd \n")
    assert broker.secret() == "wörd "


def test_a_running_agent_loads_neither_pydantic_nor_what_its_probes_do_not_need() -> None:
    code = (
        "import sys\n"
        "from roundsman_agent.lean import lean\n"
        "with lean(tls=False):\n"
        "    import roundsman_agent.cli, roundsman_agent.agent, roundsman_agent.config\n"
        "heavy = 'pydantic asyncio inspect pysnmp serial tomllib difflib psutil http email subprocess ssl _ssl'\n"
        "heavy += ' _hashlib'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def secret_of(body: dict[str, Any]) -> str:
    return str(body["broker"]["password"])


def test_secrets_are_in_no_message_about_a_mistake(tmp_path: Path) -> None:
    said = "\n".join(mistakes(tmp_path, GOOD.replace("local = true", "lokal = true").replace('"s3cret"', "31337")))

    assert "31337" not in said
    assert "broker.password" in said
    assert json.loads(json.dumps(secret_of(check(written(tmp_path))))) == "s3cret"


def test_a_ca_is_a_path_beside_the_file_or_the_certificates_themselves(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    said = {"a path": "ca.pem", "certificates": pem}
    found = {}
    for name, ca in said.items():
        file = tmp_path / f"{name}.toml"
        file.write_text(GOOD.replace('host = "127.0.0.1"', f'host = "x"\ntls = true\nca = """\n{ca}"""'))
        found[name] = check(str(file))["broker"]["ca"]

    assert found == {"a path": str(tmp_path / "ca.pem"), "certificates": pem}


ODD = [
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "x",
    "a.b",
    "\x00",
    "snmp",
    [],
    {},
    [[]],
    {"secret": "plain"},
    {"secret": []},
]


def spoiled(value: Any, rng: random.Random) -> Any:
    """The same with one thing in it replaced by something odd, left out, or there twice."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(sorted(value))
        rest = {key: one for key, one in value.items() if key != name}
        if rng.random() < 0.1:
            return rest
        key = rng.choice(["", "odd", "secret", "name"]) if rng.random() < 0.1 else name
        return {**rest, key: spoiled(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        again = [value[at]] if rng.random() < 0.1 else []
        return [*value[:at], spoiled(value[at], rng), *again, *value[at + 1 :]]
    return copy.deepcopy(rng.choice(ODD))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_pushed_is_a_configuration_or_a_list_of_mistakes(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    base = check(written(tmp_path, GOOD + SNMP.replace("COMMUNITY", '"x"')))
    whole = {**BODY, "uplink": {"batch_s": 900, "profile": "metered"}, "spool": {"max_bytes": 1_000_000}}
    outcomes = set()
    for _ in range(100):
        body = whole
        for _ in range(rng.randint(1, 3)):
            body = spoiled(body, rng)
        try:
            config = made(laid_over(base, check_push(base, body), "a" * 12), "pushed")
            outcomes.add(bool(config.devices))
        except ConfigError as error:
            outcomes.add(bool(str(error)))

    assert outcomes == {True}
