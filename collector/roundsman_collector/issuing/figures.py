"""How reports ask for availability: every row, as known when the report is, for whoever reads it.

view.reckon(asked_for(asked, by="site", of={"contract": {"metro-c"}}))
"""

from collections.abc import Collection, Mapping

from roundsman_collector.core.reckoning import Bucket
from roundsman_collector.issuing.about import Asked
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store.reckon import Asked as Figures
from roundsman_collector.store.reckon import Dimension

MOST = 1_000_000
"""More rows than any report has."""
OF_ALL: Mapping[str, Collection[str]] = {}


def asked_for(
    asked: Asked,
    *,
    by: Dimension = "",
    of: Mapping[str, Collection[str]] = OF_ALL,
    bucket: Bucket = "",
    scope: Scope = EVERYTHING,
) -> Figures:
    """The question, over the report's period."""
    return Figures(
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.now_ms,
        known_ms=asked.known_ms,
        scope=scope,
        by=by,
        of=of,
        bucket=bucket,
        limit=MOST,
    )
