"""The pages of forms and files: a ticket from the call to the signatures in a real database, in both languages."""

import hashlib
import io
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.media import Media
from roundsman_collector.reports.document import Facts, Table
from roundsman_collector.reports.forms import FORMS, build, intake, sheets
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Batch, Deed, Office, Store, TicketOpen, TicketStep, View
from roundsman_collector.store.files import FileLimits, NewFile, pieces
from roundsman_collector.web.page import STATIC
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet, sheet_file
from roundsman_wire.catalogue import Language
from tests.collector.api import world
from tests.collector.core import pictures
from tests.collector.reports import tale
from tests.collector.web.reading import page, words_of

MINUTE = 60_000
NUMBER = "2024-000004"
HAS_CHINESE = re.compile(r"[\u4e00-\u9fff]")
ORIGIN = {"Origin": world.ORIGIN}


def signature(office: Office, name: str) -> int:
    """A drawn signature of the ticket; its id."""
    body = pictures.drawn(100 + len(name), 40)
    new = NewFile(
        owner_id=4,
        kind="signature",
        name=f"{name}.png",
        media=Media("image/png", ".png", 100, 40),
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
    )
    deed = Deed(who="engineer", at_ms=world.NOW)
    return office.add_file(new, pieces(io.BytesIO(body)), limits=FileLimits(), deed=deed).id


def served(store: Store, view: View) -> None:
    """The tale's ticket, of kiosk-7, opened by phone at noon and closed before evening."""
    with Office(view._place) as office:
        world.places(office)
        store.commit(
            Batch(
                now_ms=world.at(12),
                tickets=[
                    TicketOpen(
                        subject="kiosk-7",
                        agent_no=1,
                        component="printer",
                        code="printer.cover_open",
                        severity="urgent",
                        service_class="maintenance",
                        fault_from_ms=world.at(12),
                        opened_ms=world.at(12),
                        year=2024,
                        source="phone",
                        watched=False,
                        who="dispatcher",
                        text="小票打不出来，<b>顾客</b>在排队",
                        data={"source": "phone", "caller": {"name": "王芳", "phone": "13812345678"}},
                    )
                ],
            )
        )
        files = {"service": signature(office, "li"), "customer": signature(office, "wang")}
    steps = []
    for place, (_, who, verb, text, data) in enumerate(tale.LINES[2:]):
        said = {name: value for name, value in data.items() if not name.endswith("_ms")}
        if verb == "sign":
            said["file"] = files[str(data["side"])]
        at_ms = world.at(12) + (place + 1) * MINUTE
        steps.append(TicketStep(ticket=4, at_ms=at_ms, verb=verb, who=who, text=text, data=said))
    store.commit(Batch(now_ms=world.at(13), tickets=steps))


@pytest.fixture
def told(store: Store, view: View) -> None:
    served(store, view)


@pytest.fixture
def manager(view: View) -> TestClient:
    return world.signed_in(world.desk(view, company=tale.COMPANY), world.ADMIN)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            (
                "服务工单（维修单）",
                "第一联 客户联",
                "第三联 网点联",
                "客户名称",
                "地铁公司",
                "13812345678",
                "400-800-1234",
            ),
        ),
        ("en", ("Service work order", "1. Customer&#39;s copy", "Customer", "Metro", "13812345678", "400-800-1234")),
    ],
)
def test_the_work_order_is_printed_in_both_languages(
    told: None, manager: TestClient, language: str, words: tuple[str, ...]
) -> None:
    manager.cookies.set("roundsman_language", language)

    answer = manager.get(f"/tickets/{NUMBER}/forms/W2")

    assert answer.status_code == 200
    assert [word for word in words if word not in answer.text] == []
    assert answer.text.count('<article class="form') == 3
    assert answer.text.count("data:image/png;base64,") == 6
    assert [bad for bad in ("<style", " style=", "<script", "<b>顾客") if bad in answer.text] == []
    assert "&lt;b&gt;顾客" in answer.text


