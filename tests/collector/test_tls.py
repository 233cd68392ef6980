"""The CA and the certificates that we make ourselves, and the embedded broker that shows them."""

import contextlib
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from roundsman_collector import clock, tls
from roundsman_collector.broker import BrokerError, EmbeddedBroker, Listener, is_loopback, listener_of
from roundsman_collector.config import ConfigError, load
from roundsman_collector.mqtt import Line, Subscription
from roundsman_collector.tls import DAY_MS, TlsError, issue, remaining_days
from roundsman_wire import topics
from tests.brokers import Peer, until

NOW = 1_790_000_000_000
NAMES = ["collector.example", "10.1.2.3"]


def subject(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


# --- what is made ---


def test_a_ca_and_a_server_certificate_are_made_that_only_their_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "tls"

    made = issue(folder, NAMES, now_ms=NOW)

    assert made.is_new_ca
    assert made.names == ("collector.example", "10.1.2.3", "localhost", "127.0.0.1", "::1")
    assert tls.names_in(folder / tls.SERVER) == made.names
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {
        tls.CA: 0o600,
        tls.CA_KEY: 0o600,
        tls.SERVER: 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (round(remaining_days(folder / tls.SERVER, NOW)), round(remaining_days(folder / tls.CA, NOW))) == (730, 3652)
    assert made.ends_ms == NOW + 730 * DAY_MS


def test_making_it_again_renews_the_server_certificate_under_the_same_ca_with_the_same_names(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, now_ms=NOW)
    before = {name: (tmp_path / name).read_bytes() for name in (tls.CA, tls.CA_KEY, tls.SERVER)}

    later = NOW + 700 * DAY_MS
    made = issue(tmp_path, [], now_ms=later)

    after = {name: (tmp_path / name).read_bytes() for name in before}
    assert not made.is_new_ca
    assert set(made.names) == {*NAMES, *tls.ALWAYS}
    assert (after[tls.CA], after[tls.CA_KEY]) == (before[tls.CA], before[tls.CA_KEY])
    assert after[tls.SERVER] != before[tls.SERVER]
    assert remaining_days(tmp_path / tls.SERVER, later) == 730
    subject(tmp_path / tls.SERVER).verify_directly_issued_by(subject(tmp_path / tls.CA))


def test_a_server_certificate_does_not_outlive_its_ca(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, now_ms=NOW)

    late = issue(tmp_path, [], now_ms=NOW + 3600 * DAY_MS)

    assert late.ends_ms == late.ca_ends_ms
    with pytest.raises(TlsError, match="give every agent the new CA"):
        issue(tmp_path, [], now_ms=NOW + 3653 * DAY_MS)


def test_without_names_it_is_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "own_names", lambda: ["kiosk-7", "10.9.8.7"])

    made = issue(tmp_path, [], now_ms=NOW)

    assert made.names == ("kiosk-7", "10.9.8.7", *tls.ALWAYS)


def test_this_machines_own_names_are_names_that_others_can_use() -> None:
    assert [name for name in tls.own_names() if is_loopback(name)] in ([], ["localhost"])


@pytest.mark.parametrize(
    "name", ["", "a b", "-x.example", "x/../y", "https://x", "x" * 64, "10.1.2.3:8883", "ü.example"]
)
def test_what_is_no_name_is_refused_and_nothing_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(TlsError, match="no host name and no address"):
        issue(tmp_path / "tls", [name], now_ms=NOW)

    assert not (tmp_path / "tls").exists()


def _another(folder: Path, *, name: str) -> None:
    """A file of the same name from another CA."""
    issue(folder / "other", NAMES, now_ms=NOW)
    os.replace(folder / "other" / name, folder / name)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / tls.CA).unlink(), "is there without ca.pem"),
        (lambda folder: (folder / tls.CA_KEY).unlink(), "without its key ca-key.pem: bring the key back"),
        (lambda folder: (folder / tls.CA_KEY).write_text("nothing"), "no private key in PEM"),
        (lambda folder: (folder / tls.CA).write_text("nothing"), "holds no certificate in PEM"),
        (lambda folder: (folder / tls.SERVER).write_text("nothing"), "holds no certificate in PEM|was not signed"),
        (lambda folder: _another(folder, name=tls.CA), "is not the key of"),
        (lambda folder: _another(folder, name=tls.SERVER), "was not signed by the ca.pem beside it"),
    ],
    ids=["no CA", "no key", "damaged key", "damaged CA", "damaged server", "foreign CA", "foreign server"],
)
def test_what_is_not_ours_is_not_overwritten(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    folder = tmp_path / "tls"
    issue(folder, NAMES, now_ms=NOW)
    spoil(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    with pytest.raises(TlsError, match=said):
        issue(folder, NAMES, now_ms=NOW)

    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before


def test_a_crash_between_key_and_certificate_is_made_good(tmp_path: Path) -> None:
    (tmp_path / tls.CA_KEY).write_text("of a CA that nobody has")

    made = issue(tmp_path, NAMES, now_ms=NOW)

    assert made.is_new_ca
    assert not issue(tmp_path, NAMES, now_ms=NOW).is_new_ca


def test_what_is_given_away_holds_no_key(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, now_ms=NOW)

    given = tls.trusted(tmp_path / tls.SERVER)

    assert given.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE" not in given
    assert "PRIVATE" not in tls.first_certificate(tmp_path / tls.SERVER)


@pytest.mark.parametrize(
    ("names", "host", "good"),
    [
        (["collector.example"], "Collector.Example", True),
        (["*.example"], "collector.example", True),
        (["*.example"], "a.collector.example", False),
        (["collector.example"], "10.1.2.3", False),
        (["10.1.2.3"], "10.1.2.3", True),
        ([], "x", False),
    ],
)
def test_a_certificate_is_good_for_its_names(names: list[str], host: str, good: bool) -> None:
    assert tls.covers(names, host) is good


# --- where the broker listens ---


def config(tmp_path: Path, broker: str, *, certificate: bool = False) -> Path:
    file = tmp_path / "roundsman.toml"
    file.write_text(f'[data]\nfolder = "data"\n[broker]\n{broker}\n')
    if certificate:
        issue(tmp_path / "data" / "tls", NAMES, now_ms=NOW)
    return file


@pytest.mark.parametrize("listen", ["0.0.0.0:8883", "[::]:8883", "10.1.2.3:1883", "collector.example:8883"])
def test_beyond_this_machine_there_is_tls_or_nothing(tmp_path: Path, listen: str) -> None:
    settings = load(config(tmp_path, f'listen = "{listen}"'))

    with pytest.raises(ConfigError) as refused:
        listener_of(settings)

    assert "roundsman init-tls --name HOST" in str(refused.value)
    assert f'listen = "{listen}"' in str(refused.value)


def test_with_a_certificate_of_our_own_it_listens_anywhere(tmp_path: Path) -> None:
    settings = load(config(tmp_path, 'listen = "0.0.0.0:8883"', certificate=True))

    own = tmp_path / "data" / "tls" / tls.SERVER
    assert listener_of(settings) == Listener(host="0.0.0.0", port=8883, cert=own, key=own)


def test_given_certificates_go_before_our_own(tmp_path: Path) -> None:
    said = 'listen = "[::]:8883"\ntls_cert = "given.pem"\ntls_key = "given.key"'
    settings = load(config(tmp_path, said, certificate=True))

    given = Listener(host="::", port=8883, cert=tmp_path / "given.pem", key=tmp_path / "given.key")
    assert listener_of(settings) == given


@pytest.mark.parametrize("listen", ["127.0.0.1:18830", "127.0.0.2:18830", "localhost:18830", "[::1]:18830"])
def test_on_loopback_it_may_do_without(tmp_path: Path, listen: str) -> None:
    found = listener_of(load(config(tmp_path, f'listen = "{listen}"')))

    assert found is not None
    assert (found.port, found.cert) == (18830, None)


def test_nothing_said_is_a_port_of_its_own(tmp_path: Path) -> None:
    assert listener_of(load(config(tmp_path, "", certificate=True))) is None


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ('listen = "8883"', "[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got '8883'"),
        ('listen = ":8883"', "[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got ':8883'"),
        ('listen = "0.0.0.0:0"', "[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got '0.0.0.0:0'"),
        ('listen = "x:99999"', "[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got 'x:99999'"),
        ('listen = "a b:1"', "[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got 'a b:1'"),
        (
            'tls_cert = "a"\ntls_key = "b"',
            '[broker] tls_cert, tls_key, tls_ca: expected listen with them, for instance listen = "0.0.0.0:8883"',
        ),
        (
            'listen = "0.0.0.0:1"\ntls_cert = "a"',
            "[broker] tls_cert: a certificate needs its key, and a key its certificate",
        ),
        (
            'listen = "0.0.0.0:1"\ntls_ca = "a"',
            "[broker] tls_ca: expected tls_cert and tls_key with it; what init-tls makes brings its own",
        ),
        (
            'mode = "external"\nurl = "mqtt://x"\nlisten = "0.0.0.0:1"',
            '[broker] listen: is for our own broker; expected mode = "embedded" with it',
        ),
    ],
)
def test_a_mistake_about_listening_is_told(tmp_path: Path, broker: str, said: str) -> None:
    file = config(tmp_path, broker)

    with pytest.raises(ConfigError) as refused:
        load(file)

    assert str(refused.value) == f"{file}, {said}"


