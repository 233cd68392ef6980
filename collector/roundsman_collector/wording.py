"""How an error tells a person what was wrong: what was expected, what was there, which name may have been meant.

wanted(error)                    "a valid integer": pydantic's sentence, as it reads behind "expected"
short(value)                     "['a', 'list']": as much of a value as is good to read
nearest("probee", names)         "; did you mean probe?", or nothing
"""

import difflib
import math
import reprlib
from collections.abc import Iterable

from pydantic_core import ErrorDetails

_OPENINGS = {
    "Input should be ": "",
    "Input should ": "",
    "String should match pattern ": "text that matches ",
    "String should have ": "text with ",
    "Dictionary should have ": "an object with ",
    "List should have ": "a list with ",
    "Tuple should have ": "a list with ",
    "Value error, ": "",
}
_WHOLE = {"missing": "this field", "path_type": "a path"}
"""Errors whose sentence says less than we can."""

_quoted = reprlib.Repr()
_quoted.maxdict = _quoted.maxlist = _quoted.maxtuple = 3
_quoted.maxstring = _quoted.maxother = 60


def wanted(error: ErrorDetails) -> str:
    """What a field should have held."""
    if error["type"] in _WHOLE:
        return _WHOLE[error["type"]]
    told = error["msg"]
    for opening, instead in _OPENINGS.items():
        if told.startswith(opening):
            return instead + told.removeprefix(opening)
    return told


def got(error: ErrorDetails) -> str:
    """What it held."""
    return "nothing" if error["type"] == "missing" else short(error["input"])


def short(value: object) -> str:
    """A value in one short line, whatever it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        return f"a number of {round(math.log10(abs(value))) + 1} digits"
    return _quoted.repr(value)


def key(name: object) -> str:
    """A key that somebody wrote, in one short line: as it is where it can be read."""
    text = str(name)
    return text if text.isprintable() and text and len(text) <= 80 else short(text)


def nearest(word: object, known: Iterable[str]) -> str:
    """A question behind an error: which of the known names may have been meant."""
    near = difflib.get_close_matches(str(word)[:200], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
