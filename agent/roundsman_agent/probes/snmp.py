"""Devices that speak SNMP: UPS, network printers, Hikvision recorders and cameras (SNMP 设备).

    identify  GETNEXT   which family is it, does it answer at all?
    scalars   GET       ten at a time
    tables    GETBULK   column by column, at most 20 rows a request

What a family asks and what the answers mean is data: families/*.toml, explained in snmp_family.py. Reading only: there
is no SET in the agent.

Nothing at all is a ProbeError (timeout). A device that answers but has none of the family's objects is not_supported.
One that stops in the middle keeps what it said; the rest of its readings is None with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, number, text
from roundsman_agent.snmp_family import ROWS_LIMIT, Family, Talk, below, families, family, names, read
from roundsman_agent.snmp_session import AUTH, PRIV, Bound, PduError, Session, V2cSession, V3Session, V3User

__all__ = ["probe"]

AUTO: Final = "auto"
OBJECTS_AT_ONCE: Final = 10
REPETITIONS: Final = 20
"""Rows of one GETBULK: small devices choke on more."""


def fetch(settings: Mapping[str, object]) -> Talk:
    """One visit to one device, over at its deadline."""
    deadline = time.monotonic() + number(settings, "timeout_s")
    with _session(settings, deadline) as session:
        plan = _identified(session, text(settings, "family"), text(settings, "host"))
        answers: dict[str, Bound] = {}
        stumbled: dict[str, str] = {}
        cut: tuple[str, str] | None = None
        try:
            objects = plan.objects()
            for start in range(0, len(objects), OBJECTS_AT_ONCE):
                _get(session, objects[start : start + OBJECTS_AT_ONCE], answers, stumbled)
            for column in plan.columns():
                _walk(session, column, int(number(settings, "repetitions")), answers, stumbled)
        except ProbeError as error:
            if not answers:
                raise
            cut = (error.code, error.detail)
    return Talk(family=plan.name, answers=answers, stumbled=stumbled, cut=cut)


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
        return [oid for oid, _ in session.next(roots)]
    except PduError:
        # An old device refuses the whole request for one object that has no successor: ask one by one.
        found: list[str] = []
        for root in roots:
            try:
                found += [oid for oid, _ in session.next([root])]
            except PduError:
                continue
        return found


def _get(session: Session, oids: Sequence[str], answers: dict[str, Bound], stumbled: dict[str, str]) -> None:
    """Get the objects; an object over which the device stumbles is noted, and must not cost us the others."""
    try:
        heard = session.get(oids)
    except PduError as error:
        if len(oids) == 1:
            stumbled[oids[0]] = str(error)
        else:
            # By halves, and not by the error index: some agents name the wrong object (snmpsim does).
            _get(session, oids[: len(oids) // 2], answers, stumbled)
            _get(session, oids[len(oids) // 2 :], answers, stumbled)
        return
    answers.update({oid: heard[oid] for oid in oids if oid in heard})


def _walk(session: Session, column: str, repetitions: int, answers: dict[str, Bound], stumbled: dict[str, str]) -> None:
    """Walk one column: to its end, to ROWS_LIMIT, or until the device repeats itself."""
    last, rows = column, 0
    while rows < ROWS_LIMIT:
        try:
            heard = session.bulk(last, min(repetitions, ROWS_LIMIT - rows))
        except PduError as error:
            stumbled[column] = str(error)
            return
        if not heard:
            return
        for oid, value in heard[: ROWS_LIMIT - rows]:
            if not below(oid, column) or _parts(oid) <= _parts(last):
                return
            answers[oid] = value
            last, rows = oid, rows + 1


def _parts(oid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in oid.split("."))


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
)
