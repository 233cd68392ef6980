"""What a hostile, broken or strange device makes of a recorded answer: strokes that change it in one place each.

    mutated(raw, [(where, how, salt), …]) -> raw        the three numbers choose the place, the stroke and its chance

A place is a number, a text, bytes, a mapping, a list of any length, wherever in the answer it stands. Dataclasses keep
their fields and fields keep their types, because no device gets past `fetch` with anything else; where a type leaves
open what may stand there (a decoded document, the value of an object) anything may.

Documents inside of texts and bytes are struck as what they are: numbers in them are replaced, lines lost and doubled,
branches of JSON cut off and bent, nested without end; NMEA's checksums are made right again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, reduce
from operator import xor
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["Stroke", "blown_up", "mutated"]

Stroke: TypeAlias = tuple[int, int, int]
Chance: TypeAlias = random.Random

FLOATS: Final = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -1.0, 0.0, -0.0, 0.1, 65535.5, 1e18)
INTEGERS: Final = (
    *(-1, 0, 1, 7, 99, 100, 101, 127, 128, 255, 256, -128, 1000, 32767, -32768, 65535, 2**31 - 1, -(2**31)),
    *(2**32 - 1, 2**48 - 1, 2**63 - 1, -(2**63), 2**64, 2**70, 10**30),
)
TEXTS: Final = (
    *("", " ", "0", "-1", "nan", "NaN", "inf", "-inf", "1e999", "--.-", "@@.@", "9" * 400, "0x7F", "１２", "²", "٣"),
    *("true", "null", "None", "N/A", "ok", "]", "[0]", "a]b.c", "\x00", "\n", "\ud800", "é" * 200, "x" * 5000),
)
ANYTHING: Final = (
    None,
    True,
    False,
    math.nan,
    -1,
    2**70,
    "",
    "ok",
    "9" * 5000,
    b"\xff",
    [],
    {},
    [[]],
    {"": None},
    ["x"],
)
NUMERALS: Final = (
    "",
    "0",
    "-1",
    "00",
    "99999",
    "4294967295",
    "9" * 50,
    "1e400",
    "nan",
    "-0.0",
    "1.2.3",
    "+",
    "²",
    "1_0",
)
OURS: Final = frozenset({("Talk", "family"), ("Heard", "seconds")})
"""Fields in which no device has a hand: the family that was asked for, what our own clock measured."""
DEEP: Final = 60_000
"""Brackets within brackets: no parser may follow them by recursion to its end."""
ENTITIES: Final = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
    + "a" * 1000
    + '">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 50}">' for a, b in zip("abcde", "bcdef", strict=True))
    + "]><x>&f;</x>"
)
"""A document that is small and whose expansion is not: 300 GB of one letter."""


class Place(NamedTuple):
    """Something that can be struck: how to get there, what stands there, what its type says."""

    way: tuple[object, ...]
    value: Any
    hint: Any


def mutated(raw: object, strokes: Sequence[Stroke]) -> object:
    """The answer after all strokes; each is made on what the one before left."""
    for where, how, salt in strokes:
        open_to = [
            (place, possible)
            for place in _places(raw, Any, ())
            if (possible := _strokes(place, is_whole=not place.way))
        ]
        if not open_to:
            break
        place, possible = open_to[where % len(open_to)]
        raw = _put(raw, place.way, possible[how % len(possible)](place.value, random.Random(salt)))
    return raw


def blown_up(raw: object, times: int) -> object:
    """Every text, all bytes, every list and mapping of the answer that many times as long."""
    if isinstance(raw, str | bytes):
        return raw * times
    if isinstance(raw, Mapping):
        more = {_renamed(key, i): value for i in range(times) for key, value in raw.items()} if len(raw) < 2000 else raw
        return {key: blown_up(value, 2) for key, value in more.items()}
    if isinstance(raw, list | tuple):
        return tuple(raw) if _is_short(raw) else tuple(raw) * times
    if dataclasses.is_dataclass(raw) and not isinstance(raw, type):
        hints = _hints(type(raw))
        return dataclasses.replace(
            raw,
            **{
                one.name: blown_up(getattr(raw, one.name), times)
                for one in dataclasses.fields(raw)
                if not _is_fixed(_member(hints.get(one.name, Any), getattr(raw, one.name)))
                and (type(raw).__name__, one.name) not in OURS
            },
        )
    return raw


# --- places -----------------------------------------------------------------------------------------------------------


def _places(value: Any, hint: Any, way: tuple[object, ...]) -> Iterator[Place]:
    yield Place(way, value, hint)
    hint = _member(hint, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        for one in dataclasses.fields(value):
            if (type(value).__name__, one.name) in OURS:
                continue
            yield from _places(getattr(value, one.name), hints.get(one.name, Any), (*way, one.name))
    elif isinstance(value, Mapping):
        inner = (typing.get_args(hint) or (Any, Any))[-1]
        for key, one in value.items():
            yield from _places(one, inner, (*way, key))
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            yield from _places(one, _of_item(hint, i), (*way, i))


def _put(whole: Any, way: tuple[object, ...], new: object) -> Any:
    """The same with something else at one place."""
    if not way:
        return new
    step, rest = way[0], way[1:]
    if isinstance(whole, Mapping):
        return {key: _put(value, rest, new) if key == step else value for key, value in whole.items()}
    if isinstance(whole, list | tuple):
        return tuple(_put(value, rest, new) if i == step else value for i, value in enumerate(whole))
    return dataclasses.replace(whole, **{str(step): _put(getattr(whole, str(step)), rest, new)})


# --- types ------------------------------------------------------------------------------------------------------------


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _members(hint: Any) -> tuple[Any, ...]:
    """What a union leaves to choose from; of anything else itself."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(one for member in typing.get_args(hint) for one in _members(member))
    return (hint,)


