"""How an agent gets onto a device and off it again: the commands, and what the agent says of certificates."""

import contextlib
import socket
import ssl
import stat
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from roundsman_collector import clock, doctor, logins, tls
from roundsman_collector.cli import app
from roundsman_collector.config import DATABASE
from roundsman_collector.store import Deed, Store, View
from roundsman_collector.tls import DAY_MS, issue

CONFIG = """
[data]
folder = "data"
[api]
port = 0
[broker]
"""


def roundsman(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="roundsman")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A broker that listens everywhere, as at a customer's; nothing of it is started here."""
    file = tmp_path / "roundsman.toml"
    file.write_text(CONFIG + 'listen = "0.0.0.0:8883"\n')
    return file


def data(config: Path) -> Path:
    return config.parent / "data"


def init_tls(config: Path, *names: str) -> Result:
    return roundsman("init-tls", "--config", config, *(word for name in names for word in ("--name", name)))


def add(config: Path, *more: object, agent: str = "kiosk-7", group: str = "south") -> Result:
    device = f"{agent}:kiosk:local"
    return roundsman("agent", "add", agent, "--group", group, "--device", device, "--config", config, *more)


def on_external(config: Path, url: str = "mqtts://broker.example", more: str = "") -> Path:
    config.write_text(CONFIG + f'mode = "external"\nurl = "{url}"\n{more}')
    return config


# --- init-tls --------------------------------------------------------------------------------------------------------


def test_init_tls_makes_certificates_and_says_what_comes_next(tmp_path: Path) -> None:
    config = tmp_path / "roundsman.toml"
    config.write_text('[data]\nfolder = "data"\n')

    result = init_tls(config, "collector.example", "10.1.2.3")

    assert result.exit_code == 0
    assert "for collector.example, 10.1.2.3, localhost, 127.0.0.1, ::1; valid until 2" in result.stdout
    assert "a new CA" in result.stdout
    assert 'listen = "0.0.0.0:8883"' in result.stdout


def test_init_tls_again_renews_and_no_agent_has_to_be_told(config: Path) -> None:
    init_tls(config, "collector.example")
    before = add(config).stdout

    result = init_tls(config)

    assert "for collector.example, localhost" in result.stdout
    assert "the CA that agents know already" in result.stdout
    assert "shows the new certificate within a second" in result.stdout
    assert add(config).stdout == before


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ('mode = "external"\nurl = "mqtts://x"', "that broker has certificates of its own"),
        ('listen = "0.0.0.0:1"\ntls_cert = "a"\ntls_key = "b"', "take it out of the file first"),
    ],
)
def test_init_tls_is_for_our_own_broker_without_given_certificates(config: Path, broker: str, said: str) -> None:
    config.write_text(CONFIG + broker)

    result = init_tls(config)

    assert (result.exit_code, said in result.stderr) == (78, True)
    assert not (data(config) / "tls").exists()


def test_init_tls_tells_a_name_that_is_none(config: Path) -> None:
    result = init_tls(config, "https://collector.example")

    assert result.exit_code == 78
    assert "is no host name and no address" in result.stderr


# --- add -------------------------------------------------------------------------------------------------------------


def test_without_a_certificate_nobody_is_let_in_from_other_machines(config: Path) -> None:
    result = add(config)

    assert result.exit_code == 78
    assert "roundsman init-tls --name HOST" in result.stderr
    assert logins.read(data(config)) == [] if data(config).exists() else True


def test_the_printed_configuration_has_all_that_a_device_needs(config: Path, tmp_path: Path) -> None:
    check = pytest.importorskip("roundsman_agent.check", reason="the agent is not installed")
    init_tls(config, "collector.example", "10.1.2.3")

    result = add(config)

    printed = tomllib.loads(result.stdout)
    [login] = logins.read(data(config))
    assert printed["broker"] == {
        "host": "collector.example",
        "port": 8883,
        "user": "south/kiosk-7",
        "password": login.password,
        "tls": True,
        "ca": (data(config) / "tls" / tls.CA).read_text(),
    }
    assert "PRIVATE" not in result.stdout
    (tmp_path / "agent.toml").write_text(result.stdout)
    assert check.check(str(tmp_path / "agent.toml"))["broker"]["ca"] == printed["broker"]["ca"]


