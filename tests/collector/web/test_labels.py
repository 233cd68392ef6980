"""The pages of labels: which devices have one, sheets of paper for them, and what strangers read."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.reports.dossier import Company
from roundsman_collector.store import Deed, LabelRow, LabelWords, Office, View
from roundsman_collector.web.page import STATIC
from roundsman_collector.web.pages.labels import SIZES
from roundsman_collector.web.qr import qr
from roundsman_wire.catalogue import Label
from tests.collector.api import world
from tests.collector.web.reading import Loads, page, words_of

ORIGIN = {"Origin": world.ORIGIN}
PUBLIC = "https://rounds.example.com"
COMPANY = Company(name=Label(zh="华君智能", en="Huajun"), service_phone="400-800-1234")
DEED = Deed(who="admin", at_ms=world.NOW)


@pytest.fixture
def desk(view: View) -> Desk:
    with Office(view._place) as office:
        world.places(office)
    return world.desk(view, public_url=PUBLIC, company=COMPANY)


@pytest.fixture
def keeper(desk: Desk) -> TestClient:
    """The dispatcher's browser."""
    return world.signed_in(desk, "dispatcher")


def posted(client: TestClient, path: str, **fields: str) -> Any:
    return client.post(path, data=fields, headers=ORIGIN)


def labelled(desk: Desk, *subjects: str) -> list[LabelRow]:
    return [row for row, _ in desk.office.make_labels(subjects, deed=DEED)]


