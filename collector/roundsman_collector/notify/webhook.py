"""By webhook: `render(facts)` makes the JSON, `send(...)` posts it, signed.

    X-Roundsman-Signature: t=1763690400,v1=<hex of HMAC-SHA256(secret, "1763690400." + body)>
    Idempotency-Key: <epoch>-<number>          the same however often it is sent

2xx: taken. 429, 5xx, 408, 425 and everything that breaks off: Retry, not before Retry-After. Any other answer, also a
redirection, is for good: Reject. Targets are typed in by people who may not reach what we reach: nothing is ever sent
to link-local or metadata addresses, nothing of an answer but its number is shown, and http without s only goes to this
machine and private networks.
"""

import hashlib
import hmac
import http.client
import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roundsman_collector.notify.dial import Address, dialled, forbidden, is_near
from roundsman_collector.notify.facts import Facts, fault_name, letter
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.words import iso
from roundsman_collector.store import Names
from roundsman_wire.catalogue import Label

VERSION = 1
"""Of the body. It only changes when something is taken away or means something else."""
PASSING = frozenset({408, 425, 429})
"""Refusals that are about now, not about what was sent."""


def render(facts: Facts) -> bytes:
    """The body: UTF-8 JSON, described in docs/how-to/notifications.md."""
    said: dict[str, Any] = {
        "version": VERSION,
        "id": facts.id,
        "event": facts.event,
        "title_zh": letter(facts, "zh").title,
        "title_en": letter(facts, "en").title,
        **_stamped("made", facts.made_ms),
        "link": facts.link or None,
    }
    body = facts.body
    if facts.event == "digest":
        said |= {"count": body["count"], "by_event": body["by_event"]}
        said |= {**_stamped("from", body["from_ms"]), **_stamped("to", body["to_ms"])}
        said["entries"] = [
            {"event": one["event"], **_happening(one["subject"], facts.subjects.get(one["subject"]), one, facts.faults)}
            for one in body["entries"]
        ]
    elif facts.event != "test":
        said |= _happening(facts.subject, facts.names, body, facts.faults)
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _happening(
    subject: str, names: Names | None, body: Mapping[str, Any], faults: Mapping[str, Label]
) -> dict[str, Any]:
    """What befell a ticket."""
    known = names or Names()
    is_agent = subject.startswith("@")
    return {
        "device": None if is_agent else {"id": subject, "name_zh": known.name_zh, "name_en": known.name_en},
        "agent": subject[1:] if is_agent else None,
        "group": known.group,
        "site": _pair(known.site_zh, known.site_en),
        "place": _pair(known.place_zh, known.place_en),
        "ticket": _ticket(body["ticket"], faults),
        "who": body["who"],
        "text": body["text"],
    }


def _ticket(ticket: Mapping[str, Any], faults: Mapping[str, Label]) -> dict[str, Any]:
    return {
        "number": ticket["number"],
        "code": ticket["code"],
        "name_zh": fault_name(faults, ticket["code"], "zh"),
        "name_en": fault_name(faults, ticket["code"], "en"),
        "component": ticket["component"],
        "severity": ticket["severity"],
        "service_class": ticket["service_class"],
        **_stamped("fault_from", ticket["fault_from_ms"]),
        **_stamped("fault_to", ticket["fault_to_ms"]),
        **_stamped("opened", ticket["opened_ms"]),
        **_stamped("resolved", ticket["resolved_ms"]),
        "outcome": ticket["outcome"],
    }


def _pair(zh: str | None, en: str | None) -> dict[str, str | None] | None:
    return None if zh is None and en is None else {"name_zh": zh, "name_en": en}


def _stamped(name: str, ms: int | None) -> dict[str, Any]:
    return {f"{name}_ms": ms, name: iso(ms)}


def signature(secret: str, body: bytes, at_s: int) -> str:
    """The value of X-Roundsman-Signature. The time is signed too: who records a request cannot send it tomorrow."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


# --- sending ---------------------------------------------------------------------------------------------------------


def send(
    body: bytes, *, url: str, secret: str, event: str, key: str, now_ms: int, allow_http: bool, ca: Path | None
) -> None:
    """Post the body. Raises Retry or Reject; returns when the other end has taken it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "https"

    def why_not(address: Address) -> str:
        if is_tls or allow_http or is_near(address):
            return forbidden(address)
        return "http without TLS goes to this machine and private networks only; use https, or [webhook] allow_http"

    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"Roundsman/{version('roundsman-collector')}",
        "X-Roundsman-Event": event,
        "X-Roundsman-Signature": signature(secret, body, now_ms // 1000),
        "Idempotency-Key": key,
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
                connection.request("POST", _path(parts.path, parts.query), body, headers)
                answer = connection.getresponse()
                _judge(host, answer.status, answer.getheader("Retry-After"), now_ms)
            finally:
                connection.close()
    except (http.client.HTTPException, OSError) as error:
        raise Retry(f"{host} broke off: {str(error)[:200] or type(error).__name__}") from error


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def _judge(host: str, status: int, retry_after: str | None, now_ms: int) -> None:
    if 200 <= status < 300:
        return
    if status >= 500 or status in PASSING:
        raise Retry(f"{host} answers {status}", _seconds(retry_after, now_ms))
    more = "; redirections are not followed: give the address it leads to" if 300 <= status < 400 else ""
    raise Reject(f"{host} answers {status}{more}")


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