def test_a_host_that_the_certificate_does_not_hold_is_refused_before_anything_is_made(config: Path) -> None:
    init_tls(config, "collector.example")

    result = add(config, "--host", "other.example")

    assert result.exit_code == 2
    assert "roundsman init-tls --name other.example" in result.stderr
    assert not (data(config) / DATABASE).exists()


def test_a_certificate_for_this_machine_alone_is_of_no_use_to_a_device(config: Path) -> None:
    init_tls(config, "localhost")

    result = add(config)

    assert result.exit_code == 2
    assert "no name that a device could use" in result.stderr


def test_given_certificates_bring_their_own_trust(config: Path, tmp_path: Path) -> None:
    issue(tmp_path / "given", ["rounds.example"], now_ms=clock.now_ms())
    said = 'listen = "0.0.0.0:8883"\ntls_cert = "given/server.pem"\ntls_key = "given/server.pem"\n'
    config.write_text(CONFIG + said)
    public = tomllib.loads(add(config).stdout)["broker"]

    config.write_text(CONFIG + said + 'tls_ca = "given/ca.pem"\n')
    private = tomllib.loads(add(config).stdout)["broker"]

    assert (public["host"], public["tls"], "ca" in public) == ("rounds.example", True, False)
    assert private["ca"] == (tmp_path / "given" / "ca.pem").read_text()


def test_out_writes_what_is_carried_to_the_device_and_prints_how_to_install_it(config: Path, tmp_path: Path) -> None:
    init_tls(config, "collector.example")
    kit = tmp_path / "for-kiosk-7"

    result = add(config, "--out", kit)

    said = tomllib.loads((kit / "agent.toml").read_text())
    assert sorted(file.name for file in kit.iterdir()) == ["agent.toml", "install.sh", "roundsman-agent.service"]
    assert stat.S_IMODE((kit / "agent.toml").stat().st_mode) == 0o600
    assert said["agent"]["data"] == "/var/lib/roundsman-agent"
    assert said["broker"]["tls"] is True
    assert said["broker"]["password"] not in result.stdout
    for step in ("pip wheel", "apt install python3-venv", "sh install.sh wheels", "systemctl status roundsman-agent"):
        assert step in result.stdout


def test_what_somebody_filled_in_is_not_overwritten(config: Path, tmp_path: Path) -> None:
    init_tls(config, "collector.example")
    kit = tmp_path / "for-kiosk-7"
    add(config, "--out", kit)
    (kit / "agent.toml").write_text("filled in")

    result = add(config, "--out", kit, agent="bus-31")

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert (kit / "agent.toml").read_text() == "filled in"
    assert [one.agent for one in logins.read(data(config))] == ["kiosk-7"]


def test_the_owner_of_mosquitto_gets_the_lines_for_its_files(config: Path, tmp_path: Path) -> None:
    issue(tmp_path / "given", ["broker.example"], now_ms=clock.now_ms())
    result = add(on_external(config, more='ca = "given/ca.pem"'))

    assert tomllib.loads(result.stdout)["broker"]["ca"] == (tmp_path / "given" / "ca.pem").read_text()
    assert "user south/kiosk-7\ntopic write rm/1/south/kiosk-7/birth\n" in result.stderr
    assert "south/kiosk-7:$7$101$" in result.stderr
    assert logins.read(data(config))[0].password not in result.stderr


# --- list, revoke, rotate ---------------------------------------------------------------------------------------------


@pytest.fixture
def busy(config: Path) -> Path:
    """kiosk-7 and bus-31 are let in."""
    init_tls(config, "collector.example")
    assert add(config).exit_code == 0
    assert add(config, agent="bus-31", group="north").exit_code == 0
    return config


def states(config: Path) -> dict[str, str]:
    rows = roundsman("agent", "list", "--config", config).stdout.splitlines()
    assert rows[0].split() == ["AGENT", "GROUP", "STATE", "SINCE", "DEVICES"]
    return {row.split()[0]: row.split("  ")[2].strip() if len(row.split("  ")) > 2 else "" for row in rows[1:]}


def test_list_tells_who_may_report_and_for_whom(busy: Path) -> None:
    roundsman("agent", "revoke", "bus-31", "--config", busy)
    (data(busy) / logins.NAME).rename(data(busy) / "lost")

    rows = roundsman("agent", "list", "--config", busy).stdout.splitlines()

    today = rows[1].split()[3] if len(rows[1].split()) > 3 else ""
    assert [" ".join(row.split()) for row in rows] == [
        "AGENT GROUP STATE SINCE DEVICES",
        f"bus-31 north revoked {today}",
        f"kiosk-7 south no credential {today} kiosk-7",
    ]


