"""Durations as people write them in tests: `90s`, `1h30m`, `500ms`, or seconds as a number; in milliseconds. Pure."""

import re

UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
LONGEST_MS = 3660 * UNITS["d"]
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|[dhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
EXPECTED = "a duration such as 90s, 5m, 1h30m, or seconds as a number"


def milliseconds(said: str | float) -> int:
    """The milliseconds of a duration; ValueError says what was expected."""
    if isinstance(said, str):
        text = said.replace(" ", "")
        if _WHOLE.fullmatch(text) is None:
            raise ValueError(EXPECTED)
        found = round(sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text)))
    else:
        found = round(said * 1000) if abs(said) <= LONGEST_MS else -1
    if not 0 <= found <= LONGEST_MS:
        raise ValueError(f"{EXPECTED}, of ten years at most")
    return found


def shown(duration_ms: int) -> str:
    """A duration in its largest units: `1h30m`; `0s` for none."""
    told, left = "", duration_ms
    for unit, length in UNITS.items():
        count, left = divmod(left, length)
        told += f"{count}{unit}" if count else ""
    return told or "0s"
