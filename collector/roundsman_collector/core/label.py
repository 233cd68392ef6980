"""A label: the code that stands on a device in print and leads anybody who scans it to a form. Pure.

    code_of(secrets.token_bytes(CODE_BYTES))     "7K3M9QXA2B4CD5EF": 80 bits in Crockford's base 32
    grouped("7K3M9QXA2B4CD5EF")                  "7K3M-9QXA-2B4C-D5EF": as it is printed, to be typed
    read(" 7k3m 9qxa-2b4c-d5ef ")                "7K3M9QXA2B4CD5EF"; None for what is no code

A code says nothing of its device and cannot be guessed or counted on. Crockford's alphabet has no I, L, O and U: who
types them means 1, 1 and 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CODE_BYTES = 10
CODE_LETTERS = 16
GROUP = 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: https://www.crockford.com/base32.html"""
TYPED_LIMIT = 80
"""What is longer is no code, whatever stands in it."""
_MEANT: Mapping[int, str | None] = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})

Phone = Literal["never", "optional", "required"]
Tells = Literal["nothing", "known", "arrival"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelTerms:
    """What the page behind a label asks and tells.

    phone    whether who reports is asked for a telephone number
    tells    whether a stranger learns that a fault is known already (`known`), and when somebody comes (`arrival`)
    """

    phone: Phone = "optional"
    tells: Tells = "known"


def code_of(raw: bytes) -> str:
    """Random bytes as a code. ValueError where they are not CODE_BYTES."""
    if len(raw) != CODE_BYTES:
        raise ValueError(f"a code is made of {CODE_BYTES} bytes, not of {len(raw)}")
    number = int.from_bytes(raw, "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (CODE_LETTERS - 1), -1, -5))


def grouped(code: str) -> str:
    """A code as it is printed."""
    return "-".join(code[place : place + GROUP] for place in range(0, len(code), GROUP))


def read(typed: str) -> str | None:
    """The code that somebody scanned or typed; None for what is none."""
    if len(typed) > TYPED_LIMIT or not typed.isascii():
        return None
    code = typed.strip().upper().translate(_MEANT)
    return code if len(code) == CODE_LETTERS and all(letter in ALPHABET for letter in code) else None


AUTHOR = "label:"
"""Whoever reports by a label stands in logs under this word and the label's number: nobody knows who it was."""


def author(label_id: int) -> str:
    """Under which name reports by a label stand in logs."""
    return f"{AUTHOR}{label_id}"


def is_author(who: str) -> bool:
    """Whether a line of a log was written by somebody who scanned a label."""
    return who.startswith(AUTHOR)
