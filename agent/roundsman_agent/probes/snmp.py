"""Devices that speak SNMP: UPS, network printers, recorders, cameras, switches (SNMP 设备)

    [[device.probe]]
    name = "snmp"
    host = "192.168.1.20"
    family = "ups"
    community = { secret = "snmp-room" }

**Needs** SNMP switched on in the device, a community (2c) or user (3) that may only read, and UDP port 161 open for
the agent's address. There is no SET in the agent. Version 3 with `priv` needs the Python package `cryptography`,
which the agent does not bring.

What a family of devices is asked, and what the answers mean, is data: one TOML file in
`agent/roundsman_agent/families/`, explained at the top of `agent/roundsman_agent/snmp_family.py`. A new model is a
new file: no code.

    identify  GETNEXT   which family is it, does it answer at all? Once an hour
    scalars   GET       sixty at a time
    tables    GETBULK   all columns side by side, at most 20 rows a request

A device that finds it too big, falls silent or cuts its answers short is asked less for an hour: snmp_visit.py.

* An object that the device does not have is no reading. A number that means "not measured" (−1, 65535, −273) is unknown
  with the reason `absent`; one that cannot be true is unknown with the reason `implausible`.
* A device that answers nothing is `timeout`: switched off, unreachable, or it does not know the community; SNMP does
  not tell which. One that answers but has no object of the family is `not_supported`. One that falls silent in the
  middle keeps what it said.
* A full disk is normal for a recorder; its `state` is the signal, not its free space.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, number, text
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Family, Talk, families, family, names, read
from roundsman_agent.snmp_session import AUTH, PRIV, PduError, Session, V2cSession, V3Session, V3User
from roundsman_agent.snmp_visit import Known, Memory, Visit, below

__all__ = ["probe"]

AUTO: Final = "auto"
REPETITIONS: Final = 20
"""Rows of one GETBULK: small devices choke on more."""
NAMED_BY: Final = ("host", "port", "family", "version", "community", "user", "context")
"""The settings that tell one device from another."""

_memory = Memory()


def fetch(settings: Mapping[str, object]) -> Talk:
    """One visit to one device, over at its deadline."""
    began = time.monotonic()
    known = _memory.of(tuple(settings[name] for name in NAMED_BY), began)
    with _session(settings, began + number(settings, "timeout_s")) as session:
        if known.family is not None:
            talk = _talk(session, family(known.family), known, settings)
            if talk.answers or talk.stumbled:
                return talk
        # Not known yet, or another device stands at this address now.
        plan = _identified(session, text(settings, "family"), text(settings, "host"))
        known.family = plan.name
        return _talk(session, plan, known, settings)


def _talk(session: Session, plan: Family, known: Known, settings: Mapping[str, object]) -> Talk:
    visit = Visit(session, known, repetitions=int(number(settings, "repetitions")))
    cut: tuple[str, str] | None = None
    try:
        visit.get(plan.objects())
        visit.walk(plan.columns())
    except ProbeError as error:
        if not visit.answers:
            raise
        cut = (error.code, error.detail)
    return Talk(
        family=plan.name,
        answers=visit.answers,
        stumbled=visit.stumbled,
        cut=cut,
        bytes_moved=session.bytes_moved,
    )


def _session(settings: Mapping[str, object], deadline: float) -> AbstractContextManager[Session]:
    host, port = text(settings, "host"), int(number(settings, "port"))
    tries = int(number(settings, "tries"))
    # In a short visit every try gets its share: one lost datagram must not be the whole visit.
    try_s = min(number(settings, "try_s"), number(settings, "timeout_s") / tries)
    if text(settings, "version") == "2c":
        return V2cSession(
            host=host, port=port, community=text(settings, "community"), try_s=try_s, tries=tries, deadline=deadline
        )
    user = V3User(
        name=text(settings, "user"),
        auth=text(settings, "auth"),
        auth_password=text(settings, "auth_password"),
        priv=text(settings, "priv"),
        priv_password=text(settings, "priv_password"),
        context=text(settings, "context"),
    )
    return V3Session(host=host, port=port, user=user, try_s=try_s, tries=tries, deadline=deadline)


def _identified(session: Session, wanted: str, host: str) -> Family:
    """The family the device belongs to; ProbeError not_supported when it answers and belongs to none that is wanted."""
    candidates = families() if wanted == AUTO else (family(wanted),)
    roots = [root for candidate in candidates for root in candidate.identify]
    seen = _following(session, roots)
    for candidate in candidates:
        if any(below(oid, root) for oid in seen for root in candidate.identify):
            return candidate
    known = ", ".join(candidate.name for candidate in candidates)
    raise ProbeError("not_supported", f"{host}: answers SNMP, but has no object of {known}")


def _following(session: Session, roots: Sequence[str]) -> list[str]:
    """The objects that follow the roots."""
    try:
        return [oid for oid, value in session.next(roots) if value is not None]
    except PduError:
        # An old device refuses the whole request for one object that has no successor: ask one by one.
        found: list[str] = []
        for root in roots:
            try:
                found += [oid for oid, value in session.next([root]) if value is not None]
            except PduError:
                continue
        return found


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """What the device said, as readings of its family."""
    if not isinstance(raw, Talk):
        raise TypeError(f"snmp parses a Talk, not {type(raw).__name__}")
    return read(raw)


probe = Probe(
    name="snmp",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(name="host", kind=str, default=REQUIRED, unit="", sentence="The device's name or address."),
        Setting(
            name="port",
            kind=int,
            default=161,
            unit="",
            sentence="The device's UDP port.",
            least=1,
            most=65535,
        ),
        Setting(
            name="family",
            kind=str,
            default=AUTO,
            unit="",
            sentence="What kind of device it is; auto asks the device.",
            choices=(AUTO, *names()),
        ),
        Setting(
            name="version",
            kind=str,
            default="2c",
            unit="",
            sentence="The version of SNMP; 3 costs the agent 15 MB of memory more.",
            choices=("2c", "3"),
        ),
        Setting(
            name="community",
            kind=str,
            default="public",
            unit="",
            sentence="The read-only community (version 2c).",
            secret=True,
        ),
        Setting(name="user", kind=str, default="", unit="", sentence="The user (version 3)."),
        Setting(
            name="auth",
            kind=str,
            default="none",
            unit="",
            sentence="How the user is checked (version 3).",
            choices=AUTH,
        ),
        Setting(
            name="auth_password",
            kind=str,
            default="",
            unit="",
            sentence="The user's authentication password (version 3).",
            secret=True,
        ),
        Setting(
            name="priv",
            kind=str,
            default="none",
            unit="",
            sentence="How messages are encrypted (version 3); needs the package cryptography.",
            choices=PRIV,
        ),
        Setting(
            name="priv_password",
            kind=str,
            default="",
            unit="",
            sentence="The user's encryption password (version 3).",
            secret=True,
        ),
        Setting(name="context", kind=str, default="", unit="", sentence="The context name (version 3)."),
        Setting(
            name="repetitions",
            kind=int,
            default=REPETITIONS,
            unit="rows",
            sentence="Rows per request when a table is read; less for a device that chokes.",
            least=1,
            most=REPETITIONS,
        ),
        Setting(
            name="try_s",
            kind=float,
            default=2.0,
            unit="s",
            sentence="How long to wait for one answer before asking again.",
            least=0.1,
            most=30,
        ),
        Setting(
            name="tries",
            kind=int,
            default=3,
            unit="",
            sentence="How often to ask before the device counts as not answering.",
            least=1,
            most=10,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=10.0,
            unit="s",
            sentence="The longest that one visit may take, all requests and tries together.",
            least=0.2,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=10.0,
    target="host",
    parts=(Talk, Bound),
)
