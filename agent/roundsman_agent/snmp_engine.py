"""SNMP version 3 through pysnmp: one engine for all devices of a user, which rests while nobody asks.

    engine = shared()
    with engine.awake():                                   a visit; the engine runs while there is one
        engine.ask(target, "get", oids, deadline=...)      -> (error status, objects)

An engine costs 65 ms to make and learns, of every device, its id and its clock, and for every password a key that is a
megabyte of hashing: so it is kept. But an engine whose event loop runs burns 1.75 s of CPU a minute with ticking
alone. So the loop, in a thread of its own, runs from the first visit's beginning to the last one's end and no longer.

RFC 3414 names users by their name alone, so two devices whose users have one name and two passwords cannot share an
engine of pysnmp. There is one per user (name and passwords); all of them share the loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.error import PySnmpError
from pysnmp.proto.api import v2c

from roundsman_agent.probe import ProbeError
from roundsman_agent.snmp_ber import OID_LIMIT, Bound
from roundsman_agent.snmp_session import Bindings, V3User

log = logging.getLogger("roundsman.agent")

AUTH: Final = {
    "none": config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
PRIV: Final = {
    "none": config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES,
    "aes256": config.USM_PRIV_CFB256_AES,
}
VERBS: Final = {
    "get": cmdgen.GetCommandGenerator,
    "next": cmdgen.NextCommandGeneratorSingleRun,
    "bulk": cmdgen.BulkCommandGeneratorSingleRun,
}

# pysnmp's class of a value -> the word for its type that families and recordings use. NoSuchObject and its kin are not
# in the table: they are no value.
TYPES: Final = {
    "Integer": "integer",
    "Integer32": "integer",
    "OctetString": "octets",
    "ObjectIdentifier": "oid",
    "IpAddress": "ip",
    "Counter32": "counter",
    "Gauge32": "gauge",
    "Unsigned32": "gauge",
    "TimeTicks": "timeticks",
    "Counter64": "counter",
    "Opaque": "opaque",
    "Bits": "octets",
}

# What pysnmp's engine complains of -> our code. Anything else is an answer that makes no sense.
CODES: Final = {
    "RequestTimedOut": "timeout",
    "UnknownSecurityName": "bad_credentials",
    "NotInTimeWindow": "bad_credentials",
    "WrongDigest": "bad_credentials",
    "AuthenticationFailure": "bad_credentials",
    "AuthenticationError": "bad_credentials",
    "UnknownUserName": "bad_credentials",
    "UnsupportedSecurityLevel": "bad_credentials",
    "DecryptionError": "bad_credentials",
    "EncryptionError": "bad_setting",
    "UnsupportedAuthProtocol": "bad_setting",
    "UnsupportedPrivProtocol": "bad_setting",
    "NoEncryption": "bad_setting",
    "NoSuchContext": "bad_setting",
    "NoAccessEntry": "permission",
    "NotInView": "permission",
}


class Target(NamedTuple):
    """A device as the engine knows it; `where` is for people."""

    where: str
    host: str
    port: int
    user: V3User
    try_s: float
    tries: int


@cache
def shared() -> Engine:
    """The one that all visits of this process use."""
    return Engine()


class Engine:
    """See the module. Visits come from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits = 0
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._of: dict[str, SnmpEngine] = {}
        self._known: set[tuple[str, str]] = set()

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Keep the loop running for a visit."""
        with self._lock:
            self._visits += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop.run_forever, name="snmp", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._visits -= 1
                if not self._visits and self._thread is not None:
                    self._loop.call_soon_threadsafe(self._loop.stop)
                    self._thread.join()
                    self._thread = None

    def ask(
        self, target: Target, verb: str, oids: Sequence[str], repetitions: int, *, deadline: float
    ) -> tuple[int, Bindings]:
        """The error status and the objects of the answer, within `awake`; ProbeError when there is none."""
        answer: Future[tuple[Any, Any, Any]] = asyncio.run_coroutine_threadsafe(
            self._asked(target, verb, oids, repetitions, deadline), self._loop
        )
        indication, status, pairs = answer.result()
        if indication is not None:
            raise ProbeError(CODES.get(type(indication).__name__, "bad_answer"), f"{target.where}: {indication}")
        return int(status), [(str(oid), _plain(value)) for oid, value in pairs if len(oid) <= OID_LIMIT]

    async def _asked(
        self, target: Target, verb: str, oids: Sequence[str], repetitions: int, deadline: float
    ) -> tuple[Any, Any, Any]:
        heard_of: asyncio.Future[tuple[Any, Any, Any]] = asyncio.get_running_loop().create_future()

        def heard(_engine: Any, _handle: Any, indication: Any, status: Any, _index: Any, pairs: Any, _any: Any) -> None:
            if not heard_of.done():
                heard_of.set_result((indication, status, pairs))

        counts = (0, repetitions) if verb == "bulk" else ()
        pairs = [(v2c.ObjectIdentifier(oid), v2c.null) for oid in oids]
        try:
            engine, name = self._prepared(target)
            VERBS[verb]().send_varbinds(engine, name, None, target.user.context, *counts, pairs, heard)
            return await asyncio.wait_for(heard_of, max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise ProbeError("timeout", f"{target.where}: no answer") from error
        except PySnmpError as error:
            # Also what a cipher without its library says: privacy needs the package "cryptography".
            raise ProbeError("bad_setting", f"{target.where}: user {target.user.name!r}: {error}") from error

    def _prepared(self, target: Target) -> tuple[SnmpEngine, str]:
        """The engine of the target's user and the target's name in it; runs in the loop."""
        user = target.user
        # Not the passwords themselves: what stands in a table may be printed one day.
        secret = hashlib.sha256(
            repr((user.name, user.auth, user.auth_password, user.priv, user.priv_password)).encode()
        )
        key = secret.hexdigest()
        if key not in self._of:
            engine = SnmpEngine()
            auth, priv = AUTH[user.auth], PRIV[user.priv]
            config.add_v3_user(engine, user.name, auth, user.auth_password or None, priv, user.priv_password or None)
            level = "noAuthNoPriv" if user.auth == "none" else "authNoPriv" if user.priv == "none" else "authPriv"
            config.add_target_parameters(engine, "parameters", user.name, level)
            self._of[key] = engine
        engine = self._of[key]
        carrier, transport = (udp6, udp6.Udp6AsyncioTransport) if ":" in target.host else (udp, udp.UdpAsyncioTransport)
        if (key, carrier.__name__) not in self._known:
            config.add_transport(engine, carrier.DOMAIN_NAME, transport().open_client_mode())
            self._known.add((key, carrier.__name__))
        name = f"{target.host} {target.port} {target.try_s} {target.tries}"
        if (key, name) not in self._known:
            # Hundredths of a second; the engine retries by itself.
            wait, more = max(1, int(target.try_s * 100)), target.tries - 1
            address = (target.host, target.port)
            config.add_target_address(engine, name, carrier.DOMAIN_NAME, address, "parameters", wait, more)
            self._known.add((key, name))
        return engine, name


def _plain(value: object) -> Bound | None:
    """A value of pysnmp as one of ours; None for noSuchObject and its kin."""
    kind = TYPES.get(type(value).__name__)
    if kind in ("octets", "opaque"):
        return Bound(kind, bytes(value))  # type: ignore[call-overload]
    if kind == "ip":
        return Bound(kind, ".".join(str(part) for part in bytes(value)))  # type: ignore[call-overload]
    if kind == "oid":
        return Bound(kind, str(value))
    return None if kind is None else Bound(kind, int(value))  # type: ignore[call-overload]


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What pysnmp stumbles over in a datagram that nobody asked for; the visit it was meant for times out."""
    log.debug("snmp: %s: %r", context.get("message"), context.get("exception"))
