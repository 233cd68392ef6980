"""Devices that speak SNMP: UPS, network printers, recorders, cameras, switches (SNMP 设备)

    [[device.probe]]
    name = "snmp"
    host = "192.168.1.20"
    family = "ups"
    community = { secret = "snmp-room" }

    [[device.probe]]
    name = "snmp"
    host = "192.168.1.2"
    family = "switch"
    community = { secret = "snmp-room" }
    ports = ["GigabitEthernet1/0/1", "GigabitEthernet1/0/24"]

**Needs** SNMP switched on in the device, a community (2c) or user (3) that may only read, and UDP port 161 open for
the agent's address. There is no SET in the agent. Version 3 with `priv` needs the Python package `cryptography`,
which the agent does not bring.

What a family of devices is asked, and what the answers mean, is data: one TOML file in
`agent/roundsman_agent/families/`, explained at the top of `agent/roundsman_agent/snmp_family.py`. A new model is a
new file in `/etc/roundsman-agent/families` on the agent's machine: no code. One that bears the name of ours stands for
it. `family = "auto"` finds the family by the objects that are there and by what the device says of its maker
(sysObjectID); the special one wins over the general one, and what only the general one knows (UPS-MIB beside a
maker's own tree) is read too.

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
* Of a switch every port is watched that is up, was up when we last looked, or has carried frames since the switch
  started; `ports` names others. What needs two visits (`port[].changes`, `port[].error_percent`) is told from the
  second on. Recorded devices and what is read of them: [snmp-recordings.md](snmp-recordings.md).
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, number, text, texts
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Family, Talk, families, fitting, names, parts
from roundsman_agent.snmp_meaning import planned, read, remembered
from roundsman_agent.snmp_ports import PORT_ROWS_LIMIT, Past, PastPort, Ports
from roundsman_agent.snmp_session import AUTH, PRIV, Bindings, PduError, Session, V2cSession, V3Session, V3User
from roundsman_agent.snmp_visit import CAREFUL, ROWS_LIMIT, Known, Memory, Visit, below

__all__ = ["probe"]

AUTO: Final = "auto"
REPETITIONS: Final = 20
"""Rows of one GETBULK: small devices choke on more."""
NAMED_BY: Final = ("host", "port", "family", "version", "community", "user", "context")
"""The settings that tell one device from another."""

MAKER: Final = "1.3.6.1.2.1.1.2"
"""sysObjectID, without its instance."""

_memory = Memory()
_pasts: dict[Hashable, Past] = {}
"""What was last known of the ports of each switch. Not forgotten after an hour: a port that was up is missed."""


def fetch(settings: Mapping[str, object]) -> Talk:
    """One visit to one device, over at its deadline."""
    began = time.monotonic()
    device = tuple(settings[name] for name in NAMED_BY)
    known = _memory.of(device, began)
    with _session(settings, began + number(settings, "timeout_s")) as session:
        talk: Talk | None = None
        if known.family is not None:
            talk = _talk(session, planned(known.family), known, settings)
        if talk is None or not (talk.stumbled or _is_of_its_family(talk)):
            # Not known yet, or another device stands at this address now.
            plan = _identified(session, text(settings, "family"), text(settings, "host"))
            known.family = plan.name
            talk = _talk(session, plan, known, settings)
    return _with_past(talk, device, began, texts(settings, "ports"))


def _talk(session: Session, plan: Family, known: Known, settings: Mapping[str, object]) -> Talk:
    most_rows = ROWS_LIMIT if plan.ports is None else PORT_ROWS_LIMIT
    visit = Visit(session, known, repetitions=int(number(settings, "repetitions")), most_rows=most_rows)
    of_family = parts(plan)
    cut: tuple[str, str] | None = None
    try:
        visit.get(list(dict.fromkeys(oid for part in of_family for oid in part.objects())))
        visit.walk(list(dict.fromkeys(oid for part in of_family for oid in part.columns())))
        for part in of_family:
            if part.ports is not None:
                _walk_ports(visit, part.ports, known)
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


def _walk_ports(visit: Visit, ports: Ports, known: Known) -> None:
    """The ports' columns. What a port is and how it is called is asked anew when other ports are there, or after an
    hour; narrow counters, where there are no wide ones."""
    if known.fixed:
        visit.answers |= known.fixed
    else:
        visit.walk(ports.fixed())
    visit.walk(ports.columns())
    if known.fixed and _indexes(visit.answers, ports.kind) != _indexes(visit.answers, ports.oper):
        visit.answers = {oid: value for oid, value in visit.answers.items() if oid not in known.fixed}
        visit.walk(ports.fixed())
    known.fixed = {
        oid: value for oid, value in visit.answers.items() if any(below(oid, column) for column in ports.fixed())
    }
    if not _has_rows(visit.answers, ports.frames_in_64):
        visit.walk(ports.narrow())


def _indexes(answers: Mapping[str, Bound], column: str) -> set[str]:
    return {oid.removeprefix(column) for oid in answers if below(oid, column)}


def _is_of_its_family(talk: Talk) -> bool:
    """Whether the device said anything that a device of another family would not (everything has an uptime)."""
    roots = [root for part in parts(planned(talk.family)) for root in part.identify]
    return any(below(oid, root) for oid in talk.answers for root in roots)


def _has_rows(answers: Mapping[str, Bound], columns: Sequence[str]) -> bool:
    return any(below(oid, column) for oid in answers for column in columns)


def _with_past(talk: Talk, device: Hashable, now_s: float, ports: Sequence[str]) -> Talk:
    """The same with what visits before knew of the device's ports; the next one will know of this one."""
    if all(part.ports is None for part in parts(planned(talk.family))):
        return talk
    talk = replace(talk, at_s=now_s, past=_pasts.get(device))
    _pasts[device] = remembered(talk, ports)
    return talk


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
    candidates = families() if wanted == AUTO else (planned(wanted),)
    roots = [root for candidate in candidates for root in (*candidate.identify, *candidate.evidence)]
    seen = _following(session, list(dict.fromkeys([MAKER, *roots])))
    maker = seen.get(f"{MAKER}.0")
    said = str(maker.value) if maker is not None and maker.type == "oid" else ""
    found = fitting(candidates, list(seen), said, is_named=wanted != AUTO)
    if found is not None:
        return planned(found.name)
    known = ", ".join(candidate.name for candidate in candidates)
    of = f" (of {said})" if said else ""
    raise ProbeError("not_supported", f"{host}: answers SNMP{of}, but has no object of {known}")


def _following(session: Session, roots: Sequence[str]) -> dict[str, Bound]:
    """The objects that follow the roots; so few at once that every device takes it."""
    found: dict[str, Bound] = {}
    for at in range(0, len(roots), CAREFUL):
        some = roots[at : at + CAREFUL]
        try:
            heard = session.next(some)
        except PduError:
            # An old device refuses the whole request for one object that has no successor: ask one by one.
            heard = [one for root in some for one in _one_following(session, root)]
        found |= {oid: value for oid, value in heard if value is not None}
    return found


def _one_following(session: Session, root: str) -> Bindings:
    try:
        return session.next([root])
    except PduError:
        return []


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """What the device said, as readings of its family."""
    if not isinstance(raw, Talk):
        raise TypeError(f"snmp parses a Talk, not {type(raw).__name__}")
    return read(raw, texts(settings, "ports"))


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
            name="ports",
            kind=list,
            default=[],
            unit="",
            sentence="The ports of a switch that are watched, by name, description or number; none: all that are used.",
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
    parts=(Talk, Bound, Past, PastPort),
)
