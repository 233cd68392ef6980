"""The figures of after-sales service (core/kept.py) as a table, the same in every report about tickets. Pure."""

from collections.abc import Mapping

from roundsman_collector.core.kept import COUNTS, FIGURES, figure
from roundsman_collector.reports.document import Count, Share, Table
from roundsman_collector.reports.words import step_word
from roundsman_wire.catalogue import Label


def by_figure(counts: Mapping[str, int]) -> Table:
    """A row for each figure with its two numbers, below the number of tickets."""
    found = [(measure, figure(name, counts)) for name, measure in FIGURES.items()]
    return Table(
        title=Label(zh="服务质量指标", en="Figures of service"),
        columns=(
            Label(zh="指标", en="Figure"),
            Label(zh="数量", en="Count"),
            Label(zh="基数", en="Of"),
            Label(zh="比率", en="Share"),
        ),
        rows=(
            (step_word(COUNTS, "tickets"), Count(counts.get("tickets", 0)), None, None),
            *(
                (
                    Label(zh=measure.zh, en=measure.en),
                    Count(one.count),
                    Count(one.of),
                    Share(one.share) if measure.of else None,
                )
                for measure, one in found
            ),
        ),
    )
