"""A device's card, a row of the register: what it is, who speaks for it, where it stands and for whom, as it is now.

cards(connection, scope=..., after="", limit=1000, where={"site": "site-3"})       by device id
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import reach
from roundsman_collector.store.sql import chunks, marks, run


class Card(NamedTuple):
    """A device and where it stands. `place` None: nowhere, then all behind it is None; `agent` None: nobody speaks."""

    device: str
    kind: str
    model: str | None
    serial: str | None
    name_zh: str
    name_en: str
    agent: str | None
    agent_group: str | None
    installed_ms: int | None
    place: str | None
    place_zh: str | None
    place_en: str | None
    place_engineer: str | None
    site: str | None
    site_zh: str | None
    site_en: str | None
    group: str | None
    address: str | None
    zone: str | None
    time_zone: str | None
    service_hours: str | None
    engineer: str | None
    calendar: str | None
    point: str | None
    customer: str | None
    customer_zh: str | None
    customer_en: str | None
    contract: str | None
    contract_name: str | None
    accepted_on: str | None
    warranty_until: str | None
    maintenance_until: str | None
    service_level: str | None
    labour_until: str | None
    parts_rate: str | None
    place_contact: str | None
    place_contact_phone: str | None
    contact: str | None
    contact_phone: str | None
    vendor: str | None
    batch: str | None

    @property
    def on_the_spot(self) -> tuple[str, str]:
        """Who can be called there, and the number: the place's, where one is named, else its site's."""
        if self.place_contact or self.place_contact_phone:
            return self.place_contact or "", self.place_contact_phone or ""
        return self.contact or "", self.contact_phone or ""


SELECT = (
    "SELECT device.id, device.kind, device.model, device.serial, device.name_zh, device.name_en, "
    "agent.id, agent.group_id, i.from_ms, p.id, p.name_zh, p.name_en, p.engineer, s.id, s.name_zh, s.name_en, "
    "s.group_id, s.address, s.zone, s.time_zone, s.service_hours, s.engineer, s.calendar, s.point, "
    "c.id, c.name_zh, c.name_en, k.id, k.name, k.accepted_on, k.warranty_until, k.maintenance_until, "
    "k.service_level, k.labour_until, k.parts_rate, "
    "p.contact, p.contact_phone, s.contact, s.contact_phone, device.vendor, device.batch FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN installation i ON i.device = device.id AND i.to_ms IS NULL "
    "LEFT JOIN place p ON p.id = i.place AND p.to_ms IS NULL "
    "LEFT JOIN site s ON s.id = p.site AND s.to_ms IS NULL "
    "LEFT JOIN customer c ON c.id = s.customer AND c.to_ms IS NULL "
    "LEFT JOIN contract k ON k.id = s.contract AND k.to_ms IS NULL WHERE "
)
BY = {"place": "p.id", "site": "s.id", "customer": "c.id", "group": "s.group_id", "agent": "agent.id"}


def cards(
    connection: Connection,
    *,
    scope: Scope = EVERYTHING,
    after: str = "",
    limit: int = 1000,
    where: Mapping[str, str] | None = None,
) -> list[Card]:
    """Cards that the scope reaches, by device id; of one place, site, customer, group or agent (BY), if named."""
    reached, values = reach.within(scope)
    wanted = dict(where or {})
    conditions = "".join(f" AND {BY[name]} = ?" for name in wanted)
    found = run(
        connection,
        f"{SELECT}device.id > ?{conditions} AND {reached} ORDER BY device.id LIMIT ?",
        after,
        *wanted.values(),
        *values,
        limit,
    )
    return [Card(*row) for row in found]


def named(connection: Connection, devices: Sequence[str], *, scope: Scope = EVERYTHING) -> dict[str, Card]:
    """The cards of these devices that are there and reached."""
    reached, values = reach.within(scope)
    found: dict[str, Card] = {}
    for part in chunks(devices):
        rows = run(connection, f"{SELECT}device.id IN ({marks(len(part))}) AND {reached}", *part, *values)
        found.update((row[0], Card(*row)) for row in rows)
    return found


STANDING = (
    "SELECT {by}, count(*) FROM site s JOIN place p ON p.site = s.id AND p.to_ms IS NULL "
    "JOIN installation i ON i.place = p.id AND i.to_ms IS NULL WHERE s.to_ms IS NULL AND {by} IN ({ids}) GROUP BY {by}"
)
STANDS_AT = {
    "customer": "s.customer",
    "contract": "s.contract",
    "group": "s.group_id",
    "site": "s.id",
    "place": "p.id",
    "point": "s.point",
}


def standing(connection: Connection, by: str, ids: Sequence[str]) -> dict[str, int]:
    """How many devices stand at each of these sites, places, or at the sites of these customers, contracts, groups."""
    found: dict[str, int] = {}
    for part in chunks(ids):
        sql = STANDING.format(by=STANDS_AT[by], ids=marks(len(part)))
        found.update((row[0], row[1]) for row in run(connection, sql, *part))
    return found
