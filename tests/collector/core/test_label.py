"""The codes of labels: every one can be printed, typed and read again; nothing else can."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.label import (
    ALPHABET,
    CODE_BYTES,
    CODE_LETTERS,
    TYPED_LIMIT,
    author,
    code_of,
    grouped,
    is_author,
    read,
)

RAW = st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES)
CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{16}")


def test_a_code_holds_eighty_bits_and_can_be_said_on_the_telephone() -> None:
    assert CODE_LETTERS * 5 == CODE_BYTES * 8 == 80
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


@given(RAW)
def test_every_code_is_read_again_as_it_was_printed(raw: bytes) -> None:
    code = code_of(raw)

    assert CODE.fullmatch(code)
    assert read(code) == read(grouped(code)) == read(f"  {grouped(code).lower()} ") == code
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", grouped(code))


@given(RAW, RAW)
def test_different_bytes_are_different_codes(one: bytes, other: bytes) -> None:
    assert (code_of(one) == code_of(other)) == (one == other)


@given(RAW, st.data())
def test_letters_that_look_alike_are_taken_for_what_was_meant(raw: bytes, data: st.DataObject) -> None:
    code = code_of(raw)
    alike = {"0": "0oO", "1": "1iIlL"}
    typed = "".join(data.draw(st.sampled_from(alike.get(one, one + one.lower()))) for one in code)

    assert read(typed) == code


@given(st.text(max_size=200))
def test_whatever_is_typed_is_a_code_or_none(typed: str) -> None:
    found = read(typed)

    assert found is None or CODE.fullmatch(found)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "7K3M-9QXA-2B4C-D5E",
        "7K3M-9QXA-2B4C-D5EFF",
        "7K3M-9QXA-2B4C-D5EU",
        "' OR 1=1 --------",
        "７" * 16,
        "-" * 16,
        "7K3M9QXA2B4CD5EF" + " " * TYPED_LIMIT,
        "7K3M9QXA\n2B4CD5EF",
        "７K3M9QXA2B4CD5EF",
    ],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read(typed) is None


def test_a_code_is_made_of_exactly_so_many_bytes() -> None:
    with pytest.raises(ValueError, match="10 bytes, not of 9"):
        code_of(bytes(9))


def test_whoever_scanned_a_label_is_told_from_people_and_programs() -> None:
    assert author(12) == "label:12"
    assert is_author(author(12))
    assert not any(is_author(who) for who in ("li.na", "token:label", "roundsman", ""))
