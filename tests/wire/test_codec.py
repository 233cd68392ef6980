"""Bytes <-> messages: every coding round, every damage a CodecError, nothing larger than the limit."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_wire import codec
from roundsman_wire.codec import CodecError
from roundsman_wire.report import MESSAGE_LIMIT, PLAIN_LIMIT

BIRTH = "9b0c44"
DEVICES: Any = [
    {"device": "kiosk-7", "kind": "kiosk", "period_s": 60, "valid_s": 90, "arrive_by_s": 180},
    {"device": "ups-2", "kind": "ups", "period_s": 60, "valid_s": 90, "arrive_by_s": 180},
]
DICTIONARY = codec.birth_dictionary(DEVICES, ["printer.paper", "host.cpu_percent"])

values = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60) | st.text(max_size=5)
)
failures = st.dictionaries(st.text(min_size=1, max_size=5), st.tuples(st.text(), st.text()).map(list), max_size=2)


@st.composite
def runs(draw: st.DrawFn) -> list[Any]:
    """Samples of one device with the same readings, numbers rising by one."""
    points = draw(st.lists(st.text(min_size=1, max_size=6), max_size=4, unique=True))
    first = draw(st.integers(1, 2**50))
    head: dict[str, Any] = {"boot": "b41e", "device": "kiosk-7", "valid_s": draw(st.sampled_from([90, 1.5]))}
    if draw(st.booleans()):
        head["ntp"] = draw(st.booleans())
    samples = []
    for i in range(draw(st.integers(1, 5))):
        sample = {
            "n": first + i,
            "kind": "sample",
            **head,
            "mono": draw(st.integers(0, 2**50)),
            "t": draw(st.integers()),
        }
        sample["readings"] = {name: draw(values) for name in points}
        if failed := draw(failures):
            sample["failed"] = failed
        samples.append(sample)
    return samples


def refused(payload: bytes, **more: Any) -> str:
    with pytest.raises(CodecError) as caught:
        codec.unpack(payload, **more)
    return caught.value.cause


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_a_person_can_read_what_is_written() -> None:
    assert codec.encode({"v": 1, "name": "缺纸"}) == '{"v":1,"name":"缺纸"}'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.encode({"readings": {"host.cpu_percent": value}})


def test_a_file_name_that_is_not_utf8_does_not_block_the_queue() -> None:
    name = b"disk[/mnt/\xff].free_mb".decode("utf-8", "surrogateescape")

    assert codec.encode({name: 7}) == b'{"disk[/mnt/?].free_mb":7}'
    assert codec.canonical({name: 7}) == b'{"disk[/mnt/?].free_mb":7}'


def test_equal_values_are_the_same_bytes_in_canonical_form() -> None:
    assert codec.canonical({"b": 1, "a": [{"d": 2, "c": 3}]}) == codec.canonical({"a": [{"c": 3, "d": 2}], "b": 1})


def test_the_hash_of_a_birth_names_what_it_says_of_devices() -> None:
    one = codec.birth_hash(DEVICES, "5d0c71")

    assert one == codec.birth_hash([dict(reversed(device.items())) for device in DEVICES], "5d0c71")  # type: ignore[misc]
    assert len({one, codec.birth_hash(DEVICES[:1], "5d0c71"), codec.birth_hash(DEVICES, "other")}) == 3
    assert len(bytes.fromhex(one)) == 3


# --- content coding --------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=9), values, max_size=20), st.sampled_from(["plain", "deflate", "dictionary"]))
def test_every_coding_gives_back_what_was_written(message: dict[str, Any], coding: str) -> None:
    plain = codec.encode(message)
    payloads = {"plain": plain, "deflate": codec.pack(plain), "dictionary": codec.pack(plain, DICTIONARY, BIRTH)}

    assert codec.unpack(payloads[coding], {BIRTH: DICTIONARY}) == plain


def test_the_dictionary_of_a_birth_makes_a_report_smaller() -> None:
    plain = codec.encode(
        {"v": 1, "stream": "k7", "birth": BIRTH, "columns": [{"device": "kiosk-7", "points": ["printer.paper"]}]}
    )

    assert len(codec.pack(plain, DICTIONARY, BIRTH)) < len(codec.pack(plain)) / 1.5


def test_a_dictionary_is_never_larger_than_what_deflate_can_look_back() -> None:
    many: Any = [{"device": f"kiosk-{i}"} for i in range(10_000)]

    dictionary = codec.birth_dictionary(many, ["温度"] * 1000)

    assert len(dictionary) == 32_768
    assert dictionary.endswith(b'"no answer"}}}]}')


@pytest.mark.parametrize("birth", ["", "9b0c", "9b0c4455", "xyz"])
def test_a_birth_that_is_not_six_hex_digits_cannot_name_a_dictionary(birth: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        codec.pack(b"{}", DICTIONARY, birth)


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b"", "coding"),
        (b" {}", "coding"),
        (b"[]", "coding"),
        (b"\xff{}", "coding"),
        (b"\x00", "coding"),
        (b"\x01", "coding"),
        (b"\x01not deflate", "coding"),
        (b"\x02", "coding"),
        (b"\x02\x9b\x0c", "coding"),
        (b"\x02\x00\x00\x00rest", "no_dictionary"),
        (b"{" * (MESSAGE_LIMIT + 1), "too_large"),
    ],
)
def test_bytes_that_are_no_message_are_refused(payload: bytes, cause: str) -> None:
    assert refused(payload) == cause


@pytest.mark.parametrize("cut", range(1, 60))
def test_deflated_data_that_ends_early_is_refused_wherever_it_is_cut(cut: int) -> None:
    payload = codec.pack(codec.encode({"v": 1, "stream": "k7-3f9c", "sent": {"boot": "b41e", "mono": 7, "wall": 9}}))
    assert len(payload) > 60

    assert refused(payload[:cut]) == "coding"


def test_data_that_goes_on_behind_its_end_is_refused() -> None:
    assert refused(codec.pack(b"{}") + b"more") == "coding"


def test_the_wrong_dictionary_never_goes_unnoticed_as_another_length() -> None:
    payload = codec.pack(b'{"device":"kiosk-7"}', DICTIONARY, BIRTH)

    assert refused(payload, dictionaries={"000000": DICTIONARY}) == "no_dictionary"


def test_a_message_of_exactly_the_limit_comes_through() -> None:
    plain = b"{" + b" " * (PLAIN_LIMIT - 2) + b"}"

    assert codec.unpack(codec.pack(plain)) == plain


@pytest.mark.parametrize("more", [1, 2, 1024, 50 * PLAIN_LIMIT])
def test_a_bomb_does_not_go_off(more: int) -> None:
    payload = codec.pack(b"{" + b" " * (PLAIN_LIMIT - 1 + more))
    assert len(payload) < MESSAGE_LIMIT

    assert refused(payload) == "too_large"


def test_a_bomb_in_many_empty_blocks_does_not_go_off() -> None:
    empty_block = b"\x00\x00\x00\xff\xff"

    assert refused(b"\x01" + empty_block * 20_000) == "coding"


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x01", b"\x02", b"\x02\x9b\x0c\x44", b"{"]))
def test_whatever_bytes_come_they_are_unpacked_or_refused(rest: bytes, first: bytes) -> None:
    try:
        assert len(codec.unpack(first + rest, {BIRTH: DICTIONARY})) <= PLAIN_LIMIT
    except CodecError as error:
        assert error.cause in ("too_large", "coding", "no_dictionary")


@given(st.data())
def test_one_damaged_byte_is_noticed_or_harmless_but_never_a_crash(data: st.DataObject) -> None:
    payload = bytearray(codec.pack(codec.encode({"v": 1, "readings": {"printer.paper": "near_end"}})))
    payload[data.draw(st.integers(1, len(payload) - 1))] = data.draw(st.integers(0, 255))

    try:
        codec.unpack(bytes(payload))
    except CodecError as error:
        assert error.cause in ("coding", "too_large")


# --- rows and columns ------------------------------------------------------------------------------------------------


@given(runs())
def test_folding_and_unfolding_gives_the_same_samples(samples: list[Any]) -> None:
    block = json.loads(json.dumps(codec.columns(samples)))

    assert codec.unfold(block) == samples
    assert codec.misfolded(block) is None


@given(runs(), runs())
def test_rows_are_all_records_of_a_report_by_number(one: list[Any], other: list[Any]) -> None:
    for i, sample in enumerate(one):
        sample["n"] = 2**52 + i
    report: Any = {"records": one[::-1], "columns": [codec.columns(other)]}

    assert codec.rows(report) == sorted([*one, *other], key=lambda sample: sample["n"])


def test_rows_stand_by_number_where_there_are_no_columns() -> None:
    report: Any = {"records": [{"n": 3}, {"n": 1}, {"n": 2}]}

    assert [record["n"] for record in codec.rows(report)] == [1, 2, 3]
    assert codec.rows({}) == []  # type: ignore[typeddict-item]


@given(runs())
def test_what_may_be_folded_is_what_unfolds_to_itself(samples: list[Any]) -> None:
    for one, other in pairwise(samples):
        assert codec.foldable(one, other)
        assert not codec.foldable(other, one)


@pytest.mark.parametrize(
    "change",
    [
        {"n": 9},
        {"device": "nvr-2"},
        {"boot": "other"},
        {"valid_s": 30},
        {"ntp": False},
        {"readings": {"printer.cover": "open"}},
        {"readings": {"b": 1, "a": 1}},
        {"kind": "boot"},
    ],
)
def test_samples_that_differ_in_more_than_their_values_are_not_folded(change: dict[str, Any]) -> None:
    one: Any = {"n": 1, "kind": "sample", "boot": "b", "device": "kiosk-7", "valid_s": 90, "readings": {"a": 1, "b": 1}}

    assert codec.foldable(one, {**one, "n": 2})
    assert not codec.foldable(one, {**one, "n": 2, **change})


BLOCK: dict[str, Any] = {
    "device": "kiosk-7",
    "n": [201, 202],
    "boot": "b41e",
    "mono": [1, 2],
    "t": [1, 2],
    "valid_s": 90,
    "points": ["a.b", "c.d"],
    "values": [[1, 2], [3, 4]],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": [201, 203]}, r"n 201\.\.203 asks for 3 rows; mono has 2, t 2, values 2"),
        ({"n": [202, 201]}, "does not run upwards"),
        ({"n": [2, 1], "mono": [], "t": [], "values": []}, "does not run upwards"),
        ({"mono": [1]}, "mono has 1"),
        ({"t": [1, 2, 3]}, "t 3"),
        ({"values": [[1, 2]]}, "values 1"),
        ({"values": [[1, 2], [3]]}, "row 1 has 1 values for 2 points"),
        ({"values": [[1, 2, 3], [3, 4]]}, "row 0 has 3 values for 2 points"),
        ({"points": ["a.b", "a.b"]}, "a point stands twice"),
    ],
)
def test_columns_whose_lists_disagree_are_refused(change: dict[str, Any], said: str) -> None:
    block: Any = {**BLOCK, **change}

    with pytest.raises(CodecError, match=said) as caught:
        codec.unfold(block)

    assert caught.value.cause == "columns"
    assert "kiosk-7" in str(caught.value)


def test_folding_makes_a_batch_smaller() -> None:
    samples: Any = [
        {"n": i, "kind": "sample", "boot": "b41e", "mono": i, "t": i, "device": "kiosk-7", "valid_s": 90,
         "readings": {f"disk[{d}].used_percent": 71.2 for d in range(20)}}
        for i in range(1, 16)
    ]  # fmt: skip

    assert len(codec.encode(codec.columns(samples))) < len(json.dumps(samples)) / 4
