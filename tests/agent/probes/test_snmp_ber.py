"""The codec of SNMP version 2c says and reads what pysnmp's does, and bears whatever a device sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from roundsman_agent import snmp_ber
from roundsman_agent.snmp_ber import Bound

PARTS = st.lists(st.integers(0, 2**32 - 1), max_size=20)
OIDS = st.one_of(
    st.builds(lambda a, b, rest: ".".join(map(str, (a, b, *rest))), st.integers(0, 1), st.integers(0, 39), PARTS),
    st.builds(lambda b, rest: ".".join(map(str, (2, b, *rest))), st.integers(0, 2**20), PARTS),
)
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda n: (v2c.Integer32(n), Bound("integer", n))),
    st.integers(0, 2**32 - 1).map(lambda n: (v2c.Gauge32(n), Bound("gauge", n))),
    st.integers(0, 2**32 - 1).map(lambda n: (v2c.Counter32(n), Bound("counter", n))),
    st.integers(0, 2**32 - 1).map(lambda n: (v2c.TimeTicks(n), Bound("timeticks", n))),
    st.integers(0, 2**64 - 1).map(lambda n: (v2c.Counter64(n), Bound("counter", n))),
    st.binary(max_size=300).map(lambda b: (v2c.OctetString(b), Bound("octets", b))),
    st.binary(min_size=4, max_size=4).map(lambda b: (v2c.IpAddress(b), Bound("ip", ".".join(map(str, b))))),
    OIDS.map(lambda oid: (v2c.ObjectIdentifier(oid), Bound("oid", oid))),
    st.sampled_from([v2c.Null(""), v2c.NoSuchObject(""), v2c.NoSuchInstance(""), v2c.EndOfMibView("")]).map(
        lambda none: (none, None)
    ),
)


def answered(pairs: list[tuple[str, Any]], number: int = 7, status: int = 0, community: str = "public") -> bytes:
    """The answer of a device, as pysnmp writes it."""
    response = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(response)
    v2c.apiPDU.set_request_id(response, number)
    v2c.apiPDU.set_error_status(response, status)
    v2c.apiPDU.set_varbinds(response, pairs)
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, community)
    v2c.apiMessage.set_pdu(message, response)
    encoded: bytes = encoder.encode(message)
    return encoded


@given(st.lists(st.tuples(OIDS, VALUES), max_size=8), st.integers(-(2**31), 2**31 - 1), st.integers(0, 18))
def test_what_pysnmp_answers_is_read(objects: list[tuple[str, Any]], number: int, status: int) -> None:
    data = answered([(oid, theirs) for oid, (theirs, _) in objects], number, status)

    assert snmp_ber.answer(data) == (number, status, [(oid, ours) for oid, (_, ours) in objects])


@given(st.lists(OIDS, min_size=1, max_size=70), st.integers(0, 2**31 - 1), st.text(max_size=40))
def test_what_is_asked_is_read_by_pysnmp(oids: list[str], number: int, community: str) -> None:
    message, rest = decoder.decode(snmp_ber.request(snmp_ber.GET, number, community, oids), asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)

    assert not rest
    assert pdu.isSameTypeWith(v2c.GetRequestPDU())
    assert bytes(v2c.apiMessage.get_community(message)) == community.encode()
    assert int(v2c.apiPDU.get_request_id(pdu)) == number
    assert [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)] == oids


def test_a_bulk_request_says_how_many_rows() -> None:
    message, _ = decoder.decode(snmp_ber.request(snmp_ber.BULK, 1, "public", ["1.3.6"], 20), asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)

    assert pdu.isSameTypeWith(v2c.GetBulkRequestPDU())
    assert int(v2c.apiBulkPDU.get_non_repeaters(pdu)) == 0
    assert int(v2c.apiBulkPDU.get_max_repetitions(pdu)) == 20


@given(st.binary(max_size=200))
def test_bytes_that_are_no_answer_are_a_value_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError):
        snmp_ber.answer(data)


@given(st.data())
def test_an_answer_damaged_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(answered([("1.3.6.1.2.1.33.1.2.1.0", v2c.Integer(2)), ("1.3.6.1.4.1", v2c.OctetString(b"abc"))]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])

    try:
        found = snmp_ber.answer(damaged)
    except ValueError:
        return
    assert all(oid.count(".") < snmp_ber.OID_LIMIT for oid, _ in found.bindings)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x81", b"\x2b" + b"\x01" * 1000, b"\x2b\xff\xff\xff\xff\xff\x7f", b"\x2b" + b"\x01" * 128],
    ids=["empty", "without an end", "a thousand numbers", "a number beyond 32 bits", "one number too many"],
)
def test_a_name_that_cannot_be_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        snmp_ber._dotted(content)


def test_a_counter_without_its_leading_zero_is_still_unsigned() -> None:
    assert snmp_ber._value(0x41, b"\xff\xff\xff\xff") == Bound("counter", 2**32 - 1)


@pytest.mark.parametrize("oid", ["", "1", "1.40", "3.1", "1.3.-6", "1.3.x"])
def test_what_is_no_oid_is_not_asked(oid: str) -> None:
    with pytest.raises(ValueError):
        snmp_ber.request(snmp_ber.GET, 1, "public", [oid])