def _member(hint: Any, value: object) -> Any:
    """The member of a union that the value is."""
    for one in _members(hint):
        kind = typing.get_origin(one) or one
        if one is not Any and isinstance(kind, type) and isinstance(value, kind):
            return one
    return Any


def _is_open(hint: Any) -> bool:
    """Whether anything may stand there."""
    return any(one in (Any, object) for one in _members(hint))


def _is_fixed(hint: Any) -> bool:
    """A tuple whose length its type says."""
    return typing.get_origin(hint) is tuple and typing.get_args(hint)[-1:] != (Ellipsis,)


def _of_item(hint: Any, i: int) -> Any:
    inner = typing.get_args(hint)
    if not inner:
        return Any
    return inner[min(i, len(inner) - 1)] if _is_fixed(hint) else inner[0]


def _is_short(value: Sequence[object]) -> bool:
    """A tuple that is probably one thing of several parts, not a list of things."""
    return len(value) <= 3 and len({type(one) for one in value}) > 1


# --- strokes ----------------------------------------------------------------------------------------------------------

Strike: TypeAlias = Callable[[Any, Chance], object]


def _strokes(place: Place, *, is_whole: bool) -> list[Strike]:
    """What can be done to what stands there without leaving its type. The whole keeps its kind."""
    value, hint = place.value, place.hint
    of_kind = _member(hint, value)
    possible: list[Strike] = []
    if typing.get_origin(of_kind) is typing.Literal or isinstance(value, bool):
        possible += []
    elif isinstance(value, int):
        possible += [_integer, _integer, _near]
    elif isinstance(value, float):
        possible += [_float, _integer]
    elif isinstance(value, str):
        possible += [_text, _document, _document]
    elif isinstance(value, bytes):
        possible += [_flipped, _octets, _octets]
    elif isinstance(value, Mapping):
        possible += [_without_a_key, _with_a_key_renamed, _with_a_key_more]
    elif isinstance(value, list | tuple) and not _is_fixed(of_kind):
        possible += [_without_one, _with_one_twice, _in_another_order, _many]
    if not is_whole and _is_open(hint):
        possible.append(lambda _value, chance: chance.choice(ANYTHING))
    if not is_whole and len(_members(hint)) > 1:
        possible.append(lambda value, chance: _other_member(hint, value, chance))
    return possible


