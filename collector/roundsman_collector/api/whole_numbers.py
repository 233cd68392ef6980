"""Whole numbers of people and cards, and that somebody was shown them: once for each person, subject and day (S3-36).

    note(desk, who, "ticket:2026-000007", "13812345678")        nothing is noted where there is no number

The audit log then says who could have passed a number on (`numbers.seen`); the number itself never stands in it.
"""

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Who
from roundsman_collector.store import Deed


def note(desk: Desk, who: Who, subject: str, *numbers: str | None) -> None:
    """Write down that somebody is shown these, about this subject."""
    if any(numbers):
        desk.office.numbers_seen(subject, Deed(who=who.id, at_ms=desk.now_ms()))
