"""What the pages of the stock share: names in the reader's language, numbers of forms, and what was wrong with them."""

from collections.abc import Mapping

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, ItemRow, LocationRow
from roundsman_collector.store.stock_rows import QUANTITY_LIMIT, SERIAL_LIMIT, TEXT_LIMIT
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

NEW = "~new"
"""Stands where an id would; no id looks like it."""
STATUS = {"value": 422, "missing": 422, "conflict": 409, "closed": 403}
LIMITS = {"quantity_limit": QUANTITY_LIMIT, "serial_limit": SERIAL_LIMIT, "text_limit": TEXT_LIMIT}

STATES: Mapping[str, str] = {
    "wanted": N_("asked for"),
    "open": N_("kept"),
    "issued": N_("handed out"),
    "released": N_("released"),
    "expired": N_("its ticket is over"),
}
WRONG: Mapping[str, str] = {
    "id": N_("Small letters, digits, - and _; it cannot be changed later."),
    "name_zh": N_("A name of at most 200 characters."),
    "specification": N_("At most 400 characters."),
    "component": N_("A component such as printer, disk or ups, or nothing."),
    "kinds": N_("Kinds of devices such as kiosk nvr camera, with blanks between them."),
    "models": N_("At most 50 models, one on each line."),
    "unit": N_("At most 20 characters."),
    "warranty_months": N_("Months from 0 to 240, or nothing."),
    "customer": N_("There is no such customer."),
    "group": N_("This is no id."),
    "point": N_("This is no id."),
    "engineer": N_("There is no such user."),
    "authorised": N_("A whole number from 0 on."),
    "minimum": N_("A whole number, at most as many as are authorised."),
    "location": N_("There is no such location."),
    "item": N_("There is no such item."),
    "verb": N_("Choose what happens."),
    "quantity": N_("A whole number from 1 on; with a serial number, 1."),
    "serial": N_("By its last move this serial number is somewhere else. Look at its history."),
    "grade": N_("For how many years it is good: of what comes back from repair, and of nothing else."),
    "ticket": N_("There is no such ticket, or it is over."),
    "text": N_("Say why, in at most 2,000 characters."),
    "month": N_("It cannot be signed: it is not over, or somebody has signed it."),
}
CONFLICTS: Mapping[str, str] = {
    "quantity": N_("So many are not there, or are kept for other tickets. Somebody may have been faster."),
    "id": N_("It is not empty: move or scrap first what is left of it."),
}
CLOSED = N_("This lies beyond your scope.")


def whole(said: Mapping[str, str], name: str, usual: int | None) -> int:
    """A whole number of a form; EntryError for what is none."""
    text = said.get(name, "") or ("" if usual is None else str(usual))
    if not text.lstrip("-").isdigit() or not text.isascii() or len(text) > 10:
        raise EntryError(
            what=f"{text[:20]!r} is no number", where=name, expected="a whole number", do="mend it", field=name
        )
    return int(text)


def wrong(saying: Saying, error: EntryError | None) -> dict[str, str]:
    """What is said beside the field that cannot be used; under "" where it is none."""
    if error is None:
        return {}
    if error.cause == "closed":
        return {"": saying(CLOSED)}
    words = CONFLICTS.get(error.field) if error.cause == "conflict" else None
    known = words or WRONG.get(error.field)
    return {error.field: saying(known)} if known else {"": error.what}


def name_of(saying: Saying, one: ItemRow | LocationRow) -> str:
    """What an item or a location is called in the reader's language."""
    return one.fields.name_zh if saying.language == "zh" else one.fields.name_en


def locations(desk: Desk, saying: Saying, who: Who) -> list[tuple[str, str]]:
    """The locations that somebody reaches, as choices."""
    return [(one.id, name_of(saying, one)) for one in desk.view.stock_locations(scope=who.scope)]