@pytest.mark.parametrize(
    ("host", "reached_at"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3"), ("x", "x")]
)
def test_the_collector_knows_where_to_reach_its_broker(host: str, reached_at: str) -> None:
    assert Listener(host=host, port=1).own_host == reached_at


# --- on the real nats-server ---

AGENT = ("south", "kiosk-7", "kiosks-password")


@pytest.fixture
def secure(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[EmbeddedBroker]:
    """A broker on another loopback address, whose certificate knows neither it nor the collector's road to it."""
    issue(tmp_path / "tls", ["collector.example"], now_ms=clock.now_ms())
    own = tmp_path / "tls" / tls.SERVER
    broker = EmbeddedBroker(tmp_path / "broker", Listener(host="127.0.0.2", port=free_port(), cert=own, key=own))
    broker.set_agents([AGENT])
    broker.start()
    yield broker
    broker.stop()


def agents_trust(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / tls.CA))
    context.check_hostname = False  # 127.0.0.2 stands in for the name that agents use
    return context


def subscribed(broker: EmbeddedBroker, client_id: str) -> Subscription:
    line = Line(
        host=broker.host,
        port=broker.port,
        user=broker.collector_user,
        password=broker.collector_password,
        tls=broker.trust,
    )
    found = Subscription(line, client_id=client_id, filters=topics.LIVE_FILTERS)
    until(lambda: found.step() or found.connected, f"{client_id} is connected")
    return found


def agent(broker: EmbeddedBroker, password: str = AGENT[2], **more: object) -> Peer:
    trust = agents_trust(broker.folder.parent / "tls")
    return Peer(broker.host, broker.port, "south/kiosk-7", password, client_id="kiosk-7", tls=trust, **more)  # type: ignore[arg-type]


def shown(broker: EmbeddedBroker) -> bytes:
    """The certificate that whoever connects now is shown."""
    with contextlib.closing(socket.create_connection((broker.host, broker.port), 5)) as plain:
        context = agents_trust(broker.folder.parent / "tls")
        with context.wrap_socket(plain, server_hostname="collector.example") as line:
            return line.getpeercert(binary_form=True) or b""


def test_an_agent_reports_over_tls_to_a_collector_that_knows_its_broker_by_the_certificate(
    secure: EmbeddedBroker,
) -> None:
    live = subscribed(secure, "live")

    with contextlib.closing(agent(secure)) as kiosk:
        kiosk.publish("rm/1/south/kiosk-7/report", b"over TLS")
        heard: list[bytes] = []
        until(lambda: heard.extend(one.payload for one in live.take(0.05)) or heard, "the report came")

    assert heard == [b"over TLS"]


def test_who_speaks_no_tls_is_not_listened_to(secure: EmbeddedBroker) -> None:
    plain = Peer(secure.host, secure.port, "south/kiosk-7", AGENT[2], client_id="kiosk-7")

    assert not plain.is_welcome


def test_an_agent_that_trusts_another_ca_does_not_connect(secure: EmbeddedBroker, tmp_path: Path) -> None:
    issue(tmp_path / "other", ["collector.example"], now_ms=clock.now_ms())
    distrustful = ssl.create_default_context(cafile=str(tmp_path / "other" / tls.CA))
    distrustful.check_hostname = False

    with pytest.raises(ssl.SSLCertVerificationError):
        Peer(secure.host, secure.port, "south/kiosk-7", AGENT[2], client_id="kiosk-7", tls=distrustful)


def test_the_collector_trusts_its_own_brokers_certificate_and_no_other_of_the_same_ca(secure: EmbeddedBroker) -> None:
    assert secure.trust is not None
    folder = secure.folder.parent
    ours = (folder / "tls" / tls.SERVER).read_bytes()
    issue(folder / "tls", [], now_ms=clock.now_ms())
    impostor = EmbeddedBroker(
        folder / "impostor",
        Listener(host="127.0.0.3", port=secure.port, cert=folder / "tls" / tls.SERVER, key=folder / "tls" / tls.SERVER),
    )
    impostor.start()
    try:
        with (
            socket.create_connection((impostor.host, impostor.port), 5) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            secure.trust.wrap_socket(plain, server_hostname=impostor.host)
    finally:
        impostor.stop()
        (folder / "tls" / tls.SERVER).write_bytes(ours)


def test_a_renewed_certificate_is_shown_at_once_and_nobody_is_cut_off(secure: EmbeddedBroker) -> None:
    live = subscribed(secure, "live")
    kiosk = agent(secure)
    before = shown(secure)

    issue(secure.folder.parent / "tls", [], now_ms=clock.now_ms())
    secure.poll()

    after = shown(secure)
    assert after != before
    assert kiosk.is_connected
    assert kiosk.losses == 0
    later = subscribed(secure, "later")
    assert (live.connected, later.connected) == (True, True)
    kiosk.close()


def test_a_renewal_that_cannot_be_used_leaves_the_old_certificate(secure: EmbeddedBroker) -> None:
    before = shown(secure)
    (secure.folder.parent / "tls" / tls.SERVER).write_text("half a certi")

    assert secure.poll()

    assert shown(secure) == before


def test_a_certificate_without_its_key_does_not_start(tmp_path: Path, free_port: Callable[[], int]) -> None:
    issue(tmp_path, NAMES, now_ms=clock.now_ms())
    listener = Listener(host="127.0.0.1", port=free_port(), cert=tmp_path / tls.SERVER, key=tmp_path / tls.CA_KEY)

    with pytest.raises(BrokerError, match="nats-server did not start"):
        EmbeddedBroker(tmp_path / "broker", listener).start()


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path, free_port: Callable[[], int]) -> None:
    listener = Listener(host="127.0.0.1", port=free_port(), cert=tmp_path / "gone.pem", key=tmp_path / "gone.pem")

    with pytest.raises(BrokerError, match=r"tls_cert: .*gone\.pem: cannot be read: No such file"):
        EmbeddedBroker(tmp_path / "broker", listener).start()


def test_a_port_that_another_program_has_is_told_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        listener = Listener(host="127.0.0.2", port=taken.getsockname()[1])
        with pytest.raises(BrokerError, match=r"change \[broker\] listen"):
            EmbeddedBroker(tmp_path, listener).start()


# --- who is let in, and thrown out ---


def test_a_revoked_agent_is_thrown_out_at_once_and_refused_afterwards(secure: EmbeddedBroker) -> None:
    kiosk = agent(secure)
    assert kiosk.is_welcome

    secure.set_agents([])

    until(lambda: kiosk.losses == 1, "the revoked agent was cut off", seconds=2.0)
    assert not agent(secure).is_welcome


def test_a_new_password_throws_out_who_came_with_the_old_one(secure: EmbeddedBroker) -> None:
    kiosk = agent(secure)

    secure.set_agents([("south", "kiosk-7", "another-password")])

    until(lambda: kiosk.losses == 1, "who had the old password was cut off", seconds=2.0)
    assert not agent(secure).is_welcome
    with contextlib.closing(agent(secure, "another-password")) as again:
        assert again.is_welcome


def test_the_collector_stays_when_agents_come_and_go(secure: EmbeddedBroker) -> None:
    live = subscribed(secure, "live")

    secure.set_agents([])
    secure.set_agents([AGENT])

    with contextlib.closing(agent(secure)) as kiosk:
        kiosk.publish("rm/1/south/kiosk-7/report", b"again")
        heard: list[bytes] = []
        until(lambda: heard.extend(one.payload for one in live.take(0.05)) or heard, "the report came")
    assert heard == [b"again"]
