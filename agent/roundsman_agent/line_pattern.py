"""Regular expressions of the configuration, held against lines that others write.

    compiled(r"交易成功|TXN .* OK").search(line) -> re.Match | None      ProbeError bad_setting: it cannot be used

Python's expressions can take for ever: `(a+)+$` doubles its time with every letter of a line, and while it searches
nothing else in its process runs. So lines are cut to LINE_LIMIT characters before they are searched (to half of it
where the expression has three open repetitions), and an expression is refused

    when something repeated holds a repetition or alternatives     (a+)+  (a|ab)*     the time doubles with each letter
    when it has more than three open repetitions                   .*x.*y.*z.*w       the time grows with their power
    when it looks back at a group                                  (a+)\\1

A repetition is open when it may go on for more than four. What is left takes microseconds for lines that somebody
wrote, and less than a second for one that was made on purpose. The probes that search lines look at the clock before
each, and run in a cell (warden.py), which is killed when it stands still.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from roundsman_agent.probe import ProbeError

__all__ = ["LINE_LIMIT", "LinePattern", "compiled"]

LINE_LIMIT: Final = 500
"""Characters of a line that are searched."""
PATTERN_LIMIT: Final = 500
OPEN: Final = 4
"""Repetitions beyond this count as open."""
OPEN_LIMIT: Final = 3


class LinePattern(NamedTuple):
    """An expression and how much of a line it is held against."""

    expression: re.Pattern[str]
    most: int

    def search(self, line: str) -> re.Match[str] | None:
        return self.expression.search(line[: self.most])


@lru_cache(maxsize=64)
def compiled(text: str) -> LinePattern:
    """The expression, if it can be used."""
    if len(text) > PATTERN_LIMIT:
        raise ProbeError("bad_setting", f"an expression of {len(text)} characters; at most {PATTERN_LIMIT} are taken")
    try:
        pattern = re.compile(text)
        tree = import_module("re._parser").parse(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ProbeError("bad_setting", f"{text[:80]!r} is no regular expression: {error}") from error
    opened, complaint = _looked_through(tree, is_repeated=False)
    if not complaint and opened > OPEN_LIMIT:
        complaint = f"has {opened} open repetitions (.* and the like); at most {OPEN_LIMIT} are taken"
    if complaint:
        raise ProbeError("bad_setting", f"{text[:80]!r} {complaint}: it could search a line for hours")
    return LinePattern(pattern, LINE_LIMIT if opened < OPEN_LIMIT else LINE_LIMIT // 2)


def _looked_through(tree: Any, *, is_repeated: bool) -> tuple[int, str]:
    """How many open repetitions there are, and what cannot be borne ("" nothing)."""
    opened = 0
    for name, content in _steps(tree):
        if name in ("GROUPREF", "GROUPREF_EXISTS"):
            return opened, "looks back at a group"
        if name == "BRANCH" and is_repeated:
            return opened, "repeats alternatives"
        is_open = False
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most = int(content[0]), int(content[1])
            if is_repeated and least != most:
                return opened, "repeats a repetition"
            is_open = most > OPEN
            opened += is_open
        for part in _parts(content):
            more, complaint = _looked_through(part, is_repeated=is_repeated or is_open)
            opened += more
            if complaint:
                return opened, complaint
    return opened, ""


def _steps(tree: Any) -> list[tuple[str, Any]]:
    return [(str(name), content) for name, content in tree]


def _parts(content: Any) -> list[Any]:
    """The expressions within one; a set of characters is none."""
    if hasattr(content, "getwidth"):  # re._parser.SubPattern
        return [content]
    if isinstance(content, tuple | list):
        return [part for one in content for part in _parts(one)]
    return []
