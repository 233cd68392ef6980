"""Two hundred devices of three kinds under six contracts, each with the plans that its regulation promises.

    bank       50 kiosks at five branches        kiosk        phone each month, each quarter a visit, then statistics
    campus     10 kiosks                         huajun       an inspection in every half-year from the installation
    school     10 kiosks                         tianyi       a call around the 10th
    mall       10 kiosks                         decoration   two visits a year; on trial until the third day
    metro      60 recorders in six control rooms security     visits, upkeep that is agreed to, the store's books
    buses      60 vehicle terminals, two centres vehicle      weekly and monthly reports, what keeps coming back

Devices of a site are spoken for by one agent, vehicles each by their own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from roundsman_collector.config import built_in
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.store import Deed, DeviceEntry, Office, Store

PER_SITE = 10
CENTRES = ("centre-1", "centre-2")
PER_CENTRE = 30


class Client(NamedTuple):
    """A customer with its one contract (of the same id), which names a service level and is accepted on a day."""

    id: str
    zh: str
    level: str
    kind: str
    sites: int
    accepted_on: str
    plans: tuple[str, ...]


CLIENTS = (
    Client("bank", "城南银行", "kiosk", "kiosk", 5, "2025-03-01", ("kiosk-phone", "kiosk-visit", "kiosk-statistics")),
    Client("campus", "大学城", "huajun", "kiosk", 1, "2026-04-20", ("huajun-remote", "huajun-free")),
    Client("school", "第二中学", "tianyi", "kiosk", 1, "2025-09-01", ("tianyi-call",)),
    Client("mall", "犇鑫广场", "decoration", "kiosk", 1, "2026-10-03", ("decoration-visit",)),
    Client("metro", "地铁公司", "security", "nvr", 6, "2026-01-10", ("security-visit", "security-upkeep")),
    Client("buses", "公交集团", "vehicle", "vehicle", 0, "2025-05-01", ()),
)
"""`sites` 0: it has the vehicles, a site for each centre."""
FOR_US = (
    *("security-stock", "vehicle-weekly", "vehicle-file"),
    *("vehicle-recurrence-month", "vehicle-recurrence-quarter", "vehicle-recurrence-year"),
)
"""What the company owes itself."""
PEOPLE = (("wang", "dispatcher"), ("li", "engineer"), ("zhao", "manager"), ("admin", "administrator"))


def site_of(client: Client, number: int) -> str:
    """The id of a client's site; they are counted from 1."""
    return f"{client.id}-{number}"


def sites() -> Iterator[tuple[Client, str, tuple[str, ...]]]:
    """Every site: whose, its id, its devices."""
    for client in CLIENTS:
        for number in range(1, client.sites + 1):
            site = site_of(client, number)
            yield client, site, tuple(f"{site}-{client.kind}-{n:02}" for n in range(1, PER_SITE + 1))
    for centre in CENTRES:
        yield CLIENTS[-1], f"buses-{centre}", tuple(f"{centre}-bus-{n:02}" for n in range(1, PER_CENTRE + 1))


def agents() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every agent: its id, its group, the devices it speaks for."""
    for client, site, devices in sites():
        if client.kind == "vehicle":
            yield from ((device, site.removeprefix("buses-"), (device,)) for device in devices)
        else:
            yield f"{site}-gw", "south", devices


def enrol(store: Store, at_ms: int) -> None:
    """Agents and devices, as if they had been enrolled."""
    kinds = {device: client.kind for client, _, devices in sites() for device in devices}
    for agent, group, devices in agents():
        told = [DeviceEntry(id=one, kind=kinds[one], name_zh=one, name_en=one, model=_model(one)) for one in devices]
        store.add_agent(agent, group, told, at_ms)


def _model(device: str) -> str:
    """Two models of each kind, by turns."""
    return f"{device.split('-')[-2].upper()}-{1 + int(device[-2:]) % 2}00"


def enter(office: Office, deed: Deed, installed_ms: int) -> None:
    """Customers, contracts, sites, places: as a dispatcher enters them, with the day of their installation."""
    office.seed_calendar(calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml"), deed=deed)
    for login, role in PEOPLE:
        office.add_person(login, name=login.title(), role=role, scope=EVERYTHING, language="zh", deed=deed)
    for group in ("south", *CENTRES):
        office.put_entry("group", group, {"name_zh": group, "name_en": group}, from_ms=installed_ms, deed=deed)
    for client in CLIENTS:
        names = {"name_zh": client.zh, "name_en": client.id.title()}
        office.put_entry("customer", client.id, names, from_ms=installed_ms, deed=deed)
        office.put_entry("contract", client.id, _contract(client), from_ms=installed_ms, deed=deed)
    for client, site, devices in sites():
        office.put_entry("site", site, _site(client, site), from_ms=installed_ms, deed=deed)
        for device in devices:
            names = {"name_zh": device, "name_en": device}
            office.put_entry("place", f"{device}-p", {"site": site, **names}, from_ms=installed_ms, deed=deed)
            office.put_entry("installation", device, {"place": f"{device}-p"}, from_ms=installed_ms, deed=deed)


def _contract(client: Client) -> dict[str, str]:
    return {
        "customer": client.id,
        "name": f"{client.id} 2026",
        "service_level": client.level,
        "accepted_on": client.accepted_on,
        "warranty_until": "2027-12-31",
        "target_percent": "99.5",
    }


def _site(client: Client, site: str) -> dict[str, str]:
    centre = site.removeprefix("buses-")
    return {
        "customer": client.id,
        "contract": client.id,
        "group_id": centre if centre in CENTRES else "south",
        "zone": "urban",
        "engineer": "li",
        "name_zh": f"{client.zh}{site}",
        "name_en": site,
        "address": "中山路 1 号",
    }