def _other_member(hint: Any, value: object, chance: Chance) -> object:
    examples: dict[Any, Sequence[object]] = {
        int: INTEGERS,
        float: FLOATS,
        str: TEXTS,
        bytes: (b"", b"\x00", b"\xff" * 300, b"12"),
        type(None): (None,),
    }
    possible = [one for member in _members(hint) for one in examples.get(member, ())]
    return chance.choice(possible) if possible else value


def _integer(_value: object, chance: Chance) -> object:
    return chance.choice(INTEGERS)


def _near(value: int, chance: Chance) -> object:
    return chance.choice((value + 1, value - 1, value * 2, value * 1000, -value, value ^ 1 << chance.randrange(16)))


def _float(_value: object, chance: Chance) -> object:
    return chance.choice(FLOATS)


def _text(_value: object, chance: Chance) -> object:
    return chance.choice(TEXTS)


def _flipped(value: bytes, chance: Chance) -> object:
    """Some bits are not what they were."""
    octets = bytearray(value)
    for _ in range(min(len(octets), chance.choice((1, 1, 2, 8, 50)))):
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    return bytes(octets)


def _octets(value: bytes, chance: Chance) -> object:
    """The bytes struck as the text they may be."""
    struck = _document(value.decode("latin-1"), chance)
    return str(struck).encode("latin-1", "replace")


def _document(value: str, chance: Chance) -> object:
    possible = [_cut, _doubled, _with_garbage, _with_a_character_wrong, _nothing_but_noise]
    if any(character.isdigit() for character in value):
        possible += [_with_another_number] * 4
    if "\n" in value or "\r" in value:
        possible += [_with_lines_moved] * 2
    if value.lstrip()[:1] in ("{", "["):
        possible += [_with_a_branch_bent] * 6 + [_nested]
    if value.lstrip()[:1] == "<":
        possible += [_with_an_element_gone] * 4 + [_nested, lambda _value, _chance: ENTITIES]
    return (
        _sealed(chance.choice(possible)(value, chance))
        if chance.random() < 0.8
        else chance.choice(possible)(value, chance)
    )


def _cut(value: str, chance: Chance) -> str:
    a, b = sorted((chance.randrange(len(value) + 1), chance.randrange(len(value) + 1)))
    return chance.choice((value[:a], value[b:], value[:a] + value[b:], value[a:b]))


def _doubled(value: str, chance: Chance) -> str:
    a, b = sorted((chance.randrange(len(value) + 1), chance.randrange(len(value) + 1)))
    return value[:b] + value[a:b] * chance.choice((1, 2, 20)) + value[b:]


def _with_garbage(value: str, chance: Chance) -> str:
    at = chance.randrange(len(value) + 1)
    return value[:at] + chance.choice((*TEXTS[:-1], "\xff\xfe", "\r\n\r\n", "$", "*", '"', "<", "(")) + value[at:]


def _with_a_character_wrong(value: str, chance: Chance) -> str:
    if not value:
        return "?"
    at = chance.randrange(len(value))
    return value[:at] + chr(chance.randrange(256)) + value[at + 1 :]


def _nothing_but_noise(_value: str, chance: Chance) -> str:
    return "".join(chr(chance.randrange(256)) for _ in range(chance.choice((0, 1, 8, 300, 5000))))


def _with_another_number(value: str, chance: Chance) -> str:
    numbers = list(re.finditer(r"\d+(?:\.\d+)?", value))
    one = chance.choice(numbers) if numbers else None
    return value if one is None else value[: one.start()] + chance.choice(NUMERALS) + value[one.end() :]


