"""Which step of a ticket comes next: the steps that its state offers, the likeliest first. Pure.

    likeliest(standing, offered) -> ("arrive", "depart", ...)      the first is the big button

The order is the table COURSE, one row for each state; what a ticket still lacks (a signature, the report, the
follow-up) comes before what follows it. Steps that are in no row stand behind, in the order of core/lifecycle.py.
"""

from collections.abc import Callable, Collection, Mapping

from roundsman_collector.core.lifecycle import CALLED_BACK, TO_MEND, Standing

COURSE: Mapping[str, tuple[str, ...]] = {
    "open": ("acknowledge", "plan", "dispatch", "resolve", "appoint"),
    "acknowledged": ("plan", "dispatch", "resolve", "appoint"),
    "planned": ("dispatch", "resolve", "appoint"),
    "dispatched": ("depart", "arrive", "appoint", "wait", "dispatch"),
    "departed": ("arrive", "wait", "appoint"),
    "on_site": ("fix", "attach", "part", "leave", "sign", "wait"),
    "fixed": ("sign", "confirm", "attach", "part", "report", "verify"),
    "verified": ("sign", "confirm", "attach", "part", "report"),
    "confirmed": ("sign", "report", "follow_up", "close", "attach"),
    "followed_up": ("sign", "report", "close"),
    "resolved": ("follow_up", "close", "reopen"),
    "closed": ("note", "attach"),
}
SIGNED = frozenset({"customer", "service"})


def _is_signed(standing: Standing) -> bool:
    return not standing.visits or standing.signed >= SIGNED


IS_DONE: Mapping[str, Callable[[Standing], bool]] = {
    "acknowledge": lambda standing: standing.acknowledged_ms is not None,
    "sign": lambda standing: _is_signed(standing) if standing.state not in TO_MEND else False,
    "report": lambda standing: standing.is_reported or not standing.visits,
    "follow_up": lambda standing: (
        standing.is_followed_up or (not standing.visits and standing.ending not in CALLED_BACK)
    ),
}
"""What need not be done again: it stands behind what is still to do."""


def likeliest(standing: Standing, offered: Collection[str]) -> tuple[str, ...]:
    """The steps that are offered, the one that comes next first. A ticket that waits goes on first."""
    first = ("resume",) if standing.waiting else ()
    course = [*first, *COURSE.get(standing.state, ())]
    if not standing.waiting:
        offered = [verb for verb in offered if verb != "resume"]
    due = [verb for verb in course if verb in offered and not _is_behind(standing, verb)]
    rest = [verb for verb in offered if verb not in due]
    return (*due, *rest)


def _is_behind(standing: Standing, verb: str) -> bool:
    return verb in IS_DONE and IS_DONE[verb](standing)
