"""What a device is found by: one line of text per device, in lower case.

    kiosk-7 自助终端 7 kiosk 7 dr-58 sn-0042 人民广场站 people's square … zizhuzhongduan 7 zzzd 7 renminguangchang rmgcz

Ids, names, model, serial, place, site, customer and address, and how Chinese names are typed: full pinyin and initials.
The line is derived: a change forgets the lines that it touches, in its own transaction, and fill() writes what is
missing. So a line may be missing for a moment, but never says what is no longer true.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from sqlalchemy import Connection

from roundsman_collector.store import schema
from roundsman_collector.store.cards import SELECT, Card
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.sql import chunks, many, marks, run, upsert

AT_ONCE = 500
"""How many lines one short transaction writes."""

# The devices that entries of a kind say something about. Any time: a line too many is only written anew.
STANDING = (
    "SELECT i.device FROM installation i JOIN place p ON p.id = i.place JOIN site s ON s.id = p.site WHERE {} IN ({})"
)
TOUCHED: dict[KindName, str] = {"customer": "s.customer", "site": "s.id", "place": "p.id", "installation": "i.device"}


def forget_of(connection: Connection, kind: KindName, entries: Iterable[str]) -> None:
    """Forget the lines of devices that these entries say something about."""
    column = TOUCHED.get(kind)
    if column is None:
        return
    if kind == "installation":
        forget(connection, entries)
        return
    for part in chunks(entries):
        devices = STANDING.format(column, marks(len(part)))
        run(connection, f"DELETE FROM device_search WHERE device IN ({devices})", *part)


def forget(connection: Connection, devices: Iterable[str]) -> None:
    """Forget the lines of these devices."""
    for part in chunks(devices):
        run(connection, f"DELETE FROM device_search WHERE device IN ({marks(len(part))})", *part)


def forget_all(connection: Connection) -> None:
    """Forget all lines, so that fill() writes them anew."""
    run(connection, "DELETE FROM device_search")


def fill(connection: Connection, after: str = "") -> str | None:
    """Write at most AT_ONCE missing lines of devices behind `after`; return the last of them, None: none is missing."""
    rows = run(connection, f"{SELECT}device.id > ? AND {MISSING} ORDER BY device.id LIMIT ?", after, AT_ONCE).all()
    _write(connection, [Card(*row) for row in rows])
    return rows[-1][0] if rows else None


def fill_of(connection: Connection, kind: KindName, entries: Iterable[str]) -> None:
    """Write the missing lines of devices that these entries say something about, at most AT_ONCE."""
    column = TOUCHED.get(kind)
    for part in chunks(entries) if column is not None else ():
        devices = STANDING.format(column, marks(len(part)))
        sql = f"{SELECT}device.id IN ({devices}) AND {MISSING} LIMIT ?"
        _write(connection, [Card(*row) for row in run(connection, sql, *part, AT_ONCE)])


def _write(connection: Connection, found: Sequence[Card]) -> None:
    many(connection, upsert(schema.device_search), [(card.device, line(card)) for card in found])


MISSING = "NOT EXISTS (SELECT 1 FROM device_search WHERE device_search.device = device.id)"


def line(card: Card) -> str:
    """The text that a device is found by."""
    said = [
        card.device,
        card.name_zh,
        card.name_en,
        card.model,
        card.serial,
        card.place,
        card.place_zh,
        card.place_en,
        card.site,
        card.site_zh,
        card.site_en,
        card.customer,
        card.customer_zh,
        card.customer_en,
        card.address,
    ]
    words = list(dict.fromkeys(word.lower() for word in said if word))
    typed = [way for word in words for way in pinyin(word)]
    return " ".join(dict.fromkeys([*words, *typed]))


@lru_cache(maxsize=20_000)
def pinyin(text: str) -> tuple[str, ...]:
    """How a Chinese name is typed: in full, and by initials; nothing for a text without Chinese."""
    if text.isascii():
        return ()
    from pypinyin import Style, lazy_pinyin

    full = "".join(lazy_pinyin(text)).lower()
    if full == text:
        return ()
    return full, "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower()
