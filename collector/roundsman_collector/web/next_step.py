"""Which step of a ticket comes next: the steps that its state offers, the likeliest first. Pure.

    likeliest(standing, offered) -> ("arrive", "depart", ...)      the first is the big button

The order is the table COURSE, one row for each state; what a ticket still lacks (a signature, the report, the
follow-up) comes before what follows it. Steps that are in no row stand behind, what is seldom right last of all.
"""

from collections.abc import Callable, Collection, Mapping

from roundsman_collector.core.lifecycle import CALLED_BACK, TO_MEND, Standing

COURSE: Mapping[str, tuple[str, ...]] = {
    "open": ("acknowledge", "examine", "plan", "dispatch", "resolve", "appoint"),
    "acknowledged": ("examine", "plan", "dispatch", "resolve", "appoint"),
    "planned": ("examine", "dispatch", "resolve", "appoint"),
    "dispatched": ("depart", "arrive", "appoint", "contact", "wait", "dispatch", "resolve"),
    "departed": ("arrive", "contact", "wait", "appoint", "resolve"),
    "on_site": ("fix", "attach", "part", "leave", "sign", "wait"),
    "fixed": ("sign", "confirm", "attach", "part", "report", "verify"),
    "verified": ("sign", "confirm", "attach", "part", "report"),
    "confirmed": ("sign", "report", "follow_up", "review", "close", "attach"),
    "followed_up": ("sign", "report", "follow_up", "review", "close"),
    "resolved": ("follow_up", "review", "close"),
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
ASKED_FOR: Mapping[str, Callable[[Standing], bool]] = {
    "examine": lambda standing: not standing.is_examined,
    "review": lambda standing: not standing.is_reviewed,
}
"""What only some service levels ask for, and whether it is still to do: it stands in its place where they do."""

CAN_BE: Mapping[str, Callable[[Standing], bool]] = {
    "resume": lambda standing: bool(standing.waiting),
    "wait": lambda standing: not standing.waiting,
    "bring_back": lambda standing: bool(standing.taken_away),
    "loan_back": lambda standing: bool(standing.loans),
}
"""Steps that answer another one: they are offered when that was taken."""
LAST = ("reopen", "transfer", "override", "void")
"""What is seldom right stands behind everything else."""


def likeliest(standing: Standing, offered: Collection[str], asked_for: Collection[str] = ()) -> tuple[str, ...]:
    """The steps that are offered, the one that comes next first. A ticket that waits goes on first.

    `asked_for`: of ASKED_FOR, what the ticket's service level asks for.
    """
    possible = [verb for verb in offered if verb not in CAN_BE or CAN_BE[verb](standing)]
    course = ("resume", *COURSE.get(standing.state, ()))
    due = [verb for verb in course if verb in possible and _is_due(verb, standing, asked_for)]
    rest = [verb for verb in (*ALWAYS, *possible) if verb in possible and verb not in (*due, *LAST)]
    return tuple(dict.fromkeys([*due, *rest, *(verb for verb in LAST if verb in possible and verb not in due)]))


def _is_due(verb: str, standing: Standing, asked_for: Collection[str]) -> bool:
    if verb in ASKED_FOR:
        return verb in asked_for and ASKED_FOR[verb](standing)
    return verb not in IS_DONE or not IS_DONE[verb](standing)