def test_list_of_nobody_is_empty(config: Path) -> None:
    result = roundsman("agent", "list", "--json", "--config", config)

    assert (result.exit_code, result.stdout) == (0, "[]\n")


def test_a_revoked_agent_has_no_credential_and_no_devices(busy: Path) -> None:
    result = roundsman("agent", "revoke", "kiosk-7", "--config", busy)

    assert result.exit_code == 0
    assert "may not report any more" in result.stdout
    assert [one.agent for one in logins.read(data(busy))] == ["bus-31"]
    with View.open(data(busy) / DATABASE) as view:
        assert {one.id: one.agent for one in view.devices()} == {"bus-31": "bus-31", "kiosk-7": None}


def test_a_revoked_agent_that_is_added_again_gets_another_password(busy: Path) -> None:
    before = {one.agent: one.password for one in logins.read(data(busy))}
    roundsman("agent", "revoke", "kiosk-7", "--config", busy)

    result = add(busy)

    after = tomllib.loads(result.stdout)["broker"]["password"]
    assert after != before["kiosk-7"]
    assert {one.agent: one.password for one in logins.read(data(busy))} == {**before, "kiosk-7": after}
    with View.open(data(busy) / DATABASE) as view:
        assert {one.id: one.agent for one in view.devices()} == {"bus-31": "bus-31", "kiosk-7": "kiosk-7"}


def test_revoking_again_is_the_same(busy: Path) -> None:
    first, second = (roundsman("agent", "revoke", "kiosk-7", "--config", busy) for _ in range(2))

    assert (first.exit_code, second.exit_code) == (0, 0)


@pytest.mark.parametrize("agent", ["nvr-2", "Kiosk 7", "../kiosk-7"])
def test_who_is_not_there_cannot_be_revoked_nor_get_a_new_credential(busy: Path, agent: str) -> None:
    before = logins.read(data(busy))

    for verb in ("revoke", "rotate"):
        result = roundsman("agent", verb, agent, "--config", busy)
        assert result.exit_code in (1, 2), result.output
        assert "error: " in result.stderr

    assert logins.read(data(busy)) == before


def test_revoking_before_there_is_a_database_makes_none(config: Path) -> None:
    data(config).mkdir()

    result = roundsman("agent", "revoke", "kiosk-7", "--config", config)

    assert result.exit_code == 2
    assert "roundsman agent list" in result.stderr
    assert not (data(config) / DATABASE).exists()


