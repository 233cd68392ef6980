"""How clocks stand, what is to be told, and when next, in one walk of the log: as three functions with a walk each."""

import pytest

from roundsman_collector.core.sla import due_to_tell, look, wake_at
from roundsman_collector.core.ticket_log import ROBOT, Event
from tests.collector.core.told_ticket import Story

MINUTE = 60_000


@pytest.mark.parametrize("minutes", [0, 19, 20, 33, 50, 125, 245, 400])
@pytest.mark.parametrize("step", ["", "acknowledge", "plan", "dispatch", "wait", "resolve"])
def test_one_walk_tells_the_same_as_three(minutes: int, step: str) -> None:
    kiosk = Story("kiosk", service_class="maintenance", zone="urban", severity="major").at("09:00").happens("open")
    if step:
        data = {"wait": {"reason": "customer_absent"}, "plan": {"mode": "visit"}}.get(step, {})
        kiosk.at("09:30").happens(step, **data)
    now_ms = kiosk.instant("09:30") + minutes * MINUTE
    kiosk.now_ms = now_ms
    log = list(kiosk.log)

    readings, tells, next_ms = look(kiosk.level, log, kiosk.hours, now_ms)

    assert readings == kiosk.readings()
    assert tells == due_to_tell(readings, log, now_ms)
    log += [Event(len(log) + at, now_ms, ROBOT, one.verb, "", one.data) for at, one in enumerate(tells, 1)]
    assert next_ms == wake_at(readings, log, now_ms)
