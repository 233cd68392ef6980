"""How wide the columns of a table are, in whole percent, by what stands in them. Pure.

    widths(heads, rows) -> (12, 40, ...)      100 together

A fixed table is set once. One whose columns are found by looking at all cells again on each page takes twice as long.
"""

import re
from collections.abc import Sequence

WORD = re.compile(r"[\u2e80-\U0003ffff]|[^\s\u2e80-\U0003ffff]+")
"""What is not broken: a Chinese character, or letters and digits up to the next space."""
ROOM = {"portrait": 104, "landscape": 155}
"""Letters that stand beside each other on a page."""
LEAST, MOST = 3, 60
"""The narrowest and the widest column that is wished for, in letters."""
LONGEST_WORD = 19
"""Longer ones are broken: a time is not."""
PAD = 3
"""Room beside a text, in letters."""
LOOKED_AT = 300


def widths(heads: Sequence[str], rows: Sequence[Sequence[str]], shape: str = "portrait") -> tuple[int, ...]:
    """Each column has room for its longest word, and as much more as it can use and there is."""
    columns = [[row[place] for row in (heads, *rows[:LOOKED_AT]) if place < len(row)] for place in range(len(heads))]
    if not columns:
        return ()
    needed = [PAD + max(LEAST, min(LONGEST_WORD, max(map(_longest_word, texts)))) for texts in columns]
    wished = [PAD + max(LEAST, min(MOST, max(map(length, texts)))) for texts in columns]
    more = [max(0, wish - need) for need, wish in zip(needed, wished, strict=True)]
    left = min(sum(more), max(0, ROOM[shape] - sum(needed)))
    share = left / sum(more) if sum(more) else 0.0
    exact = [need + share * rest for need, rest in zip(needed, more, strict=True)]
    return _percents(exact)


def length(text: str) -> int:
    """In letters; a Chinese character is as wide as two."""
    return sum(2 if letter > "\u2e80" else 1 for letter in text)


def _longest_word(text: str) -> int:
    """Capitals are wide: every third counts twice."""
    return max((length(word) + sum(map(str.isupper, word)) // 3 for word in WORD.findall(text)), default=0)


def _percents(exact: Sequence[float]) -> tuple[int, ...]:
    """Whole percents that are 100 together: the largest rests are rounded up."""
    shares = [100 * one / sum(exact) for one in exact]
    found = [int(one) for one in shares]
    order = sorted(range(len(shares)), key=lambda place: found[place] - shares[place])
    for place in order[: 100 - sum(found)]:
        found[place] += 1
    return tuple(found)
