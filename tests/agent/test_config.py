"""Configuration: every mistake is found at once and said kindly; what is right comes out complete."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.check import check, write
from roundsman_agent.config import ConfigError, load

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
    return [line.removeprefix(f"{folder / 'agent.toml'}: ") for line in str(caught.value).splitlines()]


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    write(check(written(tmp_path)), str(tmp_path / "config.json"))
    config = load(str(tmp_path / "config.json"))

    (device,) = config.devices
    assert (config.data, config.broker.port, config.spool.max_bytes) == (str(tmp_path / "data"), 1883, 50_000_000)
    assert (device.valid_s, device.arrive_by_s, device.behind) == (90.0, 180.0, {"power": ["ups-2"]})
    assert [(use.label, use.every_s, use.timeout_s) for use in device.probes][1] == ("host#2", 300, 7)
    assert device.probes[0].timeout_s <= device.probes[0].every_s == 60


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

    assert "device kiosk-7: stands in the file twice; ids are unique" in mistakes(tmp_path, GOOD + again)


def test_what_is_not_toml_is_said_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in mistakes(tmp_path, "[agent]\nid = =\n")[0]


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
        "heavy = 'pydantic asyncio pysnmp serial tomllib difflib psutil http email subprocess ssl _ssl _hashlib'\n"
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
