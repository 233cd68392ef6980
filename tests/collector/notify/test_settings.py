"""[mail] and [webhook] of the configuration, and what the delivery makes of them."""

from pathlib import Path

import pytest

from roundsman_collector.config import DATABASE, ConfigError, load
from roundsman_collector.notify.__main__ import alone, mail_server, main, senders
from roundsman_collector.notify.mail import Server
from roundsman_collector.notify.outcome import Retry
from roundsman_collector.store import Store, WayRow
from roundsman_collector.store.ways import Filter
from tests.collector.notify.news import OPENED

WAY = WayRow(1, "mail", "duty", "duty@example.com", "", Filter(), "zh", 1, "wang", None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "roundsman.toml"


def test_a_mail_server_is_named_with_its_secrets_in_files_beside(file: Path) -> None:
    file.write_text(
        '[mail]\nhost = "smtp.example.com"\nsender = "rounds@example.com"\nuser = "rounds"\n'
        'password_file = "mail-password"\nca = "ca.pem"\n[webhook]\nca = "ca.pem"\nallow_http = true'
    )

    found = load(file)

    assert mail_server(found) == Server(
        host="smtp.example.com",
        port=587,
        security="starttls",
        sender="rounds@example.com",
        user="rounds",
        password_file=file.parent / "mail-password",
        ca=file.parent / "ca.pem",
    )
    assert (found.webhook.allow_http, found.webhook.ca) == (True, file.parent / "ca.pem")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('user = "rounds"', "[mail] user: expected host with it, the name of the SMTP server"),
        ('host = "h"', "[mail] sender: expected one mail address, such as rounds@example.com, got ''"),
        (
            'host = "smtp.example.com"\nsender = "a@b.example"\nsecurity = "none"',
            "[mail] security: none is for a server on this machine; expected starttls or tls for 'smtp.example.com'",
        ),
        (
            'host = "h"\nsender = "a@b.example"\nuser = "rounds"',
            "[mail] user: expected password_file with it, and no password_file without it",
        ),
    ],
    ids=["no host", "no sender", "plain text over a network", "no password"],
)
def test_a_mail_server_that_cannot_be_used_is_said_when_the_file_is_read(file: Path, said: str, expected: str) -> None:
    file.write_text(f"[mail]\n{said}")

    with pytest.raises(ConfigError) as caught:
        load(file)

    assert str(caught.value) == f"{file}, {expected}"


def test_plain_text_is_fine_on_this_machine(file: Path) -> None:
    file.write_text('[mail]\nhost = "127.0.0.1"\nport = 25\nsecurity = "none"\nsender = "a@b.example"')

    assert mail_server(load(file)) is not None


def test_mail_without_a_server_waits_until_there_is_one(tmp_path: Path) -> None:
    assert mail_server(load(None, tmp_path)) is None
    with pytest.raises(Retry, match="no mail server is configured"):
        senders(load(None, tmp_path))["mail"](OPENED, WAY)


def test_the_delivery_ends_with_a_reason_where_it_cannot_run(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[mial]")
    assert main(["--data", str(tmp_path), "--config", str(file)]) == 78
    assert main(["--data", str(tmp_path)]) == 69
    Store.open(tmp_path / DATABASE).close()
    with alone(tmp_path) as is_alone:
        assert is_alone
        assert main(["--data", str(tmp_path)]) == 75
    said = capsys.readouterr().err
    assert "did you mean mail?" in said
    assert f"another delivery runs on {tmp_path}" in said
