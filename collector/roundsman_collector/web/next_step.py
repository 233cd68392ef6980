"""Which step of a ticket comes next: the steps that its state offers, the likeliest first. Pure.

    likeliest(standing, offered) -> ("arrive", "depart", ...)      the first is the big button

The order is the table COURSE, one row for each state; what a ticket still lacks (a signature, the report, the
follow-up) comes before what follows it. Steps that are in no row stand behind, what is seldom right last of all.
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
    "resolved": ("follow_up", "close"),
}
ALWAYS = ("note", "attach", "call", "wait")
"""What anybody may want to do at any time comes next."""
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


CAN_BE: Mapping[str, Callable[[Standing], bool]] = {
    "resume": lambda standing: bool(standing.waiting),
    "wait": lambda standing: not standing.waiting,
    "bring_back": lambda standing: bool(standing.taken_away),
    "loan_back": lambda standing: bool(standing.loans),
}
"""Steps that answer another one: they are offered when that was taken."""
LAST = ("reopen", "transfer", "override", "void")
"""What is seldom right stands behind everything else."""


def likeliest(standing: Standing, offered: Collection[str]) -> tuple[str, ...]:
    """The steps that are offered, the one that comes next first. A ticket that waits goes on first."""
    possible = [verb for verb in offered if verb not in CAN_BE or CAN_BE[verb](standing)]
    course = ("resume", *COURSE.get(standing.state, ()))
    due = [verb for verb in course if verb in possible and not (verb in IS_DONE and IS_DONE[verb](standing))]
    rest = [verb for verb in (*ALWAYS, *possible) if verb in possible and verb not in (*due, *LAST)]
    return tuple(dict.fromkeys([*due, *rest, *(verb for verb in LAST if verb in possible and verb not in due)]))
