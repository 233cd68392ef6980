"""Must of the project: 40 SNMP devices of 50 objects each, 10 of them dead, are read in ten seconds and delay nobody.

The agent's own threads (isolate.py), its own probe with its own defaults, UDP on loopback. The devices are one thread
that answers by pysnmp's codec from hand-written UPS-MIB values; a request that is not a read fails the test.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from roundsman_agent.isolate import Isolation, Outcome
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_ber import Bound
from tests.agent.probes.snmprec import Recorded

DEVICES, DEAD = 40, 10
UPS = "1.3.6.1.2.1.33.1"

LINES = range(1, 8)
OBJECTS = {
    **{f"{UPS}.1.{n}.0": 0 for n in range(1, 7)},
    **{f"{UPS}.2.{n}.0": value for n, value in enumerate((2, 0, 34, 100, 1092, 0, 25), 1)},
    **{f"{UPS}.3.{n}.0": value for n, value in ((1, 7), (2, len(LINES)))},
    **{f"{UPS}.3.3.1.{column}.{line}": value for column, value in ((2, 500), (3, 231), (4, 0)) for line in LINES},
    **{f"{UPS}.4.{n}.0": value for n, value in ((1, 3), (2, 500), (3, len(LINES)))},
    **{
        f"{UPS}.4.4.1.{column}.{line}": value
        for column, value in ((1, 1), (2, 230), (3, 35), (4, 760), (5, 38))
        for line in LINES
    },
    f"{UPS}.6.1.0": 0,
    f"{UPS}.7.3.0": 1,
    **{f"{UPS}.9.{n}.0": 0 for n in range(1, 8)},
}


class Fleet:
    """Many UPS behind one thread; the dead ones hear and say nothing. `wrong` is what was asked that is no read."""

    def __init__(self) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(DEVICES)]
        for one in self._sockets:
            one.bind(("127.0.0.1", 0))
        self.ports: list[int] = [one.getsockname()[1] for one in self._sockets]
        self.wrong: list[str] = []
        self._talk = Recorded({oid: Bound("integer", value) for oid, value in OBJECTS.items()})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            for one in select.select(self._sockets[DEAD:], [], [], 0.05)[0]:
                asked, peer = one.recvfrom(65535)
                one.sendto(self._answer(asked), peer)

    def _answer(self, asked: bytes) -> bytes:
        message, _ = decoder.decode(asked, asn1Spec=v2c.Message())
        request = v2c.apiMessage.get_pdu(message)
        kind = type(request).__name__
        oids = [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(request)]
        if kind == "GetRequestPDU":
            found = list(self._talk.get(oids).items())
        elif kind == "GetNextRequestPDU":
            found = self._talk.next(oids)
        else:
            found = self._talk.bulk(oids, int(request[2])) if kind == "GetBulkRequestPDU" else []
            self.wrong += [] if found else [kind]
        response = v2c.GetResponsePDU()
        v2c.apiPDU.set_defaults(response)
        v2c.apiPDU.set_request_id(response, v2c.apiPDU.get_request_id(request))
        none = v2c.NoSuchObject("")
        v2c.apiPDU.set_varbinds(
            response, [(oid, none if value is None else v2c.Integer(value.value)) for oid, value in found]
        )
        v2c.apiMessage.set_pdu(message, response)
        encoded: bytes = encoder.encode(message)
        return encoded

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        for one in self._sockets:
            one.close()


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.mark.slow
def test_forty_devices_of_fifty_objects_ten_of_them_dead_take_less_than_ten_seconds_and_delay_nobody(
    fleet: Fleet,
) -> None:
    isolation = Isolation()
    began = time.monotonic()

    def read(port: int) -> tuple[int, Answer]:
        settings = complete(snmp.probe, {"host": "127.0.0.1", "port": port})
        talk = snmp.fetch(settings)
        return len(talk.answers), snmp.parse(talk, settings)

    for number, port in enumerate(fleet.ports):
        isolation.start(f"ups-{number}/snmp", lambda p=port: read(p), now=0, timeout_ms=10_000)  # type: ignore[misc]
    isolation.start("kiosk-7/host", lambda: "at once", now=0, timeout_ms=10_000)
    ended: dict[str, tuple[float, Outcome]] = {}
    while len(ended) < DEVICES + 1 and time.monotonic() - began < 12:
        isolation.sleep(0.2)
        for outcome in isolation.collect(int((time.monotonic() - began) * 1000)):
            ended[outcome.key] = (time.monotonic() - began, outcome)
    isolation.close()

    assert len(ended) == DEVICES + 1
    assert max(at for at, _ in ended.values()) < 10
    assert ended["kiosk-7/host"][0] < 1
    living = [ended[f"ups-{number}/snmp"] for number in range(DEAD, DEVICES)]
    assert max(at for at, _ in living) < 5
    for _, outcome in living:
        assert outcome.error is None
        objects, answer = outcome.value
        assert objects >= 50
        assert (answer.readings["ups.load_percent"], answer.readings["output[7].watts"]) == (38, 760)
    for number in range(DEAD):
        error = ended[f"ups-{number}/snmp"][1].error
        assert isinstance(error, ProbeError) and error.code == "timeout"
    assert fleet.wrong == []
