"""The composition root's own decisions: credentials, tokens, how to reach a broker."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector import logins
from roundsman_collector.app import external_line, first_login, first_token
from roundsman_collector.config import load
from roundsman_collector.passwords import hashed
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed, Office, Store, View


def test_a_credential_is_made_once_kept_private_and_can_be_revoked(tmp_path: Path) -> None:
    assert logins.read(tmp_path) == []
    assert logins.changed_at(tmp_path) == 0

    one = logins.given(tmp_path, "south", "kiosk-7")
    again = logins.given(tmp_path, "south", "kiosk-7")
    other = logins.given(tmp_path, "south", "bus-31")

    assert one == again
    assert one.password != other.password
    assert [login.agent for login in logins.read(tmp_path)] == ["bus-31", "kiosk-7"]
    assert stat.S_IMODE((tmp_path / logins.NAME).stat().st_mode) == 0o600
    assert logins.revoke(tmp_path, "kiosk-7")
    assert not logins.revoke(tmp_path, "kiosk-7")
    assert logins.read(tmp_path) == [other]


def test_an_agent_that_moves_to_another_group_gets_another_credential(tmp_path: Path) -> None:
    before = logins.given(tmp_path, "south", "kiosk-7")

    after = logins.given(tmp_path, "north", "kiosk-7")

    assert (after.group, after.password != before.password) == ("north", True)
    assert logins.read(tmp_path) == [after]


@pytest.mark.parametrize("text", ["{", "[]", '{"kiosk-7": 3}', '{"kiosk-7": {"group": "south"}}'])
def test_a_damaged_file_of_credentials_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / logins.NAME).write_text(text)

    with pytest.raises(logins.LoginsError, match="restore the file, or delete it"):
        logins.read(tmp_path)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    Store.open(tmp_path / "x.sqlite3").close()
    with Office.open(tmp_path / "x.sqlite3") as opened:
        yield opened


def test_the_first_token_is_made_once_and_only_its_hash_is_in_the_database(office: Office, tmp_path: Path) -> None:
    token = first_token(office, tmp_path, 1000)

    assert first_token(office, tmp_path, 2000) == token
    assert stat.S_IMODE((tmp_path / "api-token").stat().st_mode) == 0o600
    with View.open(tmp_path / "x.sqlite3") as view:
        found = view.token(token, 3000)
        assert found is not None
        assert (found.name, found.role) == ("first", "administrator")
        assert view.token("guess", 3000) is None
    assert token.encode() not in (tmp_path / "x.sqlite3").read_bytes()


def link(key: str) -> str:
    return f"http://127.0.0.1:1/welcome?key={key}"


def test_until_somebody_signed_in_every_start_makes_a_link_for_the_administrator(
    office: Office, tmp_path: Path
) -> None:
    with View.open(tmp_path / "x.sqlite3") as view:
        first = first_login(office, view, tmp_path, link, 1000)
        again = first_login(office, view, tmp_path, link, 2000)

        assert first is not None
        assert again is not None
        assert view.invited(first.rpartition("=")[2], 3000) is None, "an older link no longer works"
        found = view.invited(again.rpartition("=")[2], 3000)
        assert found is not None
        assert (found.id, found.role, found.scope) == ("admin", "administrator", EVERYTHING)
    file = tmp_path / "first-login"
    assert file.read_text() == again + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_once_somebody_signed_in_there_is_no_link_any_more(office: Office, tmp_path: Path) -> None:
    with View.open(tmp_path / "x.sqlite3") as view:
        address = first_login(office, view, tmp_path, link, 1000)
        assert address is not None
        office.accept(address.rpartition("=")[2], hashed("correct horse battery"), Deed(who="admin", at_ms=1500))

        assert first_login(office, view, tmp_path, link, 2000) is None
    assert not (tmp_path / "first-login").exists()


def test_an_external_broker_is_reached_as_configured(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pass word\n")
    (tmp_path / "roundsman.toml").write_text(
        '[broker]\nmode = "external"\nurl = "mqtt://127.0.0.1:1884"\nuser = "collector"\n'
        f"password_file = {json.dumps('secret')}\n"
    )

    line = external_line(load(tmp_path / "roundsman.toml"))

    assert (line.host, line.port, line.user, line.password, line.tls) == (
        "127.0.0.1",
        1884,
        "collector",
        "pass word",
        None,
    )


def test_an_external_broker_with_tls_has_its_own_port_and_checks_the_certificate(tmp_path: Path) -> None:
    (tmp_path / "roundsman.toml").write_text('[broker]\nmode = "external"\nurl = "mqtts://broker.example"\n')

    line = external_line(load(tmp_path / "roundsman.toml"))

    assert line.port == 8883
    assert line.tls is not None
    assert line.tls.check_hostname
