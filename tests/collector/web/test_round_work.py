"""The pages of people's work in a round: without a script they do the same, and say why something is refused."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Store, View
from tests.collector.api import world
from tests.collector.api.rounds_desk import LATER, NUMBER, inspected, placed
from tests.collector.core import pictures
from tests.collector.web.reading import page, words_of

WORK = f"/rounds/{NUMBER}/work"
PHOTO = {"file": ("a.png", pictures.png(300, 110), "image/png")}
NONE = {"file": ("", b"", "application/octet-stream")}


@pytest.fixture
def li(store: Store, view: View) -> Iterator[TestClient]:
    """Somebody in front of the devices of metro-a, a minute after the agents are through."""
    placed(view)
    inspected(store, view, ["metro-a"], "visit")
    client = world.signed_in(world.desk(view, now_ms=lambda: LATER - 60_000), world.ADMIN, Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", "en")
    with client:
        yield client


def sent(
    li: TestClient, address: str, *, file: dict[str, tuple[str, bytes, str]] = NONE, **fields: str
) -> tuple[int, str]:
    """What a form answers: its status, and what the page says or where it leads."""
    answer = li.post(f"/rounds/{NUMBER}/{address}", data=fields, files=file)
    wrong = re.search(r'<p class="flash wrong" role="alert">(.*?)</p>', answer.text)
    return answer.status_code, wrong[1] if wrong else answer.headers.get("location", "")


def tick(li: TestClient, item: str, verdict: str = "pass", device: str = "kiosk-7", **more: str) -> tuple[int, str]:
    return sent(li, "ticks", device=device, item=item, verdict=verdict, **more)


def test_the_list_says_what_is_open_and_leads_to_each_device(li: TestClient) -> None:
    said = words_of(page(li, WORK))

    assert "inspection on site" in said
    assert re.search(r"0 of \d+ found", said)
    assert "Kiosk 7" in said
    assert "Questions to the customer" in said
    assert f'href="{WORK}/kiosk-7"' in page(li, WORK)
    assert "inspection on site" in words_of(page(li, f"/rounds/{NUMBER}"))


# Shows S0-34 and S4-32.
def test_a_tick_by_a_form_is_shown_with_who_found_it(li: TestClient) -> None:
    assert tick(li, "touch", "attention", words="slow in a corner") == (303, f"{WORK}/kiosk-7#touch")

    said = words_of(page(li, f"{WORK}/kiosk-7"))
    assert "△ attention slow in a corner admin" in said
    assert "Faults since the last inspection" in said
    assert "out of paper" in said
    assert re.search(r"Kiosk 7 .* 1 / \d+ △ 1", words_of(page(li, WORK)))


# Shows S0-50.
def test_a_question_is_answered_on_the_list(li: TestClient) -> None:
    assert tick(li, "wishes", "pass", device="") == (303, f"{WORK}#wishes")


@pytest.mark.parametrize(
    ("language", "said"), [("en", "say in words what is wrong, or why it was not seen"), ("zh", "请写明情况")]
)
def test_what_is_refused_says_why_in_the_reader_s_language(li: TestClient, language: str, said: str) -> None:
    li.cookies.set("roundsman_language", language)

    assert tick(li, "touch", "fail") == (409, said)
    assert tick(li, "housing")[0] == 409
    assert li.post(f"/rounds/{NUMBER}/ticks", json={}).status_code == 422


# Shows S4-29.
def test_a_photo_is_kept_with_the_tick_and_twice_sent_counts_once(li: TestClient, view: View) -> None:
    for _ in range(2):
        assert sent(li, "ticks", file=PHOTO, device="kiosk-7", item="housing", verdict="pass", key="k1")[0] == 303

    (row,) = view.rounds()
    (line,) = view.round_lines(row.id, "kiosk-7")
    assert len(view.round_files(row.id)) == len(line.files) == 1
    assert f"files/{line.files[0]}" in page(li, f"{WORK}/kiosk-7")


# Shows S4-33.
def test_signed_and_finished_it_becomes_a_paper_with_the_names(li: TestClient, view: View) -> None:
    tick(li, "touch")

    def version() -> str:
        return str(view.rounds()[0].version)

    page(li, WORK)
    assert sent(li, "signatures", side="engineer", name="Li", version=version()) == (
        409,
        "give the name of who signs, and the signature",
    )
    for side, name in (("engineer", "Li"), ("customer", "王小姐")):
        assert sent(li, "signatures", file=PHOTO, side=side, name=name, version=version())[0] == 303
    assert sent(li, "finish", version="nonsense")[0] == 422
    assert sent(li, "finish", version=version()) == (409, sent(li, "finish", version=version())[1])
    assert sent(li, "finish", version=version(), rest="the rest was locked") == (303, f"/rounds/{NUMBER}")

    paper = page(li, f"/rounds/{NUMBER}/paper")
    said = words_of(paper)
    assert "王小姐" in said
    assert paper.count("data:image/png;base64,") == 2
    assert "the rest was locked" in said
    assert "✓ pass Touch screen hits the point" in said
    assert "<form" not in words_of(page(li, WORK))
    assert "/ticks" not in page(li, WORK)


def test_an_older_signature_is_asked_for_again(li: TestClient, view: View) -> None:
    page(li, WORK)
    sent(li, "signatures", file=PHOTO, side="engineer", name="Li", version=str(view.rounds()[0].version))
    assert "needed again" not in page(li, WORK)

    tick(li, "touch")

    assert "Something was found after this signature" in page(li, WORK)


def test_who_may_only_look_sees_it_and_writes_nothing(li: TestClient, view: View) -> None:
    viewer = world.signed_in(world.desk(view), "viewer", Origin=world.ORIGIN)

    assert "<form" not in page(viewer, WORK).partition("<main")[2].partition("</main>")[0]
    assert viewer.post(f"/rounds/{NUMBER}/ticks", data={"item": "touch"}, files=NONE).status_code == 403


def test_a_form_of_a_foreign_page_writes_nothing(li: TestClient, view: View) -> None:
    answer = li.post(
        f"/rounds/{NUMBER}/ticks",
        data={"device": "kiosk-7", "item": "touch", "verdict": "pass"},
        files=NONE,
        headers={"Origin": "https://evil.example"},
    )

    assert answer.status_code == 403
    assert view.round_lines(view.rounds()[0].id, "kiosk-7") == []


def test_a_hostile_word_is_only_text(li: TestClient) -> None:
    tick(li, "touch", "fail", words="<script>alert(1)</script>")

    html = page(li, f"{WORK}/kiosk-7")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
