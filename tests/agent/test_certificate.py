"""When a certificate ends: what openssl says of the ones it made, and noise."""

from __future__ import annotations

import calendar
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.certificate import ends
from tests.agent.web_servers import certificates


@pytest.fixture(scope="module")
def der(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = certificates(tmp_path_factory.mktemp("certificates"), days=90)
    return ssl.PEM_cert_to_DER_cert((made.ca.parent / "server.pem").read_text())


@pytest.mark.parametrize("days", [-1, 20, 20_000, 2_000_000])
def test_a_certificate_ends_when_openssl_says_so(tmp_path: Path, days: int) -> None:
    made = certificates(tmp_path, days=days)
    pem = made.ca.parent / "server.pem"
    said = subprocess.run(
        ["openssl", "x509", "-in", str(pem), "-noout", "-enddate"], check=True, capture_output=True, text=True
    ).stdout
    expected = calendar.timegm(time.strptime(said.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y GMT"))

    assert ends(ssl.PEM_cert_to_DER_cert(pem.read_text())) == expected


@given(st.binary(max_size=300))
def test_noise_is_no_certificate(data: bytes) -> None:
    try:
        ends(data)
    except ValueError:
        return


@given(data=st.data())
def test_a_certificate_that_was_damaged_ends_sometime_or_is_none(der: bytes, data: st.DataObject) -> None:
    struck = bytearray(der)
    for _ in range(data.draw(st.integers(1, 5))):
        struck[data.draw(st.integers(0, len(struck) - 1))] = data.draw(st.integers(0, 255))
    struck = struck[: data.draw(st.integers(0, len(struck)))]

    try:
        assert isinstance(ends(bytes(struck)), int)
    except ValueError:
        return


def test_a_certificate_of_monstrous_size_is_not_looked_at() -> None:
    with pytest.raises(ValueError, match="of 70000 bytes"):
        ends(b"\x30" * 70_000)
