"""How wide the columns of a table are, in whole percent, by what stands in them. Pure.

    widths(heads, rows) -> (12, 40, ...)      100 together

A fixed table is set once. One whose columns are found by looking at all cells again on each page takes twice as long.
"""

import re
from collections.abc import Collection, Sequence

WORD = re.compile(r"[\u2e80-\U0003ffff]|[^\s\u2e80-\U0003ffff]+")
"""What is not broken: a Chinese character, or letters and digits up to the next space."""
ROOM = {"portrait": 108, "landscape": 164}
"""Letters that stand beside each other on a page."""
LEAST, EASY, MOST = 3, 8, 60
"""The narrowest column, one in which texts are read with ease, and the widest that is wished for, in letters."""
LONGEST_WORD = 19
"""Longer ones are broken: a time is not."""
PAD = 2
"""Room beside a text, in letters."""
LOOKED_AT = 300
NOWHERE: frozenset[int] = frozenset()


def widths(
    heads: Sequence[str], rows: Sequence[Sequence[str]], shape: str = "portrait", whole: Collection[int] = NOWHERE
) -> tuple[int, ...]:
    """Each column has room for its longest word, then, as far as there is room, for a few Chinese characters beside
    each other, then for as much more as it can use. `whole`: columns whose cells are never broken, such as figures.
    """
    looked = rows[:LOOKED_AT]
    columns = [[row[place] for row in looked if place < len(row)] for place in range(len(heads))]
    if not columns:
        return ()
    needed = [
        max(LEAST, _word(head), *((length if place in whole else _word)(text) for text in texts))
        for place, (head, texts) in enumerate(zip(heads, columns, strict=True))
    ]
    longest = [max(map(length, (head, *texts))) for head, texts in zip(heads, columns, strict=True)]
    eased = [max(need, min(EASY, long)) for need, long in zip(needed, longest, strict=True)]
    wished = [max(ease, min(MOST, long)) for ease, long in zip(eased, longest, strict=True)]
    found: list[float] = [PAD + need for need in needed]
    for more in (_beyond(eased, needed), _beyond(wished, eased)):
        left = min(sum(more), max(0.0, ROOM[shape] - sum(found)))
        share = left / sum(more) if sum(more) else 0.0
        found = [one + share * rest for one, rest in zip(found, more, strict=True)]
    return _percents(found)


def _beyond(wide: Sequence[int], narrow: Sequence[int]) -> list[int]:
    return [one - other for one, other in zip(wide, narrow, strict=True)]


def length(text: str) -> int:
    """In letters; a Chinese character is as wide as two."""
    return sum(2 if letter > "\u2e80" else 1 for letter in text)


def _word(text: str) -> int:
    """The longest that is not broken. Capitals are wide: every third counts twice."""
    found = (length(word) + sum(map(str.isupper, word)) // 3 for word in WORD.findall(text))
    return min(LONGEST_WORD, max(found, default=0))


def _percents(exact: Sequence[float]) -> tuple[int, ...]:
    """Whole percents that are 100 together: the largest rests are rounded up."""
    shares = [100 * one / sum(exact) for one in exact]
    found = [int(one) for one in shares]
    order = sorted(range(len(shares)), key=lambda place: found[place] - shares[place])
    for place in order[: 100 - sum(found)]:
        found[place] += 1
    return tuple(found)
