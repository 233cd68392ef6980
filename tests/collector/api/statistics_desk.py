"""The three tickets of world.py as faults: 1 mended with a part at the Metro's, 2 open, 3 void; what stands where.

kiosk-7 and nvr-2 stand at the Metro's; kiosk-7 is a DR-58 of a vendor. All three began on the day itself.
"""

from typing import Any

from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.store import Batch, Deed, DeviceEntry, Office, Store, TicketStep, TicketVoid
from tests.collector.api import world
from tests.collector.api.world import NOW, at
from tests.collector.store.cast import TODAY


def step(ticket: int, hour: float, verb: str, *, who: str = "engineer", **data: Any) -> TicketStep:
    return TicketStep(ticket=ticket, at_ms=at(hour), verb=verb, who=who, text="x", data=data)


def settle(store: Store) -> None:
    """Write what is described above."""
    card = DeviceEntry(
        id="kiosk-7",
        kind="kiosk",
        name_zh="自助终端 7",
        name_en="Kiosk 7",
        model="DR-58",
        vendor="示例科技",
        batch="B1",
    )
    store.put_devices([card], {}, {}, Deed(who="admin", at_ms=TODAY))
    metro = {"customer": "metro", "site": "metro-a", "level_id": None}
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                step(1, 12.1, "promise", who=ROBOT, category="printer", **metro),
                step(1, 12.3, "dispatch", engineer="engineer"),
                step(1, 13, "arrive"),
                step(1, 13.2, "part", component="printer", name="print head", quantity=2),
                step(1, 13.5, "fix", cause="product"),
                step(2, 17.6, "promise", who=ROBOT, category="reach", **metro),
                TicketVoid(ticket=3, at_ms=at(16), text="it never was"),
            ],
        )
    )


def stand(office: Office) -> None:
    """What stands where, since the day began."""
    deed = Deed(who="admin", at_ms=TODAY)
    for kind, name, fields in world.PLACES:
        office.put_entry(kind, name, fields, deed=deed, from_ms=TODAY)