def test_the_list_tells_who_has_a_label_and_who_has_none(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")

    everybody, without = page(keeper, "/labels?site=metro-a"), page(keeper, "/labels?site=metro-a&has=none")

    assert [one for one in ("metro-a", "kiosk-7", "nvr-2", "ups-2") if one in words_of(everybody)] == [
        "metro-a",
        "kiosk-7",
        "nvr-2",
    ]
    assert "生成 2 个标签" in words_of(everybody)
    assert "kiosk-7" not in words_of(without)
    assert "nvr-2" in words_of(page(keeper, "/labels?q=nvr"))
    assert "nvr-2" not in words_of(page(keeper, "/labels?subject=kiosk-7"))


def test_labels_are_made_for_all_that_the_filter_finds(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")

    answer = posted(keeper, "/labels", site="metro-a")

    assert answer.headers["location"] == "/labels?site=metro-a&has=fresh&made=2"
    assert sorted(desk.view.labels_of(["#metro-a", "kiosk-7", "nvr-2", "ups-2"])) == ["#metro-a", "kiosk-7", "nvr-2"]
    assert "已生成 2 个标签" in words_of(page(keeper, answer.headers["location"]))


def test_from_a_device_one_comes_to_its_label(keeper: TestClient, desk: Desk) -> None:
    assert 'href="/labels?subject=kiosk-7"' in page(keeper, "/devices/kiosk-7")

    answer = posted(keeper, "/labels", subject="kiosk-7")

    assert answer.headers["location"] == "/labels/1"
    assert 'href="/labels?site=metro-a"' in page(keeper, "/sites/metro-a")


def test_a_sheet_holds_a_picture_and_words_for_each_label(keeper: TestClient, desk: Desk) -> None:
    rows = labelled(desk, "kiosk-7", "#metro-a")

    html = page(keeper, "/labels/sheet?site=metro-a&size=3x8&first=3")

    text = words_of(html)
    for said in ("扫码报修", "自助终端 7", "地铁站 站厅", "华君智能", "400-800-1234", "rounds.example.com/r"):
        assert said in text, said
    for row in rows:
        assert str(qr(f"{PUBLIC}/r/{row.code}")) in html
        assert re.search("-".join(re.findall("....", row.code)), text)
    assert html.count('class="label blank"') == 2
    assert html.count("<article") == 2
    assert not any(word in text for word in ("kiosk-7", "metro-a", "metro-1", "地铁公司"))


def test_a_sheet_loads_nothing_of_others_and_is_in_english_too(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")
    keeper.cookies.set("roundsman_language", "en")

    html = page(keeper, "/labels/sheet?label=1&size=2x5")

    found = Loads(html)
    assert found.inline == []
    assert all(one.startswith("/static/") for one in found.loads)
    assert "Scan to report a fault" in html
    assert "Metro station Concourse" in html
    assert (STATIC / "labels.css").is_file()


@pytest.mark.parametrize("size", SIZES)
def test_every_size_fits_on_a4_and_fills_one_page_after_the_other(keeper: TestClient, desk: Desk, size: str) -> None:
    labelled(desk, "kiosk-7", "nvr-2", "#metro-a")
    each = SIZES[size].each_page

    html = page(keeper, f"/labels/sheet?site=metro-a&size={size}&first={min(each, 24)}")

    assert html.count(f'class="labels l{size}"') == 2
    css = (STATIC / "labels.css").read_text("utf-8")
    down, tall, across, wide = map(
        float,
        re.search(
            rf"\.l{size} {{ grid-template: repeat\((\d+), ([\d.]+)mm\) / repeat\((\d+), ([\d.]+)mm\)", css
        ).groups(),  # type: ignore[union-attr]
    )
    assert (across, down) == SIZES[size][:2]
    assert across * wide <= 210
    assert down * tall <= 297


def test_no_sheet_is_printed_whose_labels_would_lead_nowhere(view: View) -> None:
    desk = world.desk(view)
    labelled(desk, "kiosk-7")
    client = world.signed_in(desk, "dispatcher")

    answer = client.get("/labels/sheet?label=1")

    assert answer.status_code == 409
    assert "[api] public_url" in answer.text
    assert "[api] public_url" in page(client, "/labels")


def test_the_owner_says_what_strangers_read(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")

    answer = posted(keeper, "/labels/1", name_zh="自助售票机", spot_zh="A 口 <b>")

    assert answer.headers["location"] == "/labels/1?done=true"
    assert "A 口 &lt;b&gt;" in page(keeper, "/labels/1?done=true")
    assert "A 口 &lt;b&gt;" in page(keeper, "/labels/sheet?label=1")
    assert desk.view.label(1).words == LabelWords(name_zh="自助售票机", spot_zh="A 口 <b>")  # type: ignore[union-attr]


def test_words_that_do_not_fit_come_back_as_written(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")

    answer = posted(keeper, "/labels/1", name_zh="售票机", spot_zh="字" * 81)

    assert answer.status_code == 422
    assert "最多 80 个字" in answer.text
    assert 'value="售票机"' in answer.text
    assert desk.view.label(1).words == LabelWords()  # type: ignore[union-attr]


def test_a_lost_label_is_replaced_and_its_page_says_so(keeper: TestClient, desk: Desk) -> None:
    labelled(desk, "kiosk-7")

    answer = posted(keeper, "/labels/1/replace")

    assert answer.headers["location"] == "/labels/2"
    old = page(keeper, "/labels/1")
    assert "已更换" in words_of(old)
    assert "/labels/1/replace" not in old
    assert "<path" not in old.partition("<main")[2]
    assert posted(keeper, "/labels/1/revoke").status_code == 409
    assert posted(keeper, "/labels/2/revoke").headers["location"] == "/labels/2"
    assert "已停用" in words_of(page(keeper, "/labels/2"))


def test_a_picture_can_be_scanned_at_arms_length_and_runs_nothing() -> None:
    drawn = str(qr(f"{PUBLIC}/r/VKS6FAXMABC69J9F"))

    modules = int(re.search(r'viewBox="0 0 (\d+) \1"', drawn)[1])  # type: ignore[index]
    assert 29 / modules > 0.6, "29 mm on the smallest label: at least 0.6 mm a module"
    assert not re.search(r"style=|<script|href", drawn)
