"""To a URL and back: `posted(url, body, headers, ...)` sends one POST and returns what was answered.

Targets are typed in by people who may not reach what we reach: nothing is ever sent to link-local or metadata
addresses, no redirection is followed, and http without s only goes to this machine and private networks. What breaks
off is Retry. Of a URL only the host is ever said: the rest may be a key.
"""

import http.client
import re
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from roundsman_collector.notify.dial import Address, dialled, forbidden, is_near
from roundsman_collector.notify.outcome import Reject, Retry

PASSING = frozenset({408, 425, 429})
"""Refusals that are about now, not about what was sent."""
BODY_LIMIT = 16_384
"""So much of an answer is read, where anything is."""


class Answer(NamedTuple):
    """What the other end said. `body` is empty unless it was asked for."""

    host: str
    status: int
    retry_after: str | None
    body: bytes


def posted(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_http: bool, ca: Path | None, reads: bool = False
) -> Answer:
    """Post the body. Raises Retry where the line broke, Reject where nothing may be sent there.

    `reads`: whether the answer's body matters.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "https"

    def why_not(address: Address) -> str:
        if is_tls or allow_http or is_near(address):
            return forbidden(address)
        return "http without TLS goes to this machine and private networks only; use https, or [webhook] allow_http"

    said = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"Roundsman/{version('roundsman-collector')}",
        **headers,
        "Connection": "close",
    }
    try:
        with dialled(host, parts.port or (443 if is_tls else 80), why_not=why_not) as line:
            connection = http.client.HTTPConnection(host, parts.port or (443 if is_tls else 80))
            connection.sock = line.socket
            if is_tls:
                context = ssl.create_default_context(cafile=str(ca) if ca else None)
                connection.sock = context.wrap_socket(line.socket, server_hostname=host)
            try:
                connection.request("POST", _path(parts.path, parts.query), body, said)
                answer = connection.getresponse()
                told = answer.read(BODY_LIMIT) if reads else b""
                return Answer(host, answer.status, answer.getheader("Retry-After"), told)
            finally:
                connection.close()
    except (http.client.HTTPException, OSError) as error:
        raise Retry(f"{host} broke off: {str(error)[:200] or type(error).__name__}") from error


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def judge_status(answer: Answer, now_ms: int) -> None:
    """Return where the number of an answer is good; Retry where it may pass; Reject where it is for good."""
    if 200 <= answer.status < 300:
        return
    if answer.status >= 500 or answer.status in PASSING:
        raise Retry(f"{answer.host} answers {answer.status}", _seconds(answer.retry_after, now_ms))
    is_elsewhere = 300 <= answer.status < 400
    more = "; redirections are not followed: give the address it leads to" if is_elsewhere else ""
    raise Reject(f"{answer.host} answers {answer.status}{more}")


def _seconds(said: str | None, now_ms: int) -> float | None:
    """Retry-After: seconds, or a date. None for anything else."""
    if said is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", said.strip()):
        return float(said)
    try:
        when = parsedate_to_datetime(said)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, when.timestamp() - now_ms / 1000)
