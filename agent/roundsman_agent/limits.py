"""Limits: which values of a number are worth telling at once. Pure.

    limits = Limits({"host.cpu_percent": [80, 95], "disk[].used_percent": [90], "printer.paper": ["end"]})
    limits.bands({"host.cpu_percent": 91.0}) -> [("host.cpu_percent", 1)]     it has reached one of its limits

A number that crosses a limit, either way, is a transition: sent at once and never thinned. `disk[].used_percent` holds
for every disk; `disk[/].used_percent` for one, and goes before it. A word that is named is an alarm: it needs nothing
here, because every change of a word is a transition.
"""

from collections.abc import Mapping, Sequence

Table = Mapping[str, Sequence[float | str]]


class Limits:
    """See the module."""

    def __init__(self, table: Table) -> None:
        self._numbers = {name: [one for one in some if not isinstance(one, str)] for name, some in table.items()}

    def bands(self, readings: Mapping[str, object]) -> list[tuple[str, int]]:
        """For each number that has limits: how many of them it has reached. By name."""
        if not self._numbers:
            return []
        found = []
        for name, value in readings.items():
            if isinstance(value, int | float):
                limits = self._numbers.get(name) or self._numbers.get(pattern(name))
                if limits:
                    found.append((name, sum(value >= limit for limit in limits)))
        return sorted(found)


def pattern(name: str) -> str:
    """The name without its instance: `disk[].used_percent` for `disk[/].used_percent`."""
    before, bracket, rest = name.partition("[")
    return f"{before}[{rest[rest.rfind(']') :]}" if bracket and "]" in rest else name
