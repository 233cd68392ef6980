"""How the agent knows its broker. Handshakes with real certificates: tests/collector/test_agent_on_a_device.py."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_agent import tls
from roundsman_agent.config import Broker, ConfigError
from tests.agent.cast import T0, config

PLAIN = config("/nowhere").broker
SECURE = replace(PLAIN, host="collector.example", port=8883, tls=True)


def test_certificates_and_names_are_always_verified() -> None:
    found = tls.context(SECURE)

    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert found.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory; expected certificates in PEM"),
        ("nothing", "cannot be used"),
        ("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n", "cannot be used"),
    ],
)
def test_a_ca_that_cannot_be_used_is_named_with_its_key(tmp_path: Path, content: str | None, said: str) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_text(content)

    with pytest.raises(ConfigError) as refused:
        tls.context(replace(SECURE, ca=str(ca)))

    assert str(refused.value).startswith(f"broker.ca {ca}: ")
    assert said in str(refused.value)


def test_a_ca_written_into_the_configuration_itself_is_not_repeated_in_the_complaint() -> None:
    with pytest.raises(ConfigError, match=r"^broker\.ca: cannot be used"):
        tls.context(replace(SECURE, ca="-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n"))


def test_a_certificate_of_its_own_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"broker\.cert .*own\.pem and broker\.key .*own\.key: No such file"):
        tls.context(replace(SECURE, cert=str(tmp_path / "own.pem"), key=str(tmp_path / "own.key")))


def failed(code: int, message: str = "it is so") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("broker", "error", "said"),
    [
        (SECURE, failed(10), "has expired, or this device's clock is wrong (it says 2026-11-21)"),
        (SECURE, failed(9), "this device's clock is probably wrong (it says 2026-11-21); set it"),
        (SECURE, failed(19), "signed by nobody this agent trusts: `ca` in [broker] must be the collector's CA"),
        (SECURE, failed(62), "is for another host: `host` in [broker]"),
        (SECURE, failed(26, "unsuitable certificate purpose"), "was refused: unsuitable certificate purpose"),
        (SECURE, ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (PLAIN, ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
    ],
)
def test_a_failed_handshake_is_told_in_words_that_say_what_to_do(
    broker: Broker, error: BaseException, said: str
) -> None:
    assert said in tls.spoken(error, broker, T0)