def test_a_collector_that_does_not_answer_has_lost_the_credential_all_the_same(
    busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from roundsman_collector import enrol

    monkeypatch.setattr(enrol, "LOOK_S", 0.01)
    deed = Deed(who="cli", at_ms=clock.now_ms())
    with (
        Store.open(data(busy) / DATABASE),
        pytest.raises(enrol.EnrolError, match="is without its credential, but was not taken out of the register"),
    ):
        enrol.revoke(data(busy) / DATABASE, "kiosk-7", data(busy), deed=deed, wait_s=0.1)

    assert [one.agent for one in logins.read(data(busy))] == ["bus-31"]


def test_rotate_prints_the_section_with_another_password(busy: Path) -> None:
    before = tomllib.loads(add(busy).stdout)["broker"]

    result = roundsman("agent", "rotate", "kiosk-7", "--config", busy)

    after = tomllib.loads(result.stdout)["broker"]
    assert {**after, "password": ""} == {**before, "password": ""}
    assert after["password"] != before["password"]
    assert after["password"] in [one.password for one in logins.read(data(busy))]
    assert "is refused until this stands in its agent.toml" in result.stderr


def test_the_owner_of_an_external_broker_is_told_to_cut_it_off(config: Path) -> None:
    on_external(config)
    add(config)

    result = roundsman("agent", "revoke", "kiosk-7", "--config", config)

    assert "Take user south/kiosk-7 and its rights away" in result.stderr
    assert "systemctl reload mosquitto" in result.stderr


def test_two_who_add_agents_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    names = [f"kiosk-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: logins.given(tmp_path, "south", name), names))

    assert sorted(one.agent for one in logins.read(tmp_path)) == sorted(names)


# --- doctor ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_days", "level", "said"),
    [
        (0, "OK", "valid for 7"),
        (705, "WARN", "valid for 2"),
        (731, "FAIL", "has expired: no agent gets in"),
        (3400, "FAIL", "has expired: no agent gets in"),
    ],
)
def test_doctor_warns_of_a_certificate_that_ends(config: Path, age_days: int, level: str, said: str) -> None:
    issue(data(config) / "tls", ["collector.example"], now_ms=clock.now_ms() - age_days * DAY_MS)

    found = next(one for one in doctor.findings(config, None) if one.what == "certificate")

    assert (found.level, said in found.found) == (level, True), found


def test_doctor_warns_of_a_ca_that_ends_a_year_before(config: Path) -> None:
    issue(data(config) / "tls", ["collector.example"], now_ms=clock.now_ms() - 3400 * DAY_MS)
    init_tls(config)

    found = next(one for one in doctor.findings(config, None) if one.what == "certificate")

    assert (found.level, "the CA that agents trust ends in" in found.found) == ("WARN", True), found


def test_doctor_tells_a_listener_that_may_not_be(config: Path) -> None:
    found = next(one for one in doctor.findings(config, None) if one.what == "certificate")

    assert (found.level, "roundsman init-tls" in found.mend) == ("FAIL", True)


# --- what the agent says of certificates: real handshakes ------------------------------------------------------------


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """Whoever connects is shown the certificate in this folder; the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / tls.SERVER)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the handshakes that are refused here, and the end
                while True:
                    line, _ = listening.accept()
                    with contextlib.suppress(OSError), line:
                        context.wrap_socket(line, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def complaint(port: int, ca: str, host: str = "127.0.0.1") -> str | None:
    """What the agent says of the server's certificate; None: it is content."""
    agent_tls = pytest.importorskip("roundsman_agent.tls", reason="the agent is not installed")
    from roundsman_agent.config import Broker

    broker = Broker(
        host=host,
        port=port,
        user="",
        password="",
        password_file="",
        tls=True,
        ca=ca,
        cert="",
        key="",
        keepalive_s=60,
    )
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        try:
            agent_tls.context(broker).wrap_socket(plain, server_hostname=host).close()
        except OSError as error:
            return str(agent_tls.spoken(error, broker, clock.now_ms()))
    return None


def test_an_agent_is_content_with_the_certificates_that_we_make(tmp_path: Path) -> None:
    issue(tmp_path, ["collector.example"], now_ms=clock.now_ms())

    with server(tmp_path) as port:
        assert complaint(port, tls.trusted(tmp_path / tls.CA)) is None
        assert complaint(port, str(tmp_path / tls.CA), "collector.example") is None


@pytest.mark.parametrize(
    ("age_days", "trusts", "host", "said"),
    [
        (740, "own", "127.0.0.1", "has expired, or this device's clock is wrong"),
        (-10, "own", "127.0.0.1", "is not valid yet: this device's clock is probably wrong"),
        (0, "other", "127.0.0.1", "is signed by nobody this agent trusts"),
        (0, "system", "127.0.0.1", "is signed by nobody this agent trusts"),
        (0, "own", "10.9.9.9", "is for another host"),
        (0, "own", "other.example", "is for another host"),
    ],
)
def test_an_agent_says_what_is_wrong_with_a_certificate(
    tmp_path: Path, age_days: int, trusts: str, host: str, said: str
) -> None:
    issue(tmp_path / "own", ["collector.example"], now_ms=clock.now_ms() - age_days * DAY_MS)
    issue(tmp_path / "other", ["collector.example"], now_ms=clock.now_ms())
    ca = "" if trusts == "system" else tls.trusted(tmp_path / trusts / tls.CA)

    with server(tmp_path / "own") as port:
        told = complaint(port, ca, host)

    assert told is not None
    assert said in told


# What a plain MQTT broker may do with a TLS greeting: refuse what it takes for a CONNECT, or hang up.
@pytest.mark.parametrize("said", [b"\x20\x02\x00\x05", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_an_agent_says_that_the_other_side_speaks_no_tls(tmp_path: Path, said: bytes) -> None:
    issue(tmp_path, ["collector.example"], now_ms=clock.now_ms())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1000)
                line.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        told = complaint(port, tls.trusted(tmp_path / tls.CA))
        thread.join()

    assert told == f"127.0.0.1:{port} does not speak TLS: is that the right port, or is it `tls = false`?"
