"""By webhook: `render(facts)` makes the JSON, `send(...)` posts it, signed.

    X-Roundsman-Signature: t=1763690400,v1=<hex of HMAC-SHA256(secret, "1763690400." + body)>
    Idempotency-Key: <epoch>-<number>          the same however often it is sent

2xx: taken. 429, 5xx, 408, 425 and everything that breaks off: Retry, not before Retry-After. Any other answer, also a
redirection, is for good: Reject. Nothing of an answer but its number is shown. Where to may be sent: post.py.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector.notify.facts import Facts, fault_name, letter
from roundsman_collector.notify.post import judge_status, posted
from roundsman_collector.notify.words import iso
from roundsman_collector.store import Names
from roundsman_wire.catalogue import Label

VERSION = 1
"""Of the body. It only changes when something is taken away or means something else."""


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


def _device(device: str, known: Names) -> dict[str, Any]:
    return {"id": device, "name_zh": known.name_zh, "name_en": known.name_en}


def _happening(
    subject: str, names: Names | None, body: Mapping[str, Any], faults: Mapping[str, Label]
) -> dict[str, Any]:
    """What befell a ticket; of a reminder, which tasks it is about; of a warning, what recurs."""
    if "reminder" in body:
        return {"reminder": body["reminder"]}
    if "warning" in body:
        return {
            "device": _device(subject, names or Names()) if subject else None,
            "warning": body["warning"],
            "found": body["found"],
        }
    known = names or Names()
    kind = subject[:1] if subject[:1] in ("@", "#") else ""
    return {
        "device": None if kind else _device(subject, known),
        "agent": subject[1:] if kind == "@" else None,
        "group": known.group,
        "site": _pair(known.site_zh, known.site_en),
        "place": _pair(known.place_zh, known.place_en),
        "ticket": _ticket(body["ticket"], faults),
        "engineer": body.get("engineer"),
        "clock": _clock(body.get("clock")),
        "again": body.get("again", 0),
        "who": body["who"],
        "text": body["text"],
    }


def _clock(clock: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if clock is None:
        return None
    return {"name": clock["clock"], "percent": clock["percent"], **_stamped("due", clock["due_ms"])}


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
    headers = {
        "X-Roundsman-Event": event,
        "X-Roundsman-Signature": signature(secret, body, now_ms // 1000),
        "Idempotency-Key": key,
    }
    judge_status(posted(url, body, headers, allow_http=allow_http, ca=ca), now_ms)