@pytest.mark.parametrize("sheet_id", [f"{letter}1" for letter in FORMS])
def test_no_english_is_left_on_a_chinese_form(sheet_id: str) -> None:
    found = tale.dossier("leave", state="planned")
    made = build(found, sheet_id)
    assert made is not None

    html = sheet_file(made, tale.COMPANY, Saying(language="zh", now_ms=found.known_ms), {})

    labels = re.findall(r"<(?:h1|h2|dt|th)[^>]*>(.*?)</", html[html.index("<main>") :])
    assert labels
    assert [one for one in labels if not HAS_CHINESE.search(one)] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_form_is_a_file_that_needs_nothing_beside_it(language: Language) -> None:
    found = tale.dossier()
    made = build(found, "W2")
    assert made is not None

    html = sheet_file(made, tale.COMPANY, Saying(language=language, now_ms=found.known_ms), {"11": "data:image/png,x"})

    assert "@page" in html
    assert re.findall(r'(?:src|href)="([^"#]*)"', html) == ["data:image/png,x"] * 3
    assert "url(" not in html


def test_every_width_and_height_of_a_form_has_its_rule() -> None:
    """A column without a width, or a field without its room, is seen on paper only."""
    style = (STATIC / "forms.css").read_text("utf-8")
    found = tale.dossier(loans=(tale.LOAN,))
    documents = [build(found, one.id) for one in sheets(found)]
    documents += [build(tale.dossier("plan", state="planned"), "Z1")]
    documents += [intake.register([found], (0, 1), 0, "Asia/Shanghai")]

    parts = [part for one in documents if one is not None for part in one.parts]
    widths = {width for part in parts if isinstance(part, Table) for width in part.widths}
    lines = {field.lines for part in parts if isinstance(part, Facts) for field in part.fields} - {1}

    assert {width for width in widths if f".w{width} {{ width: {width}%; }}" not in style} == set()
    assert {line for line in lines if f".fields > .l{line} {{" not in style} == set()


def test_no_field_stands_beside_a_hole() -> None:
    found = tale.dossier()
    made = build(found, "W2")
    assert made is not None

    shown = sheet(made, tale.COMPANY, Saying(language="zh", now_ms=found.known_ms), {})

    for part in shown["parts"]:
        if part["kind"] == "facts":
            narrow = 0
            for field in part["fields"]:
                assert not (field["is_wide"] and narrow % 2)
                narrow += not field["is_wide"]
            assert narrow % 2 == 0


def test_the_forms_of_a_ticket_say_what_they_lack_before_they_are_printed(told: None, manager: TestClient) -> None:
    manager.cookies.set("roundsman_language", "en")
    listed = words_of(page(manager, f"/tickets/{NUMBER}/forms"))

    assert f"Service work order {NUMBER}-W1" in listed
    assert f"Delay analysis {NUMBER}-Y1" in listed
    assert "Service engineer" in listed
    paper = manager.get(f"/tickets/{NUMBER}/forms/Y1").text
    assert "Still missing:" in paper


def test_the_api_names_the_same_forms(told: None, api: TestClient) -> None:
    forms = {one["id"]: one for one in api.get(f"/api/v1/tickets/{NUMBER}/forms").json()["forms"]}

    assert list(forms) == ["D1", "W1", "W2", "Y1", "H1", "A1"]
    assert forms["W2"]["number"] == f"{NUMBER}-W2"
    assert forms["W1"]["missing_zh"][-2:] == ["服务工程师（签字）", "客户（签字）"]
    assert forms["D1"]["links"]["page"] == f"/tickets/{NUMBER}/forms/D1"


def test_an_automatic_ticket_has_the_readings_that_confirmed_it(view: View, manager: TestClient) -> None:
    with Office(view._place) as office:
        world.places(office)
    manager.cookies.set("roundsman_language", "en")

    paper = words_of(page(manager, "/tickets/2024-000001/forms/W1"))

    assert "paper out" in paper or "end of paper" in paper or "CPU use 12.5 %" in paper


