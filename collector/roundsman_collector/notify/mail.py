"""By mail: `render(facts, ...)` makes the letter, `send(letter, server)` hands it to the SMTP server.

The letter has text and HTML, Chinese or English. Its Message-ID is the same however often it is sent, and all letters
about one ticket refer to one another, so that a mail program shows them together. No mail program answers it
(Auto-Submitted). An answer 5xx to the letter is for good (Reject); everything else may pass (Retry): also a password
that is refused, which says nothing against the letter.
"""

import smtplib
import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Literal

from roundsman_collector.notify.dial import dialled
from roundsman_collector.notify.facts import Facts, Letter, letter, lines_of
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.words import EPOCH, say
from roundsman_wire.catalogue import Language

SAID_LIMIT = 200
PERMANENT = 500
DISPLAY_NAME = "Roundsman 巡检员"


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The SMTP server and who we are there; section [mail] of the configuration."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None


def render(facts: Facts, *, to: str, sender: str, language: Language) -> EmailMessage:
    """The letter, whole and ready to be sent."""
    said = letter(facts, language)
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = said.title
    message["From"] = Address(DISPLAY_NAME, addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Date"] = format_datetime(EPOCH + timedelta(milliseconds=facts.made_ms))
    message["Message-ID"] = f"<{facts.id}@{domain}>"
    if "ticket" in facts.body:
        epoch = facts.id.partition("-")[0]
        message["References"] = f"<{epoch}-ticket-{facts.body['ticket']['id']}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_text(said, language), cte="base64")
    message.add_alternative(_html(said, language), subtype="html", cte="base64")
    message["Content-Language"] = "zh-CN" if language == "zh" else "en"
    return message


def _text(said: Letter, language: Language) -> str:
    colon = "：" if language == "zh" else ": "
    parts = [said.title, said.sentence, "\n".join(f"{label}{colon}{value}" for label, value in said.rows)]
    parts.append("\n".join(lines_of(said, language)))
    if said.link:
        parts.append(f"{said.link_words}{colon}{said.link}")
    parts.append(f"-- \n{say(language, 'footer')}")
    return "\n\n".join(part for part in parts if part) + "\n"


_TABLE = 'style="border-collapse:collapse;font-size:14px"'
_LABEL = 'style="color:#66727f;padding:4px 16px 4px 0;text-align:left;font-weight:normal;vertical-align:top"'
_VALUE = 'style="color:#1d2733;padding:4px 0"'
_BUTTON = 'style="color:#1f5fae"'
_SMALL = 'style="color:#66727f;font-size:12px"'


def _html(said: Letter, language: Language) -> str:
    """Simple enough for every mail program: a table, no style sheet, nothing that is fetched."""
    rows = "".join(
        f'<tr><th scope="row" {_LABEL}>{escape(label)}</th><td {_VALUE}>{escape(value)}</td></tr>\n'
        for label, value in said.rows
    )
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in lines_of(said, language))
    parts = [
        f'<h1 style="color:#1d2733;font-size:16px">{escape(said.title)}</h1>',
        f"<p>{escape(said.sentence)}</p>" if said.sentence else "",
        f"<table {_TABLE}>\n{rows}</table>" if rows else "",
        f"<ul>{lines}</ul>" if lines else "",
        f'<p><a {_BUTTON} href="{escape(said.link)}">{escape(said.link_words)}</a></p>' if said.link else "",
        f"<p {_SMALL}>{escape(say(language, 'footer'))}</p>",
    ]
    lang = "zh-CN" if language == "zh" else "en"
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="{lang}"><body style="font-family:sans-serif">\n{body}\n</body></html>\n'


# --- sending ---------------------------------------------------------------------------------------------------------


class _Line(smtplib.SMTP):
    """smtplib on a connection that was made, checked and bounded by dial.py."""

    def __init__(self, server: Server, line: socket.socket) -> None:
        self._dialled = line
        # Our name in EHLO: the sender's domain. The machine's own would be asked of a name server that may hang.
        super().__init__(server.host, server.port, local_hostname=server.sender.rpartition("@")[2])

    def _get_socket(self, *_: object) -> socket.socket:
        return self._dialled


def send(message: EmailMessage, server: Server) -> None:
    """Hand the letter over. Raises Retry or Reject; returns when the server has taken it."""
    try:
        with dialled(server.host, server.port) as line:
            _converse(message, server, line.socket)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refusal(f"{server.host} refuses the recipient", code, said) from error
    except smtplib.SMTPSenderRefused as error:
        raise _refusal(
            f"{server.host} refuses the sender {server.sender}", error.smtp_code, error.smtp_error
        ) from error
    except smtplib.SMTPDataError as error:
        raise _refusal(f"{server.host} refuses the letter", error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPAuthenticationError as error:
        raise Retry(
            f"{server.host} refuses user or password: {_said(error.smtp_code, error.smtp_error)}; see [mail]"
        ) from error
    except smtplib.SMTPResponseException as error:
        raise Retry(f"{server.host} takes no mail: {_said(error.smtp_code, error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Retry(
            f"{server.host}:{server.port} broke off: {str(error)[:SAID_LIMIT] or type(error).__name__}"
        ) from error


def _converse(message: EmailMessage, server: Server, line: socket.socket) -> None:
    context = None
    if server.security != "none":
        context = ssl.create_default_context(cafile=str(server.ca) if server.ca else None)
    if context and server.security == "tls":
        line = context.wrap_socket(line, server_hostname=server.host)
    smtp = _Line(server, line)
    try:
        if context and server.security == "starttls":
            smtp.ehlo_or_helo_if_needed()
            smtp.starttls(context=context)
        if server.user:
            smtp.login(server.user, _password(server))
        smtp.send_message(message)
        _leave(smtp)
    finally:
        smtp.close()


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye; the letter is theirs already, whatever they make of that."""
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        return


def _password(server: Server) -> str:
    if server.password_file is None:
        return ""
    try:
        return server.password_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Retry(f"[mail] password_file {server.password_file} cannot be read: {error}") from error


def _refusal(what: str, code: int, said: bytes | str) -> Retry | Reject:
    told = f"{what}: {_said(code, said)}"
    return Reject(told) if code >= PERMANENT else Retry(told)


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(f"{code} {text}".split())[:SAID_LIMIT]
