"""The three tickets of world.py, promised something and worked on.

1 (kiosk-7)    contract metro-c: the engineer came as agreed; the customer had called twice. Mended, not followed up
2 (nvr-2)      no contract, zone remote: nobody went, and its clock `total` is over
3 (@bus-31)    voided; a breach of it is recorded
"""

from typing import Any

from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.store import Batch, Store, TicketStep, TicketVoid
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from tests.collector.api.world import HOUR, NOW, at


def step(ticket: int, hour: float, verb: str, *, who: str = "engineer", **data: Any) -> TicketStep:
    return TicketStep(ticket=ticket, at_ms=at(hour), verb=verb, who=who, text="x", data=data)


def settle(store: Store) -> None:
    """Write what is described above."""
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                step(1, 12.1, "promise", who=ROBOT, contract="metro-c", zone="urban"),
                step(1, 12.2, "call"),
                step(1, 12.3, "dispatch", engineer="engineer", arrival_ms=at(13)),
                step(1, 13, "arrive"),
                step(1, 13.5, "fix"),
                step(2, 17.6, "promise", who=ROBOT, zone="remote"),
                TicketVoid(ticket=3, at_ms=at(16), text="it never was"),
            ],
            clocks=[
                _told(1, ClockRow("arrive", "met", at(12), at(14), None, at(13), HOUR, False)),
                _told(2, ClockRow("total", "breached", at(17), at(17.7), None, None, HOUR, True)),
                _told(3, ClockRow("arrive", "cancelled", at(15), at(15.5), None, at(16), HOUR, True)),
            ],
        )
    )


def _told(ticket: int, clock: ClockRow) -> ClocksTold:
    return ClocksTold(ticket=ticket, wake_at_ms=None, clocks=[clock])


def late(ticket: int) -> Batch:
    """The engineer of that ticket came an hour after it was due."""
    return Batch(
        now_ms=NOW, clocks=[_told(ticket, ClockRow("arrive", "missed", at(12), at(14), None, at(15), HOUR, True))]
    )
