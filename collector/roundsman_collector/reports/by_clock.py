"""How each clock was kept, as a table: the same in every report that tells of promises. Pure."""

from collections.abc import Iterable
from fractions import Fraction

from roundsman_collector.core.kept import STANDS, Kept
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.reports.document import Count, Share, Span, Table
from roundsman_collector.reports.words import step_word
from roundsman_wire.catalogue import Label


def by_clock(clocks: Iterable[Kept]) -> Table:
    """A row per clock: how many tickets had it, how they stand, the share in time, the mean time."""
    columns = (
        Label(zh="时钟", en="Clock"),
        Label(zh="工单", en="Tickets"),
        *(Label(zh=zh, en=en) for zh, en in STANDS.values()),
        Label(zh="按时率", en="In time"),
        Label(zh="平均用时", en="Mean time"),
    )
    rows = tuple(
        (
            step_word(CLOCKS, one.clock),
            Count(one.tickets),
            *(Count(one.stands.get(name, 0)) for name in STANDS),
            Share(one.share_met),
            None if one.mean_ms is None else Span(_whole(one.mean_ms)),
        )
        for one in clocks
    )
    none = Label(zh="本期无计时承诺", en="no clock ran in this period")
    return Table(title=Label(zh="各时钟履行情况", en="By clock"), columns=columns, rows=rows, none=none)


def _whole(ms: Fraction) -> int:
    """Milliseconds, rounded half up, as the API tells them."""
    return int(ms + Fraction(1, 2))
