"""Failure rates: faults per installed device-month of a model, vendor or batch, with an exact interval. Pure.

    rates(faults, installed, "model") -> [Rate, ...]      the highest first
    poisson_interval(7) -> (2.814, 14.423)                what a mean may be of which 7 were counted

A device-month is a twelfth of a year of 365.25 days in which a device stood somewhere, as its installation is dated; a
fault counts where its device was installed as it began. Faults are counted as if they came one by one and by chance
(a Poisson process). The interval is the exact one of F. Garwood, "Fiducial limits for the Poisson distribution",
Biometrika 28 (1936) 437-442: a mean outside it would give so many faults or more, or so many or fewer, in less than
one of 40 cases.

It is *too few to say* where neither five faults were seen nor five were to be expected at the rate of all (the
customary least count of a comparison: W. G. Cochran, Biometrics 10 (1954) 417-451). A model is called worse, or
better, than all of them together only where its whole interval lies above, or below, their rate.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from roundsman_collector.core.calendar import MINUTE_MS
from roundsman_collector.core.fault_counts import Fault, is_within
from roundsman_collector.core.intervals import Intervals
from roundsman_collector.core.model import Milliseconds

MONTH_MS = 43_830 * MINUTE_MS
"""A twelfth of 365.25 days."""
LEAST = 5
"""So many faults are seen or expected where something can be said."""
CONFIDENCE = 0.95
RateBy = Literal["model", "vendor", "batch", "kind"]
RATE_GROUPINGS: tuple[RateBy, ...] = get_args(RateBy)
Verdict = Literal["", "too_few", "higher", "lower"]
VERDICTS: dict[Verdict, tuple[str, str]] = {
    "": ("与总体无显著差别", "as all of them"),
    "too_few": ("数量太少，无法判断", "too few to say"),
    "higher": ("高于总体", "higher than all of them"),
    "lower": ("低于总体", "lower than all of them"),
}


class Installed(NamedTuple):
    """When a device stood somewhere in the window, and what it is; empty: nobody entered it."""

    device: str
    spans: Intervals
    kind: str = ""
    model: str = ""
    vendor: str = ""
    batch: str = ""

    @property
    def lasted_ms(self) -> Milliseconds:
        """For how long together."""
        return sum(end - begin for begin, end in self.spans)


class Rate(NamedTuple):
    """Faults of a model, or whatever it is grouped by, in so many device-months.

    `per_month` and its interval [low, high] are faults per device-month, None where nothing was installed.
    """

    key: str
    devices: int
    device_ms: Milliseconds
    faults: int
    per_month: Fraction | None
    low: float | None
    high: float | None
    verdict: Verdict

    @property
    def months(self) -> Fraction:
        """Device-months."""
        return Fraction(self.device_ms, MONTH_MS)


def rates(faults: Iterable[Fault], installed: Sequence[Installed], by: RateBy) -> tuple[Rate, list[Rate]]:
    """The rate of all, and those of the groups, the highest first; what had nothing installed has none."""
    standing = {one.device: one for one in installed}
    counted: Counter[str] = Counter()
    for fault in faults:
        device = standing.get(fault.device)
        if device is not None and is_within(fault.from_ms, device.spans):
            counted[getattr(device, by)] += 1
    groups: dict[str, list[Installed]] = {}
    for one in installed:
        if one.lasted_ms:
            groups.setdefault(getattr(one, by), []).append(one)
    lasted = {key: sum(one.lasted_ms for one in some) for key, some in groups.items()}
    total = _rate("", sum(map(len, groups.values())), sum(lasted.values()), counted.total(), None)
    found = [_rate(key, len(groups[key]), lasted[key], counted[key], total.per_month) for key in groups]
    return total, sorted(found, key=lambda one: (-(one.per_month or 0), one.key))


def _rate(key: str, devices: int, device_ms: Milliseconds, faults: int, of_all: Fraction | None) -> Rate:
    if not device_ms:
        return Rate(key, devices, 0, faults, None, None, None, "too_few")
    months = Fraction(device_ms, MONTH_MS)
    low, high = (mean / float(months) for mean in poisson_interval(faults))
    verdict: Verdict = ""
    if faults < LEAST and (of_all or 0) * months < LEAST:
        verdict = "too_few"
    elif of_all is not None and low > of_all:
        verdict = "higher"
    elif of_all is not None and high < of_all:
        verdict = "lower"
    return Rate(key, devices, device_ms, faults, faults / months, low, high, verdict)


# --- the interval ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def poisson_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a Poisson mean of which `count` was seen (Garwood 1936), found by halving."""
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _mean_at(count, tail)
    return low, _mean_at(count + 1, 1 - tail)


def _mean_at(least: int, probability: float) -> float:
    """The Poisson mean at which `least` or more come with this probability."""
    low, high = 0.0, least + 20 * math.sqrt(least) + 20
    for _ in range(80):
        middle = (low + high) / 2
        if _at_least(least, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_least(least: int, mean: float) -> float:
    """The probability of `least` >= 1 or more of a Poisson mean: the regularized incomplete gamma function P(least,
    mean), by its series or, beyond, its continued fraction (NIST DLMF 8.11.4 and 8.9.2)."""
    if mean <= 0:
        return 0.0
    scale = math.exp(least * math.log(mean) - mean - math.lgamma(least))
    if mean < least + 1:
        return _by_series(least, mean, scale)
    return 1.0 - _by_fraction(least, mean, scale)


def _by_series(least: int, mean: float, scale: float) -> float:
    term = total = 1.0 / least
    place = least
    while term > total * 1e-15:
        place += 1
        term *= mean / place
        total += term
    return total * scale


def _by_fraction(least: int, mean: float, scale: float) -> float:
    """Lentz's method: the fraction is followed until another step changes nothing."""
    bottom = mean + 1 - least
    up, down = 1e300, 1 / bottom
    found = down
    for step in range(1, 100_000):
        top = -step * (step - least)
        bottom += 2
        down = 1 / _not_zero(top * down + bottom)
        up = _not_zero(bottom + top / up)
        change = down * up
        found *= change
        if abs(change - 1) < 1e-15:
            break
    return found * scale


def _not_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
