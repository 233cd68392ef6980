"""The register over HTTP: entries by dates, device cards, files in and out; rights and scopes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.register import files, sheets
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Deed, Office, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW

API = "/api/v1"
DEED = Deed(who="root", at_ms=NOW - 5)
CSV = {"Content-Type": "text/csv"}
METRO = Scope(customers=frozenset({"metro"}))
SITE = {"customer": "metro", "group_id": "south", "name_zh": "人民广场站", "name_en": "People's Square"}

Client = Callable[[Role, Scope], TestClient]


@pytest.fixture
def office(store: Store, view: View) -> Iterator[Office]:
    """Two customers with a site and a place each; kiosk-7 stands at the first, bus-31 at the second."""
    with Office.open(view._place.path or "") as opened:
        for customer, group, device in (("metro", "south", "kiosk-7"), ("bank", "north", "bus-31")):
            names = {"name_zh": f"客户 {customer}", "name_en": customer.title()}
            opened.put_entry("customer", customer, names, deed=DEED)
            site = {**SITE, "customer": customer, "group_id": group}
            opened.put_entry("site", f"{customer}-1", site, deed=DEED)
            place = {"site": f"{customer}-1", "name_zh": "大厅", "name_en": "Hall"}
            opened.put_entry("place", f"{customer}-hall", place, deed=DEED)
            opened.put_entry("installation", device, {"place": f"{customer}-hall"}, deed=DEED)
        yield opened


@pytest.fixture
def client(office: Office, view: View) -> Client:
    """A program of a role and scope."""

    def made(role: Role = "administrator", scope: Scope = EVERYTHING) -> TestClient:
        key = f"{role}-{sorted(scope.customers)}-{sorted(scope.groups)}"
        office.add_token(key, name=key, role=role, scope=scope, deed=DEED)
        return world.browser(world.desk(view, answer_within_s=5.0), Authorization=f"Bearer {key}")

    return made


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


# --- entries ---------------------------------------------------------------------------------------------------------


def test_an_entry_is_put_changed_told_and_ended_with_its_history(client: Client) -> None:
    api = client("administrator", EVERYTHING)
    names = {"name_zh": "机场", "name_en": "Airport"}

    first = api.put(f"{API}/customers/airport", json=names, params={"from": NOW - 1000})
    same = api.put(f"{API}/customers/airport", json=names)
    second = api.put(f"{API}/customers/airport", json={**names, "name_en": "Air port"})
    ended = api.delete(f"{API}/customers/airport", params={"at": NOW})

    assert (first.status_code, same.status_code, second.status_code) == (201, 200, 200)
    assert same.json() == first.json()
    assert second.json()["fields"] == {"name_zh": "机场", "name_en": "Air port"}
    assert second.json()["made_by"].startswith("token:administrator")
    assert ended.json()["versions"][-1]["to_ms"] == NOW
    assert code(api.get(f"{API}/customers/airport")) == (404, "no_entry")
    assert api.get(f"{API}/customers/airport", params={"at": NOW - 1}).json()["fields"]["name_en"] == "Airport"
    assert [one["fields"]["name_en"] for one in api.get(f"{API}/customers/airport/history").json()["versions"]] == [
        "Airport"
    ]


def test_a_site_tells_in_which_phase_its_contract_is(client: Client) -> None:
    api = client("administrator", EVERYTHING)
    contract = {"customer": "metro", "name": "m-26", "accepted_on": "2024-01-01", "warranty_until": "2024-10-04"}
    assert api.put(f"{API}/contracts/m-26", json=contract).json()["phase"] == "expired"  # 02:00 the next day there

    api.put(f"{API}/contracts/m-26", json={**contract, "maintenance_until": "2024-10-05"})
    site = api.put(f"{API}/sites/metro-1", json={**SITE, "contract": "m-26", "zone": "remote"}).json()

    assert (site["phase"], site["phase_zh"], site["fields"]["zone"]) == ("maintenance", "维保", "remote")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("customers/Bad", {"name_zh": "a", "name_en": "b"}, (422, "bad_entry")),
        ("customers/c", {"name_zh": "a"}, (422, "bad_parameter")),
        ("customers/c", {"name_zh": "a", "name_en": "b", "x": "y"}, (422, "bad_parameter")),
        ("sites/s", {**SITE, "customer": "nobody"}, (409, "entry_conflict")),
        ("sites/s", {**SITE, "zone": "moon"}, (422, "bad_entry")),
        ("places/p", {"site": "nowhere", "name_zh": "a", "name_en": "b"}, (409, "entry_conflict")),
    ],
)
def test_what_cannot_be_kept_is_a_problem_that_names_the_field(
    client: Client, path: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    assert code(client("administrator", EVERYTHING).put(f"{API}/{path}", json=body)) == expected


def test_lists_are_pages_and_filtered(client: Client) -> None:
    api = client("administrator", EVERYTHING)

    first = api.get(f"{API}/sites", params={"limit": 1}).json()

    assert ([one["id"] for one in first["entries"]], first["next_after"]) == (["bank-1"], "bank-1")
    assert [one["id"] for one in api.get(f"{API}/sites?after=bank-1").json()["entries"]] == ["metro-1"]
    assert [one["id"] for one in api.get(f"{API}/sites?customer=bank").json()["entries"]] == ["bank-1"]
    assert [one["id"] for one in api.get(f"{API}/places?site=metro-1").json()["entries"]] == ["metro-hall"]
    assert code(api.get(f"{API}/customers?site=metro-1")) == (422, "bad_parameter")


def test_a_viewer_of_one_customer_does_not_learn_that_another_exists(client: Client) -> None:
    api = client("viewer", METRO)

    for collection, mine in (
        ("customers", ["metro"]),
        ("sites", ["metro-1"]),
        ("places", ["metro-hall"]),
        ("contracts", []),
        ("groups", []),
    ):
        assert [one["id"] for one in api.get(f"{API}/{collection}").json()["entries"]] == mine
    for there, not_there in (
        ("customers/bank", "customers/nothing"),
        ("sites/bank-1", "sites/nothing"),
        ("places/bank-hall/history", "places/nothing/history"),
        ("devices/bus-31/card", "devices/nothing/card"),
        ("devices/bus-31/card/history", "devices/nothing/card/history"),
    ):
        answers = [api.get(f"{API}/{path}") for path in (there, not_there)]
        assert [one.status_code for one in answers] == [404, 404]
        name = there.split("/")[1]
        assert answers[0].text.replace(name, "nothing") == answers[1].text
    assert "bus-31" not in api.get(f"{API}/register/export.csv").text


@pytest.mark.parametrize(
    ("role", "shown"), [("viewer", "139****1111"), ("engineer", "13900001111"), ("dispatcher", "13900001111")]
)
def test_the_number_of_who_is_on_the_spot_is_for_those_who_act(
    client: Client, office: Office, view: View, role: Role, shown: str
) -> None:
    person = {"contact": "周师傅", "contact_phone": "13900001111"}
    office.put_entry("site", "metro-1", {**SITE, **person}, deed=Deed(who="root", at_ms=NOW))
    api = client(role, EVERYTHING)

    site = api.get(f"{API}/sites/metro-1").json()["fields"]
    versions = api.get(f"{API}/sites/metro-1/history").json()["versions"]
    card = api.get(f"{API}/devices/kiosk-7/card").json()

    assert (site["contact"], site["contact_phone"]) == ("周师傅", shown)
    assert [one["fields"]["contact_phone"] for one in versions] == [None, shown]
    assert (card["contact"], card["contact_phone"], card["place_contact_phone"]) == ("周师傅", shown, None)
    assert ("13900001111" in api.get(f"{API}/register/export.csv").text) == (role != "viewer")
    assert "13900001111" not in str(view.audit())


@pytest.mark.parametrize("role", ["viewer", "engineer"])
def test_who_may_only_look_writes_nothing(client: Client, view: View, role: Role) -> None:
    api = client(role, EVERYTHING)
    before = view.audit()

    answers = [
        api.put(f"{API}/customers/metro", json={"name_zh": "a", "name_en": "b"}),
        api.delete(f"{API}/places/metro-hall"),
        api.put(f"{API}/devices/kiosk-7/card", json={"name_zh": "a"}),
        api.post(f"{API}/register/import", content=b"device\nkiosk-7\n", headers=CSV),
        api.post(f"{API}/register/import?dry_run=true", content=b"device\nkiosk-7\n", headers=CSV),
        api.get(f"{API}/register/template.xlsx"),
    ]

    assert {code(one) for one in answers} == {(403, "not_yours")}
    assert view.audit() == before


def test_a_dispatcher_writes_within_the_scope_only(client: Client, store: Store) -> None:
    api = client("dispatcher", METRO)
    names = {"name_zh": "a", "name_en": "b"}

    refused = [
        api.put(f"{API}/customers/bank", json=names),
        api.put(f"{API}/customers/unheard-of", json=names),
        api.put(f"{API}/sites/bank-1", json=SITE),
        api.delete(f"{API}/places/bank-hall"),
    ]
    with world.answering(store):
        moved = api.put(f"{API}/devices/kiosk-7/card", json={"place": "bank-hall"})
        foreign = api.put(f"{API}/devices/bus-31/card", json={"place": "metro-hall"})
        new = api.put(f"{API}/devices/kiosk-77/card", json={"kind": "kiosk"})
        mine = api.put(f"{API}/devices/kiosk-78/card", json={"kind": "kiosk", "place": "metro-hall"})
        agent = api.put(f"{API}/devices/kiosk-7/card", json={"agent": "bus-31"})

    assert {code(one) for one in refused} == {(403, "entry_closed")}
    assert moved.status_code in (403, 409)
    assert code(foreign) == (404, "no_device")
    assert code(new) == (403, "entry_closed")
    assert (mine.status_code, mine.json()["site"]) == (200, "metro-1")
    assert code(agent) == (409, "no_agent")


# --- cards -----------------------------------------------------------------------------------------------------------


def test_a_device_is_changed_by_the_engine_and_moved_by_the_office_in_one_go(
    client: Client, store: Store, view: View
) -> None:
    api = client("dispatcher", EVERYTHING)
    with world.answering(store):
        answer = api.put(
            f"{API}/devices/kiosk-7/card", json={"serial": "00421873", "place": "bank-hall", "agent": "bus-31"}
        )
        again = api.put(f"{API}/devices/kiosk-7/card", json={"serial": "00421873", "place": "bank-hall"})

    told = answer.json()
    assert (told["serial"], told["place"], told["customer"], told["agent"]) == (
        "00421873",
        "bank-hall",
        "bank",
        "bus-31",
    )
    assert again.json() == told
    assert [one["place"] for one in api.get(f"{API}/devices/kiosk-7/card/history").json()["installations"]] == [
        "metro-hall",
        "bank-hall",
    ]
    verbs = {(one.verb, one.who[:6]) for one in view.audit(subject="device:kiosk-7")}
    assert verbs == {("put device", "token:"), ("assign device", "token:")}


def test_a_device_that_stands_nowhere_has_no_place(client: Client, store: Store) -> None:
    api = client("dispatcher", EVERYTHING)
    with world.answering(store):
        told = api.put(f"{API}/devices/kiosk-7/card", json={"place": None, "agent": None}).json()

    assert (told["place"], told["site"], told["agent"]) == (None, None, None)


def test_without_an_engine_the_answer_is_not_yet(office: Office, view: View) -> None:
    office.add_token("k", name="k", role="dispatcher", deed=DEED)
    api = world.browser(world.desk(view, answer_within_s=0.0), Authorization="Bearer k")

    assert api.put(f"{API}/devices/kiosk-7/card", json={"serial": "1"}).status_code == 202


# --- files -----------------------------------------------------------------------------------------------------------

FILE = (
    "设备编号,设备类型,客户编号,监控分中心,站点编号,站点名称\r\nkiosk-8,kiosk,metro,south,metro-1,\r\nkiosk-7,,,,,\r\n"
).encode()


def test_a_dry_run_tells_and_an_import_does(client: Client, store: Store) -> None:
    api = client("dispatcher", METRO)
    dry = api.post(f"{API}/register/import", params={"dry_run": True}, content=FILE, headers=CSV).json()
    assert (dry["applied"], dry["added"], dry["same"], dry["error_count"]) == (False, 1, 1, 0)
    assert code(api.get(f"{API}/devices/kiosk-8/card")) == (404, "no_device")

    with world.answering(store):
        done = api.post(f"{API}/register/import", content=FILE, headers=CSV).json()
        again = api.post(f"{API}/register/import", content=FILE, headers=CSV).json()

    assert (done["applied"], done["added"], done["waiting"], done["engine_errors"]) == (True, 1, 0, [])
    assert (again["added"], again["changed"], again["same"], again["rows"]) == (0, 0, 2, [])
    assert api.get(f"{API}/devices/kiosk-8/card").json()["site"] == "metro-1"


def test_wrong_rows_are_all_told_and_nothing_is_entered(client: Client, view: View) -> None:
    api = client("administrator", EVERYTHING)
    before = view.audit()

    answer = api.post(
        f"{API}/register/import", content=b"device,kind,zone\nkiosk-8,kiosk,\nkiosk-9,,moon\n", headers=CSV
    )

    assert answer.status_code == 422
    assert [(one["row"], one["column"], one["code"]) for one in answer.json()["errors"]] == [
        (3, "device", "needs"),
        (3, "zone", "bad_value"),
    ]
    assert view.audit() == before


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"device\n", {"Content-Type": "multipart/form-data"}, (415, "bad_type")),
        (b"device\n", {"Content-Type": ""}, (415, "bad_type")),
        (b"PK\x03\x04", {"Content-Type": "application/octet-stream"}, (422, "bad_xlsx")),
        (b"", CSV, (422, "empty_file")),
        (b"x" * (sheets.BYTES_LIMIT + 1), CSV, (413, "too_large")),
    ],
)
def test_what_is_no_register_file_is_a_problem(
    client: Client, body: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = client("administrator", EVERYTHING).post(f"{API}/register/import", content=body, headers=headers)

    assert code(answer) == expected


def test_an_endless_body_is_cut_off_while_it_comes(client: Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100 * 2**20:
            sent += 2**20
            yield b"x" * 2**20

    answer = client("administrator", EVERYTHING).post(f"{API}/register/import", content=endless(), headers=CSV)

    assert code(answer) == (413, "too_large")


def test_templates_and_the_export_are_files_and_the_export_is_noted(client: Client, view: View) -> None:
    api = client("administrator", EVERYTHING)

    sheet, text, export = (
        api.get(f"{API}/register/{name}") for name in ("template.xlsx", "template.csv", "export.csv")
    )

    assert sheet.content.startswith(b"PK")
    assert text.content == files.template_csv()
    assert "attachment" in export.headers["content-disposition"]
    assert export.content.count(b"\r\n") == 6
    assert view.audit(limit=1)[0].verb == "export register"
    assert api.post(f"{API}/register/import?dry_run=1", content=export.content, headers=CSV).json()["same"] == 5
    assert code(api.get(f"{API}/register/template.exe")) == (404, "no_page")
