"""One pass over all devices: their state words, and their figures of three windows, added up by group and kind.

    reckon(view, now_ms, rest=rest) -> Samples

A pass reads a page of devices, reckons, and rests for a while in proportion: the process that answers people must not
feel it, whatever the size of the fleet. Per device no more is kept than DEVICE_LIMIT devices need. Sums are exact:
availability is pooled as core.availability pools it, never as a mean of percentages.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from roundsman_collector.api.figures import spans
from roundsman_collector.api.moments import DAY_MS, HOUR_MS
from roundsman_collector.api.standing import WORDS, Standing, Word, standing
from roundsman_collector.core.availability import Figure, figure, pool
from roundsman_collector.core.policy import SILENT
from roundsman_collector.metrics.names import Labels, Samples
from roundsman_collector.store import DeviceView, Interval, View

WINDOWS: Mapping[str, int] = {"1h": HOUR_MS, "24h": DAY_MS, "30d": 30 * DAY_MS}
LONGEST_MS = max(WINDOWS.values())
DEVICE_LIMIT = 2_000
"""Beyond so many devices there are no series of single ones."""
LABEL_LIMIT = 500
"""So many pairs of group and kind at most; the devices of later ones count as group and kind OTHER."""
OTHER = "_other"
NOBODY = "_none"
"""The group of a device that nobody speaks for. No id begins with an underscore."""
PAGE = 100
IS_UP: Mapping[Word, float] = {"normal": 1, "warning": 1, "fault": 0, "offline": 0}
"""What is missing here is not known to be either."""

Pair = tuple[str, str]
Figures = dict[str, Figure]


class _Tally:
    """What has been added up so far."""

    def __init__(self) -> None:
        self.states: dict[Pair, Counter[str]] = {}
        self.figures: dict[tuple[Pair, str], Figure] = {}
        self.devices: list[tuple[Labels, Word, Figures]] = []
        self.seen = 0

    def pair_of(self, device: DeviceView) -> Pair:
        pair = device.group or NOBODY, device.kind
        return pair if pair in self.states or len(self.states) < LABEL_LIMIT else (OTHER, OTHER)

    def add(self, found: Sequence[tuple[DeviceView, Standing, Figures]]) -> None:
        of_page: defaultdict[tuple[Pair, str], list[Figure]] = defaultdict(list)
        for device, stands, figures in found:
            pair = self.pair_of(device)
            self.states.setdefault(pair, Counter())[stands.word] += 1
            for window, one in figures.items():
                of_page[pair, window].append(one)
            self.devices.append(((device.id, *pair), stands.word, figures))
        for key, listed in of_page.items():
            self.figures[key] = pool([self.figures[key], *listed] if key in self.figures else listed)
        self.seen += len(found)
        if self.seen > DEVICE_LIMIT:
            self.devices.clear()


def reckon(view: View, now_ms: int, rest: Callable[[], None]) -> Samples:
    """The samples of the whole fleet at `now_ms`; `rest` is called after each page."""
    tally = _Tally()
    for page in _pages(view):
        tally.add(_reckoned(view, page, now_ms))
        rest()
    samples: defaultdict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for name, labels, value in (*_of_fleet(tally), *_of_devices(tally)):
        samples[name].append((labels, value))
    return samples


def _pages(view: View) -> Iterator[list[DeviceView]]:
    page = view.devices(limit=PAGE)
    while page:
        yield page
        page = view.devices(after=page[-1].id, limit=PAGE)


def _reckoned(view: View, page: Sequence[DeviceView], now_ms: int) -> list[tuple[DeviceView, Standing, Figures]]:
    held = view.open_conditions(sorted({f"@{one.agent}" for one in page if one.agent is not None}))
    silent = {subject[1:] for subject, rows in held.items() if any(row.code == SILENT for row in rows)}
    pasts = view.pasts([one.id for one in page], now_ms - LONGEST_MS, now_ms)
    return [
        (
            one,
            standing(one, is_agent_silent=one.agent in silent, now_ms=now_ms),
            _figures(pasts[one.id], one.covered_to_ms, now_ms),
        )
        for one in page
    ]


def _figures(past: Sequence[Interval], covered_to_ms: int | None, now_ms: int) -> Figures:
    known = spans(past, covered_to_ms, now_ms)
    return {
        window: figure(
            [one for one in known if one.to_ms > now_ms - length_ms],
            window=(now_ms - length_ms, now_ms),
            now_ms=now_ms,
        )
        for window, length_ms in WINDOWS.items()
    }


# --- as samples ------------------------------------------------------------------------------------------------------


def _of_fleet(tally: _Tally) -> Iterator[tuple[str, Labels, float]]:
    for pair, states in tally.states.items():
        for word in WORDS:
            yield "roundsman_devices", (*pair, word), states[word]
    for (pair, window), one in tally.figures.items():
        labels = (*pair, window)
        yield from _ratios("roundsman_", labels, one)
        yield "roundsman_up_seconds", labels, one.up_ms / 1000
        yield "roundsman_down_seconds", labels, one.down_ms / 1000
        yield "roundsman_unknown_seconds", labels, one.unknown_ms / 1000
        yield "roundsman_excluded_seconds", labels, one.excluded_ms / 1000
        yield "roundsman_outages", labels, one.outages
        yield "roundsman_longest_outage_seconds", labels, one.longest_ms / 1000


def _of_devices(tally: _Tally) -> Iterator[tuple[str, Labels, float]]:
    for labels, word, figures in tally.devices:
        if word in IS_UP:
            yield "roundsman_device_up", labels, IS_UP[word]
        for window, one in figures.items():
            yield from _ratios("roundsman_device_", (*labels, window), one)


def _ratios(begin: str, labels: Labels, one: Figure) -> Iterator[tuple[str, Labels, float]]:
    if one.availability is not None:
        yield f"{begin}uptime_ratio", labels, float(one.availability)
    if one.coverage is not None:
        yield f"{begin}coverage_ratio", labels, float(one.coverage)
