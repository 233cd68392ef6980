"""A store room for the browser: items, two locations, moves of two months, what waits for a ticket, a loan, parts."""

from roundsman_collector.core.stock import Level
from roundsman_collector.store import (
    Deed,
    ItemFields,
    LocationFields,
    MoveWish,
    Office,
    PartWish,
    Store,
    Want,
    loans,
    parts,
)
from roundsman_collector.store.connect import transaction
from tests.collector.api.world import NOW, TODAY

DAY = 86_400_000
TICKET = "2024-000001"
ITEMS = {
    "head-80": ItemFields(
        name_zh="80 毫米热敏打印头",
        name_en="80 mm thermal print head",
        specification="KPC347-08TAJ4，203 dpi",
        component="printer",
        kinds=("kiosk",),
        warranty_months=12,
    ),
    "cam-4mp": ItemFields(
        name_zh="400 万枪式摄像机", name_en="4 MP bullet camera", component="channel", unit="台", is_swapped=True
    ),
    "paper-80": ItemFields(name_zh="80 毫米热敏纸", name_en="80 mm thermal paper", unit="卷", is_consumable=True),
}
MOVES = (
    (40, MoveWish(location="hq", item="head-80", verb="receive", quantity=6)),
    (40, MoveWish(location="hq", item="paper-80", verb="receive", quantity=200)),
    (39, MoveWish(location="hq", item="cam-4mp", verb="receive", serial="DS2CD-0001")),
    (39, MoveWish(location="hq", item="cam-4mp", verb="receive", serial="DS2CD-0002")),
    (30, MoveWish(location="hq", item="head-80", verb="send", quantity=2)),
    (12, MoveWish(location="hq", item="head-80", verb="repaired", quantity=1, grade=2)),
    (8, MoveWish(location="hq", item="paper-80", verb="count", quantity=-3, text="盘点少 3 卷，受潮报损")),
    (2, MoveWish(location="bag", item="head-80", verb="receive")),
    (1, MoveWish(location="metro-own", item="paper-80", verb="receive", quantity=20)),
)


def stocked(store: Store, office: Office) -> None:
    """Fill the store room, and build something into kiosk-7."""
    begin = Deed(who="admin", at_ms=NOW - 41 * DAY)
    for item, fields in ITEMS.items():
        office.put_stock_item(item, fields, deed=begin)
    office.put_stock_location("hq", LocationFields(name_zh="总库", name_en="Headquarters"), deed=begin)
    own = LocationFields(name_zh="地铁专用库", name_en="Metro's own store", customer="metro")
    office.put_stock_location("metro-own", own, deed=begin)
    bag = LocationFields(name_zh="工程师随身备件", name_en="Engineer's bag", engineer="engineer")
    office.put_stock_location("bag", bag, deed=begin)
    office.put_stock_level("hq", "head-80", Level(10, 6), deed=begin)
    office.put_stock_level("hq", "cam-4mp", Level(2, 1), deed=begin)
    for days, wish in MOVES:
        office.book_move(wish, deed=Deed(who="admin", at_ms=NOW - days * DAY))
    now = Deed(who="admin", at_ms=NOW - 5)
    office.book_move(MoveWish(location="hq", item="head-80", verb="issue", ticket=TICKET), deed=now)
    office.reserve_spare("hq", "head-80", 1, TICKET, deed=now)
    office.want_spare(Want(location="hq", item="head-80", ticket=TICKET), is_wish=True, deed=now)
    office.book_move(
        MoveWish(location="hq", item="cam-4mp", verb="issue", serial="DS2CD-0001", ticket=TICKET), deed=now
    )
    office.sign_stock("hq", "2024-08", is_check=False, deed=Deed(who="dispatcher", at_ms=NOW - 30 * DAY))
    printer = PartWish(
        device="kiosk-7",
        component="printer",
        name="热敏打印头",
        model="KPC347-08TAJ4",
        serial="KP23-0001",
        from_ms=TODAY - 300 * DAY,
        warranty_until="2025-06-30",
    )
    office.put_part(printer, deed=now)
    paper = PartWish(device="kiosk-7", component="supply", name="热敏纸", is_consumable=True, from_ms=TODAY - DAY)
    office.put_part(paper, deed=now)
    with transaction(store._write, "filling the store room", store._place) as connection:
        wanted = ("kiosk-7", "printer", "KP23-0001", "KP24-0107", 1, None, "engineer", NOW - 4)
        parts.replace(connection, *wanted, item="head-80")
        loans.loan_out(
            connection,
            ticket_id=1,
            who="engineer",
            at_ms=NOW - 3,
            item="cam-4mp",
            location="hq",
            serial="DS2CD-0002",
            name="备用摄像机",
        )
