"""The fleet as samples: state words and figures by group and kind; in small fleets those of single devices, too.

    told(summary, now_ms) -> Samples

Everything stands on the summary's board (api/summary.py), which is kept up to date at a bounded cost: here it is only
added up, by the database that the board is. Sums are exact: availability is pooled as core.availability pools it, never
as a mean of percentages.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from roundsman_collector.api.standing import WORDS
from roundsman_collector.api.summary import WINDOWS, Summary, figure_of
from roundsman_collector.core.availability import Figure, pool
from roundsman_collector.metrics.names import ALONE, Labels, Samples
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store.board import ALL, GroupedPast, GroupedPasts, GroupedStates

DEVICE_LIMIT = 2_000
"""Beyond so many devices there are no series of single ones."""
LABEL_LIMIT = 500
"""So many pairs of group and kind at most; the devices of further ones count as group and kind OTHER."""
OTHER = "_other"
NOBODY = "_none"
"""The group of a device that nobody speaks for. No id begins with an underscore."""
IS_UP: Mapping[str, float] = {"normal": 1, "warning": 1, "fault": 0, "offline": 0}
"""Under a word that is missing here it is not known to be either."""

Pair = tuple[str, str]
Told = Iterator[tuple[str, Labels, float]]


def told(summary: Summary, now_ms: int) -> Samples:
    """The samples of the whole fleet; figures are missing until they are worked out for the first time."""
    total = sum(summary.counts(EVERYTHING, now_ms).values())
    states, past = summary.board.sums()
    pairs = _pairs([*states, *(past.pasts if past else ())])
    samples: defaultdict[str, list[tuple[Labels, float]]] = defaultdict(list)
    if past is not None:
        samples["roundsman_figures_timestamp_seconds"].append((ALONE, past.at_ms / 1000))
        for name, labels, value in _figures(_pooled(past, pairs)):
            samples[name].append((labels, value))
    for name, labels, value in _states(states, pairs):
        samples[name].append((labels, value))
    if total <= DEVICE_LIMIT:
        for name, labels, value in _devices(summary, now_ms, pairs):
            samples[name].append((labels, value))
    return samples


def _pairs(states: Sequence[GroupedStates | GroupedPast]) -> dict[tuple[str | None, str], Pair]:
    """The labels of each group and kind: the first LABEL_LIMIT pairs by name have their own."""
    found = sorted({(row.group or NOBODY, row.kind, row.group) for row in states})
    return {
        (group, kind): (named, kind) if place < LABEL_LIMIT else (OTHER, OTHER)
        for place, (named, kind, group) in enumerate(found)
    }


def _states(states: Sequence[GroupedStates], pairs: Mapping[tuple[str | None, str], Pair]) -> Told:
    counts: defaultdict[Pair, dict[str, int]] = defaultdict(lambda: dict.fromkeys(WORDS, 0))
    for row in states:
        counts[pairs[row.group, row.kind]][row.word] += row.devices
    for pair, of_pair in counts.items():
        for word, devices in of_pair.items():
            yield "roundsman_devices", (*pair, word), devices


def _pooled(whole: GroupedPasts, pairs: Mapping[tuple[str | None, str], Pair]) -> dict[tuple[Pair, str], Figure]:
    """Figures by labels and window."""
    names = tuple(WINDOWS)
    found: defaultdict[tuple[Pair, str], list[Figure]] = defaultdict(list)
    for row in whole.pasts:
        found[pairs[row.group, row.kind], names[row.window]].append(figure_of(row.past))
    return {key: pool(figures) for key, figures in found.items()}


def _figures(pooled: Mapping[tuple[Pair, str], Figure]) -> Told:
    for (pair, window), one in pooled.items():
        labels = (*pair, window)
        yield from _ratios("roundsman_", labels, one)
        yield "roundsman_up_seconds", labels, one.up_ms / 1000
        yield "roundsman_down_seconds", labels, one.down_ms / 1000
        yield "roundsman_unknown_seconds", labels, one.unknown_ms / 1000
        yield "roundsman_excluded_seconds", labels, one.excluded_ms / 1000
        yield "roundsman_outages", labels, one.outages
        yield "roundsman_longest_outage_seconds", labels, one.longest_ms / 1000


def _devices(summary: Summary, now_ms: int, pairs: Mapping[tuple[str | None, str], Pair]) -> Told:
    page = summary.fleet(EVERYTHING, ALL, now_ms, order="id", limit=DEVICE_LIMIT)
    figures = summary.figures([row.device for row in page.rows], now_ms)
    for row in page.rows:
        labels = (row.device, *pairs.get((row.group, row.kind), (OTHER, OTHER)))
        if row.word in IS_UP:
            yield "roundsman_device_up", labels, IS_UP[row.word]
        for window, one in figures.get(row.device, {}).items():
            yield from _ratios("roundsman_device_", (*labels, window), one)


def _ratios(begin: str, labels: Labels, one: Figure) -> Told:
    if one.availability is not None:
        yield f"{begin}availability_ratio", labels, float(one.availability)
    if one.coverage is not None:
        yield f"{begin}coverage_ratio", labels, float(one.coverage)
