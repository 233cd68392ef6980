"""The pages of the register: lists, entries, device cards, files; and what somebody with less right or scope sees."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from roundsman_collector.register import sheets
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Deed, Office, Store, View
from roundsman_collector.web.pages.importing import WAITS_MS, Sent, Waiting
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW, ORIGIN
from tests.collector.store.cast import DAY

DEED = Deed(who="root", at_ms=NOW - 5)
ACME = Scope(customers=frozenset({"acme"}))
Browser = Callable[[Role, Scope], TestClient]


@pytest.fixture
def office(store: Store, view: View) -> Office:
    """Two customers with a site, a place and a contract each; kiosk-7 stands at the first."""
    office = Office.open(view._place.path or "")
    for customer, site in (("acme", "acme-1"), ("other", "other-1")):
        names = {"name_zh": f"客户{customer}", "name_en": customer.title()}
        contract = {"customer": customer, "name": f"{customer} 2024", "warranty_until": "2024-12-31"}
        fields = {"customer": customer, "group_id": "south", "contract": f"{customer}-24"}
        for kind, entry, said in (
            ("customer", customer, names),
            ("contract", f"{customer}-24", contract),
            ("site", site, {**fields, "name_zh": "一号站", "name_en": "Station 1"}),
            ("place", f"{site}-hall", {"site": site, "name_zh": "大厅", "name_en": "Hall"}),
        ):
            office.put_entry(kind, entry, said, deed=DEED, from_ms=NOW - 3 * DAY)  # type: ignore[arg-type]
    office.put_entry("installation", "kiosk-7", {"place": "acme-1-hall"}, deed=DEED)
    return office


@pytest.fixture
def browser(office: Office, view: View) -> Browser:
    """Somebody with a role and scope, who speaks English and sends forms from our own pages."""

    def made(role: Role = "dispatcher", scope: Scope = EVERYTHING) -> TestClient:
        login = f"{role}-{len(scope.customers)}"
        office.add_person(login, name=login, role=role, scope=scope, language="en", deed=DEED)
        headers = {"Origin": ORIGIN, "Accept-Language": "en"}
        return world.signed_in(world.desk(view, answer_within_s=5.0), login, **headers)

    return made


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/customers", ["Acme", "/customers/acme", "New customer"]),
        ("/customers/acme", ["Station 1", "under warranty", "acme 2024", "/sites/~new?customer=acme"]),
        ("/sites", ["Station 1", "urban", "under warranty"]),
        ("/sites/acme-1", ["Hall", "kiosk-7", "24x7", "under warranty"]),
        ("/sites/~new?customer=acme", ['value="acme" selected', "New site"]),
        ("/contracts/acme-24", ["2024-12-31", "under warranty", "Station 1"]),
        ("/places/acme-1-hall", ["kiosk-7", "Hall"]),
        ("/groups", ["Nothing here yet"]),
        ("/devices/kiosk-7/card", ["acme-1-hall", "Serial number"]),
        ("/import", ["template.xlsx", "At most 10 MB"]),
    ],
)
def test_every_page_shows_what_is_kept(browser: Browser, path: str, words: list[str]) -> None:
    answer = browser("dispatcher", EVERYTHING).get(path)

    assert answer.status_code == 200
    assert [word for word in words if word not in answer.text] == []


def test_an_entry_is_entered_changed_and_ended_by_forms(browser: Browser, view: View) -> None:
    person = browser("dispatcher", EVERYTHING)
    form = {"site": "acme-1", "name_zh": "出口", "name_en": "Exit"}

    made = person.post("/places/~new", data={"id": "acme-1-exit", **form, "from": "2024-10-04"})
    changed = person.post("/places/acme-1-exit", data={**form, "name_en": "Way out", "from": "2024-10-05"})
    ended = person.post("/places/acme-1-exit/end")

    assert [one.headers.get("location") for one in (made, changed, ended)] == [
        "/places/acme-1-exit",
        "/places/acme-1-exit",
        "/places",
    ]
    midnight = NOW - 2 * HOUR  # of the 5th in Shanghai; it is 02:00 there
    assert [(one.from_ms, one.to_ms, one.fields["name_en"]) for one in view.entry_history("place", "acme-1-exit")] == [
        (midnight - DAY, midnight, "Exit"),
        (midnight, NOW, "Way out"),
    ]


def test_what_cannot_be_kept_comes_back_with_what_was_written(browser: Browser, view: View) -> None:
    person = browser("dispatcher", EVERYTHING)
    form = {"customer": "acme", "group_id": "south", "name_zh": "二号", "name_en": "Two", "service_hours": "9 to 5"}

    answer = person.post("/sites/~new", data={"id": "acme-2", **form})
    taken = person.post("/sites/~new", data={"id": "acme-1", **form, "service_hours": ""})
    day = person.post("/sites/acme-1", data={**form, "service_hours": "24x7", "from": "2999-01-01"})
    in_use = person.post("/sites/acme-1/end")

    assert [one.status_code for one in (answer, taken, day, in_use)] == [422, 422, 422, 409]
    assert "9 to 5" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "There is one with this id already." in taken.text
    assert "not later than today" in day.text
    assert "Something still stands on it" in in_use.text
    assert view.entry("site", "acme-2") is None


def test_a_viewer_of_one_customer_sees_it_alone_and_no_form(browser: Browser) -> None:
    person = browser("viewer", ACME)

    for path in ("/customers", "/customers/acme", "/sites", "/sites/acme-1", "/contracts"):
        text = person.get(path).text
        assert "acme" in text
        assert "other-1" not in text
        assert "Other" not in text
        assert '<form method="post" action="/c' not in text
    for path in ("/customers/other", "/sites/other-1", "/contracts/other-24", "/places/other-1-hall"):
        assert person.get(path).status_code == 404
    for path in ("/import", "/devices/kiosk-7/card"):
        assert person.get(path).status_code == 403
    assert person.post("/customers/acme", data={"name_zh": "a", "name_en": "b"}).status_code == 403


def test_a_dispatcher_of_one_customer_chooses_among_its_own(browser: Browser, view: View) -> None:
    person = browser("dispatcher", ACME)
    form = {"customer": "other", "group_id": "south", "name_zh": "a", "name_en": "b"}

    assert "other" not in person.get("/sites/acme-1").text
    assert person.post("/sites/acme-1", data=form).status_code == 422
    assert person.post("/customers/other", data={"name_zh": "a", "name_en": "b"}).status_code == 422
    assert view.entry("site", "acme-1").fields["customer"] == "acme"  # type: ignore[union-attr]


def test_a_device_is_moved_by_its_card(browser: Browser, store: Store, view: View) -> None:
    person = browser("dispatcher", EVERYTHING)
    form = {"kind": "kiosk", "name_zh": "终端", "name_en": "Kiosk", "model": "", "serial": "0042", "agent": "kiosk-7"}

    with world.answering(store):
        moved = person.post("/devices/kiosk-7/card", data={**form, "place": "other-1-hall"})
    nowhere = person.post("/devices/kiosk-7/card", data={**form, "place": "no-such"})

    assert moved.status_code == 303
    card = view.cards_named(["kiosk-7"])["kiosk-7"]
    assert (card.place, card.serial, card.customer) == ("other-1-hall", "0042", "other")
    assert (nowhere.status_code, "There is no such place." in nowhere.text) == (409, True)


# --- files -----------------------------------------------------------------------------------------------------------

GOOD = b"device,kind,site\nkiosk-8,kiosk,acme-1\n"


def sent(body: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {"file": ("my <devices>.csv", body, "text/csv")}


def test_a_file_is_looked_at_and_then_entered(browser: Browser, store: Store, view: View) -> None:
    person = browser("dispatcher", EVERYTHING)

    looked = person.post("/import", files=sent(GOOD))
    assert "my &lt;devices&gt;.csv would do this: 1 new" in looked.text
    assert view.cards_named(["kiosk-8"]) == {}
    key = looked.text.partition('action="/import/')[2].partition('"')[0]
    with world.answering(store):
        done = person.post(f"/import/{key}")

    assert "Entered: 1 new" in done.text
    assert view.cards_named(["kiosk-8"])["kiosk-8"].site == "acme-1"
    assert person.post(f"/import/{key}").status_code == 409


def test_wrong_cells_are_shown_and_nothing_can_be_entered(browser: Browser) -> None:
    answer = browser("dispatcher", EVERYTHING).post("/import", files=sent(b"device,zone\nkiosk-7,<b>moon\n"))

    assert answer.status_code == 422
    assert "&lt;b&gt;moon" in answer.text
    assert "1 cell is wrong" in answer.text
    assert 'action="/import/' not in answer.text


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"PK\x03\x04", 422), (b"x" * (sheets.BYTES_LIMIT + 1), 413)])
def test_what_is_no_register_file_is_told(browser: Browser, body: bytes, status: int) -> None:
    assert browser("dispatcher", EVERYTHING).post("/import", files=sent(body)).status_code == status


def test_a_form_that_is_none_is_refused(browser: Browser) -> None:
    person = browser("dispatcher", EVERYTHING)

    assert person.post("/import", content=b"x", headers={"Content-Type": "text/csv"}).status_code == 422
    assert person.post("/import", content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code == 422
    assert person.post("/import", data={"file": "text"}, files={"other": ("a", b"b")}).status_code == 422


def test_a_page_of_somebody_else_cannot_send_a_file(browser: Browser) -> None:
    person = browser("dispatcher", EVERYTHING)

    assert person.post("/import", files=sent(GOOD), headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_waiting_file_is_for_who_sent_it_once_and_not_for_long() -> None:
    waiting = Waiting()
    key = waiting.keep(Sent("wang", NOW, "a.csv", b"a"))

    assert waiting.take(key, "li", NOW) is None
    assert waiting.take(key, "wang", NOW + WAITS_MS + 1) is None
    key = waiting.keep(Sent("wang", NOW, "a.csv", b"a"))
    assert waiting.take(key, "wang", NOW) == Sent("wang", NOW, "a.csv", b"a")
    assert waiting.take(key, "wang", NOW) is None
    keys = [waiting.keep(Sent("wang", NOW, str(n), b"")) for n in range(11)]
    assert [waiting.take(one, "wang", NOW) is None for one in keys] == [True] + [False] * 10
