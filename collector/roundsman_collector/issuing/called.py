"""Follow-ups 回访 that plans asked for: calls, and visits of which asking the customer is a part (S0-53)."""

from roundsman_collector.core.tasks import standing_of
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.ahead import tasks_of
from roundsman_collector.reports.statistics_inputs import Called
from roundsman_collector.store import View
from roundsman_collector.store.tasks import TaskFound


def called(view: View, asked: Asked) -> Called:
    """Those that were due in the period and have come due by now, as known now; cancelled ones are not asked for."""
    found = [
        one
        for one in tasks_of(view, asked, asked.from_ms)
        if one.task.kind.follows_up and asked.period.first_day <= one.task.due.due_on <= asked.period.last_day
    ]
    told = [_in_time(one, asked) for one in found]
    return Called(due=sum(one is not None for one in told), in_time=told.count(True))


def _in_time(found: TaskFound, asked: Asked) -> bool | None:
    """Whether it was done in time; None: it is not due yet, or was cancelled."""
    standing = standing_of(line for line in found.log if line.at_ms <= asked.known_ms)
    if standing.state in ("", "cancelled"):
        return None
    if standing.done_ms is not None:
        return standing.done_ms < found.row.due_ms
    return False if found.row.due_ms <= asked.known_ms else None