def _with_lines_moved(value: str, chance: Chance) -> str:
    lines = value.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return "".join(
        chance.choice(
            (
                lines[:at] + lines[at + 1 :],
                [*lines[:at], *lines[at:], *lines[at:]],
                chance.sample(lines, len(lines)),
                [*lines[:at], lines[at] * 2000, *lines[at + 1 :]],
            )
        )
    )


def _with_an_element_gone(value: str, chance: Chance) -> str:
    elements = list(re.finditer(r"<(\w+)[^<>]*>[^<>]*</\1>", value))
    if not elements:
        return value[1:]
    one = chance.choice(elements)
    kept = chance.choice(("", one[0] * 3, f"<{one[1]}/>", f"<{one[1]}>{chance.choice(TEXTS)}</{one[1]}>"))
    return value[: one.start()] + kept + value[one.end() :]


def _with_a_branch_bent(value: str, chance: Chance) -> str:
    """A document of JSON in which one place is another."""
    try:
        tree = json.loads(value)
    except (ValueError, RecursionError):
        return value[:-1]
    places = list(_places(tree, Any, ()))
    place = chance.choice(places)
    possible = [*_strokes(place, is_whole=not place.way), lambda _value, chance: chance.choice(ANYTHING)]
    bent = _put(tree, place.way, chance.choice(possible)(place.value, chance))
    return json.dumps(bent, default=repr, skipkeys=True)


def _nested(value: str, _chance: Chance) -> str:
    opening, closing = {"{": ('{"a":', "}"), "[": ("[", "]"), "<": ("<a>", "</a>")}[value.lstrip()[0]]
    return opening * DEEP + closing * DEEP


_SENTENCE = re.compile(r"\$([^$*\r\n]*)\*[0-9A-Fa-f]{2}")


def _sealed(value: str) -> str:
    """NMEA sentences with the checksum that belongs to them: what is wrong is the field, not the line."""

    def seal(found: re.Match[str]) -> str:
        return f"${found[1]}*{reduce(xor, found[1].encode('latin-1', 'replace'), 0):02X}"

    return _SENTENCE.sub(seal, value) if "$" in value else value


def _renamed(key: object, i: int) -> object:
    if i == 0 or isinstance(key, bytes):
        return key if i == 0 else key + str(i).encode()  # type: ignore[operator]
    return key + i * 1000 if isinstance(key, int) else f"{key}{i}"


def _without_a_key(value: Mapping[Any, object], chance: Chance) -> object:
    if not value:
        return {}
    gone = chance.sample(list(value), chance.randint(1, len(value)))
    return {key: one for key, one in value.items() if key not in gone}


def _with_a_key_renamed(value: Mapping[Any, object], chance: Chance) -> object:
    if not value:
        return {}
    old = chance.choice(list(value))
    new = chance.choice(TEXTS) if isinstance(old, str) else chance.choice(INTEGERS) if isinstance(old, int) else old
    return {new if key == old else key: one for key, one in value.items()}


def _with_a_key_more(value: Mapping[Any, object], chance: Chance) -> object:
    if not value:
        return {}
    like = chance.choice(list(value))
    return {**value, **{_renamed(like, i): value[like] for i in range(chance.choice((2, 50, 3000)))}}


def _without_one(value: Sequence[object], chance: Chance) -> object:
    gone = chance.randrange(len(value)) if value else 0
    return tuple(one for i, one in enumerate(value) if i != gone)


def _with_one_twice(value: Sequence[object], chance: Chance) -> object:
    return (*value, chance.choice(value)) if value else ()


def _in_another_order(value: Sequence[object], chance: Chance) -> object:
    return tuple(chance.sample(list(value), len(value)))


def _many(value: Sequence[object], chance: Chance) -> object:
    return tuple(value) * chance.choice((0, 3, 500))
