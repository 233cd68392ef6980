"""What a device reads, sample by sample, in one line: `10x5 95x10 _ - 40+5x6`. Pure.

    10          one sample that reads 10               ok          … or a word: ok, "low on paper"
    10x5        five samples of 10                     okx5
    40+5x6      six samples: 40 45 50 55 60 65         100-0.5x3   three: 100 99.5 99
    _           this reading is not in the sample; where no reading is, there is no sample: nothing was polled
    -           the device does not answer             _x5 -x5     five of them
    null        the reading is there and says nothing

Samples are as far apart as the test's `every`. In Prometheus `10x5` is six samples; here the number is what you get.
"""

import re
from decimal import Decimal
from enum import Enum

LONGEST = 100_000
"""No series has more samples: ten weeks of minutes."""
LARGEST = 10**15
"""No step leads beyond it; a number that is written out may be any that a float holds."""


class Mark(Enum):
    """What stands where no value does."""

    ABSENT = "_"
    NO_ANSWER = "-"


Value = float | int | str | None
Slot = Value | Mark
_NUMBER = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,4})?"
_TOKEN = re.compile(r'"[^"]*"\S*|\S+')
_NUMBERS = re.compile(rf"(?P<first>{_NUMBER})(?:(?P<step>[+-][0-9]+(?:\.[0-9]+)?)?x(?P<count>[0-9]+))?")
_QUOTED = re.compile(r'"(?P<word>[^"]+)"(?:x(?P<count>[0-9]+))?')
_WORD = re.compile(r"(?P<word>[^\"]*?[^\"\s])(?:x(?P<count>[0-9]+))?")


class SeriesError(ValueError):
    """A series that cannot be read."""


def slots(text: str) -> list[Slot]:
    """The samples of a series, in order."""
    found: list[Slot] = []
    for token in _TOKEN.findall(text):
        found += _slots(token)
        if len(found) > LONGEST:
            raise SeriesError(f"more than {LONGEST} samples; make `every` longer or the test shorter")
    return found


def _slots(token: str) -> list[Slot]:
    numbers = _NUMBERS.fullmatch(token)
    if numbers is not None:
        return _numbers(numbers, token)
    word = _QUOTED.fullmatch(token) or _WORD.fullmatch(token)
    if word is None:
        raise SeriesError(f"{token[:40]!r} is no sample; expected such as 10, 10x5, 40+5x6, ok, okx5, _, -, null")
    count = _count(word["count"], token)
    if token.startswith('"'):
        return [word["word"]] * count
    marks: dict[str, Slot] = {"_": Mark.ABSENT, "-": Mark.NO_ANSWER, "null": None}
    return [marks.get(word["word"], word["word"])] * count


def _numbers(match: re.Match[str], token: str) -> list[Slot]:
    count = _count(match["count"], token)
    first, step = Decimal(match["first"]), Decimal(match["step"] or 0)
    if not step:
        return [_value(first, token)] * count
    if abs(first) + abs(step) * count > LARGEST:
        raise SeriesError(f"{token[:40]!r} leads to numbers beyond {LARGEST}")
    return [_value(first + step * place, token) for place in range(count)]


def _count(text: str | None, token: str) -> int:
    count = 1 if text is None else int(text[:7])
    if not 1 <= count <= LONGEST:
        raise SeriesError(f"{token[:40]!r}: expected 1 to {LONGEST} samples")
    return count


def _value(number: Decimal, token: str) -> Value:
    if number == number.to_integral_value() and abs(number) <= LARGEST:
        return int(number)
    value = float(number)
    if value in (float("inf"), float("-inf")):
        raise SeriesError(f"{token[:40]!r} is larger than any number that a device can report")
    return value