def test_who_may_only_look_reads_no_telephone_number(told: None, view: View) -> None:
    desk = world.desk(view)
    desk.office.add_person("looks", name="L", role="viewer", scope=EVERYTHING, deed=Deed(who="admin", at_ms=1))
    client = world.signed_in(desk, "looks")

    for path in (
        f"/tickets/{NUMBER}/forms/D1",
        f"/tickets/{NUMBER}/forms/W2",
        "/forms/register",
        f"/tickets/{NUMBER}/forms",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "13812345678" not in answer.text, path
    assert "138****5678" in client.get("/forms/register").text


def test_the_register_has_every_ticket_of_the_period(told: None, manager: TestClient) -> None:
    day = "from=2024-10-01&to=2024-10-31"

    register = manager.get(f"/forms/register?{day}").text
    listed = page(manager, f"/forms?{day}")

    for number in ("2024-000001", "2024-000002", "2024-000003", NUMBER):
        assert number in register
        assert number in listed
    assert register.count('<article class="form landscape') == 1
    assert "2024-000001" not in manager.get("/forms/register?from=2024-09-01&to=2024-09-30").text


@pytest.mark.parametrize(
    "query", ["from=x", "from=2024-10-31&to=2024-10-01", "from=2020-01-01&to=2024-10-01", "to=9999-99-99"]
)
def test_days_that_make_no_period_are_told_and_the_last_month_is_shown(manager: TestClient, query: str) -> None:
    manager.cookies.set("roundsman_language", "en")

    shown = page(manager, f"/forms?{query}")

    assert "Choose two days" in shown
    assert "2024-000001" in shown


@pytest.mark.parametrize("query", ["from=0001-01-01&to=0001-01-02", "from=9999-12-30&to=9999-12-31"])
def test_days_at_the_ends_of_the_calendar_break_nothing(manager: TestClient, query: str) -> None:
    assert manager.get(f"/forms/register?{query}").status_code in (200, 422)


def test_a_photo_of_a_form_is_attached_and_written_into_the_log(store: Store, view: View, manager: TestClient) -> None:
    files = {"file": ("门头.jpg", pictures.jpeg(640, 480), "image/jpeg")}
    with world.answering(store):
        answer = manager.post(
            "/tickets/2024-000001/files",
            data={"kind": "photo", "key": "k", "text": "现场"},
            files=files,
            headers=ORIGIN,
        )
        again = manager.post(
            "/tickets/2024-000001/files",
            data={"kind": "photo", "key": "k", "text": "现场"},
            files=files,
            headers=ORIGIN,
        )

    assert (answer.status_code, again.status_code) == (303, 303)
    assert answer.headers["location"] == "/tickets/2024-000001/forms"
    (kept,) = view.files(1)
    assert kept.named_ms is not None
    found = view.ticket(1)
    assert found is not None
    assert [(one.verb, one.text, one.data) for one in found[1][1:]] == [("attach", "现场", {"file": kept.id})]
    assert "门头.jpg" in page(manager, "/tickets/2024-000001/forms")


@pytest.mark.parametrize(
    ("file", "status", "words"),
    [
        (("a.jpg", b"MZ\x90", "image/jpeg"), 415, "This file is not what it is said to be"),
        (("a.jpg", pictures.jpeg(9, 9, before=11_000_000), "image/jpeg"), 413, "This file is too large"),
        (("", b"", "application/octet-stream"), 422, "Choose a file first."),
    ],
    ids=["a lie", "too large", "none"],
)
def test_a_form_that_is_refused_says_why(
    view: View, manager: TestClient, file: tuple[str, bytes, str], status: int, words: str
) -> None:
    manager.cookies.set("roundsman_language", "en")

    answer = manager.post("/tickets/2024-000001/files", data={"kind": "photo"}, files={"file": file}, headers=ORIGIN)

    assert (answer.status_code, words in answer.text) == (status, True)
    assert view.files(1) == []


@pytest.mark.parametrize(
    "path", [f"/tickets/{NUMBER}/forms/W9", f"/tickets/{NUMBER}/forms/w1", "/tickets/2099-000001/forms"]
)
def test_what_is_not_there_is_told(told: None, manager: TestClient, path: str) -> None:
    assert manager.get(path).status_code in (404, 422)


def test_a_full_store_is_shown_on_the_page_of_health(store: Store, view: View) -> None:
    served(store, view)
    client = world.signed_in(world.desk(view, file_limits=FileLimits(total=300)), world.ADMIN)
    client.cookies.set("roundsman_language", "en")

    assert re.search(
        r"t-warning[^>]*>.{0,400}?Files of tickets|Files of tickets.{0,400}?t-warning", page(client, "/health"), re.S
    )
