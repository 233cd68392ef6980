"""A unit's state as text: it comes back as it was, an old one is read, a strange one is refused."""

import json

import pytest

from roundsman_collector.core.model import (
    Accounted,
    Condition,
    DeviceState,
    Flap,
    Piece,
    Poll,
    Ref,
    Span,
    Thinned,
    Track,
    UnitState,
    newborn,
)
from roundsman_collector.core.state import dump, load

REF = Ref("k7-1", 3, 1_795_257_600_000)
FAULT = Condition("kiosk-7", "printer", "printer.jam", 1, None, REF, REF, "", "down", "receipts", "", True)
DEVICE = DeviceState(
    "kiosk-7",
    True,
    180_000,
    5,
    6,
    True,
    7,
    (Piece(1, None, "answered", ""),),
    (FAULT,),
    (Track("printer.jam", "printer", True, REF),),
    Poll(REF, 9),
    False,
    (Flap("printer.jam", "printer", 5, 6, True),),
    17,
    (17, 18),
)
STATE = UnitState(
    "kiosk-7",
    5,
    "k7-1",
    3,
    "b1",
    "77aa01",
    180_000,
    False,
    (DEVICE,),
    (Span(1, 2, "off"),),
    (Accounted(4, 5, True),),
    (Thinned(1, 9, 600),),
)


@pytest.mark.parametrize("state", [STATE, newborn("kiosk-7"), STATE._replace(devices=(DEVICE._replace(pending=None),))])
def test_a_state_comes_back_as_it_was(state: UnitState) -> None:
    assert load(dump(state)) == state


def test_the_order_of_devices_does_not_show() -> None:
    other = DEVICE._replace(device="bus-31")

    assert dump(STATE._replace(devices=(DEVICE, other))) == dump(STATE._replace(devices=(other, DEVICE)))


def test_a_state_of_before_there_were_effects_is_read_with_nothing_in_the_newer_fields() -> None:
    form, body = json.loads(dump(STATE))
    *head, devices, spans, accounted, _ = body
    old = [[*device[:8], [fault[:8] for fault in device[8]], *device[9:12]] for device in devices]

    found = load(json.dumps([form - 1, [*head, old, spans, accounted]]))

    bare = FAULT._replace(effect="", function="", flapping=False)
    assert found == STATE._replace(
        thinned=(), devices=(DEVICE._replace(faults=(bare,), flaps=(), booted_ms=0, boots=()),)
    )


def test_a_state_of_a_newer_program_is_refused() -> None:
    with pytest.raises(ValueError, match="format 99"):
        load(json.dumps([99, []]))
