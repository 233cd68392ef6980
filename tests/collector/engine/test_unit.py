"""What is remembered of an agent: packed while it is idle, and the same when it is unpacked."""

from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.dating import Base
from roundsman_collector.core.model import Condition, DeviceState, Piece, Poll, Ref, Span, Spec, UnitState
from roundsman_collector.engine.unit import PACKED_DEVICES, Memory, Newest, Unit, memory_of, pack, text_of, unpack
from roundsman_wire.ranges import RangeSet
from tests.collector.core.desk import START

TIMES = st.integers(0, 2**53)
NAMES = st.text(max_size=12)
FAULT = Condition("nvr-2", "host", "host.unreachable", 1, None, Ref("s", 1, 1), Ref("s", 1, 1))
TROUBLES = ({"faults": (FAULT,)}, {"pending": Poll(Ref("s", 1, 1), 2)}, {"pieces": ()})


@st.composite
def devices(draw: st.DrawFn) -> DeviceState:
    piece = Piece(draw(TIMES), draw(st.none() | TIMES), draw(NAMES), draw(NAMES))
    head = (draw(NAMES), draw(st.booleans()), *(draw(TIMES) for _ in range(3)))
    times = (draw(st.booleans()), draw(TIMES))
    device = DeviceState(*head, *times, (piece,), (), (), None, draw(st.booleans()), (), draw(TIMES))
    device = device._replace(boots=tuple(draw(st.lists(TIMES, max_size=3))))
    return device._replace(**draw(st.sampled_from(({}, {}, {}, *TROUBLES))))


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    state = UnitState(
        "gw-2",
        draw(TIMES),
        draw(NAMES),
        draw(TIMES),
        draw(NAMES),
        draw(NAMES),
        draw(TIMES),
        draw(st.booleans()),
        tuple(draw(st.lists(devices(), max_size=PACKED_DEVICES + 1))),
        tuple(draw(st.lists(st.just(Span(1, 2, "off")), max_size=1))),
        (),
    )
    born = Spec(state.birth, tuple(one[:3] for one in state.devices))
    ranges = st.lists(st.tuples(st.integers(1, 50), st.integers(50, 99)), max_size=2).map(RangeSet)
    is_usual = draw(st.booleans())
    return Memory(
        state=state,
        streams={state.stream: RangeSet.just(state.n)}
        if is_usual
        else draw(st.dictionaries(NAMES, ranges, max_size=2)),
        bases=draw(st.dictionaries(NAMES, st.builds(Base, TIMES, TIMES, TIMES), max_size=0 if is_usual else 2)),
        specs={state.birth: born} if is_usual else {born.hash + "x": born._replace(hash=born.hash + "x")},
        unsynced=tuple(draw(st.lists(NAMES, max_size=0 if is_usual else 2))),
        undated=(),
        unborn_from_ms=draw(st.none() | TIMES),
        session=draw(TIMES),
        online=draw(st.booleans()),
        newest=tuple(Newest(one.device, draw(TIMES), draw(TIMES), draw(TIMES)) for one in state.devices),
    )


@given(memories())
def test_what_is_packed_is_the_same_when_it_is_unpacked(memory: Memory) -> None:
    unit = Unit(7, "gw-2")

    unit.memory = memory

    assert unit.memory == memory
    assert [type(one) for one in unit.memory.state.devices] == [DeviceState] * len(memory.state.devices)


@given(memories())
def test_the_row_of_a_unit_brings_back_all_but_where_its_newest_readings_stand(memory: Memory) -> None:
    names = [one.device for one in memory.state.devices]
    by_name = memory.state._replace(devices=tuple(sorted(memory.state.devices, key=lambda one: one.device)))

    found = memory_of(text_of(memory), "gw-2")

    if len(set(names)) == len(names):
        assert found == memory._replace(newest=(), state=by_name)


def idle(name: str) -> Memory:
    device = DeviceState(
        *(name, True, 600_000, START, START + 90_000, True, START + 90_000),
        *((Piece(START, None, "answered", ""),), (), (), None, False),
    )
    state = UnitState(name, START, f"{name}-3f9c", 4711, "b41e7c02", "9a41c2", 600_000, False, (device,), (), ())
    spec = Spec("9a41c2", ((name, True, 600_000),))
    return Memory(state, {state.stream: RangeSet.just(4711)}, {}, {"9a41c2": spec}, (), (), None, 1, True, ())


def test_an_idle_kiosk_takes_less_than_200_bytes() -> None:
    packed = pack(idle("kiosk-7"))

    assert isinstance(packed, bytes)
    assert len(packed) < 200


def test_a_unit_with_a_fault_is_kept_as_it_is() -> None:
    memory = idle("kiosk-7")
    device = memory.state.devices[0]._replace(faults=(FAULT,))
    troubled = memory._replace(state=memory.state._replace(devices=(device,)))

    assert pack(troubled) is troubled


def test_unpacking_gives_an_agent_back_its_own_name() -> None:
    packed = pack(idle("kiosk-7"))

    assert isinstance(packed, bytes)
    assert unpack("kiosk-7", packed).state.agent == "kiosk-7"


def test_who_speaks_for_many_devices_finds_them_in_a_set() -> None:
    unit = Unit(7, "gw-2")

    unit.speak_for(["gw-2", "nvr-2"])
    few = unit.devices
    unit.speak_for(f"cam-{i}" for i in range(100))

    assert few == ("gw-2", "nvr-2")
    assert isinstance(unit.devices, frozenset) and "cam-99" in unit.devices
