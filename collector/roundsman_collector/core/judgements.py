"""What customers said of the service: their judgement 评价 on confirming a repair, or when called afterwards. Pure.

    judged(log) -> Judgement(at_ms, who, "follow_up", True, 5, "很快")      of one ticket; None: nothing was said
    rated([...]) -> Ratings(counts={5: 3, 4: 1, ...})                       how many gave which mark, and the mean

Each ticket has one judgement at most: the last that was given after it was mended for good. A ticket that is opened
again has none until somebody asks again. Who was not reached, and who said neither whether they are satisfied nor how
much, judged nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from roundsman_collector.core.ticket_log import Event, happened_ms

VERBS = ("confirm", "follow_up", "reopen")
"""The lines of a log that count here."""
MARKS = (5, 4, 3, 2, 1)
"""What a customer may give, the best first."""


class Judgement(NamedTuple):
    """`at_ms`: when it was said, to whom (`who`), at which step; `satisfied` and `rating` None: not said."""

    at_ms: int
    who: str
    by: str
    satisfied: bool | None
    rating: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Ratings:
    """How many gave which mark, and the mean of all; None where nobody gave one."""

    counts: Mapping[int, int]

    @property
    def given(self) -> int:
        """How many gave one."""
        return sum(self.counts.values())

    @property
    def mean(self) -> Fraction | None:
        """From 1 to 5."""
        return Fraction(sum(mark * n for mark, n in self.counts.items()), self.given) if self.given else None


def judged(log: Iterable[Event]) -> Judgement | None:
    """What the customer of a ticket thinks after its log, which is in the order of its ids; None: they did not say."""
    found: Judgement | None = None
    for event in log:
        if event.verb == "reopen":
            found = None
        elif event.verb == "confirm" or (event.verb == "follow_up" and event.data.get("reached", True)):
            found = _said(event, found) or found
    return found


def _said(event: Event, before: Judgement | None) -> Judgement | None:
    """What a line says; what it leaves open stays as it was said before."""
    satisfied, rating = event.data.get("satisfied"), event.data.get("rating")
    says_satisfied = isinstance(satisfied, bool)
    says_rating = rating in MARKS and not isinstance(rating, bool)
    if not (says_satisfied or says_rating):
        return None
    return Judgement(
        at_ms=happened_ms(event),
        who=event.who,
        by=event.verb,
        satisfied=satisfied if says_satisfied else None if before is None else before.satisfied,
        rating=rating if says_rating else None if before is None else before.rating,
        words=event.text,
    )


def rated(judgements: Iterable[Judgement]) -> Ratings:
    """The marks of many, each mark there, also where nobody gave it."""
    counts = dict.fromkeys(MARKS, 0)
    for one in judgements:
        if one.rating is not None:
            counts[one.rating] += 1
    return Ratings(counts)
