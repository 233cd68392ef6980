"""The operator's own head and foot: on forms and reports, and told with file and line where they are broken."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector import doctor
from roundsman_collector.issuing.making import Trouble
from roundsman_collector.reports.forms import build
from roundsman_collector.store import Store, View
from roundsman_collector.web.issuing import setting
from roundsman_collector.web.letterhead import FACTS, LOGO_BYTES, LetterheadError, letterhead
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet_file
from tests.collector.api import world
from tests.collector.reports import everything, tale
from tests.collector.web.test_forms import NUMBER, served
from tests.collector.web.test_sheet import COMPANY

SAMPLE = dict.fromkeys(FACTS, "<x>")
HEAD = '<img src="{{ logo }}" alt="">\n<b>{{ company }}</b> {{ number }}'


def folder(place: Path, head: str = HEAD, foot: str = "{{ service_phone }} · {{ language }}") -> str:
    (place / "head.html").write_text(head, "utf-8")
    (place / "foot.html").write_text(foot, "utf-8")
    (place / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    return str(place)


def test_forms_and_reports_have_the_operators_head_and_foot(tmp_path: Path) -> None:
    company = replace(COMPANY, letterhead=folder(tmp_path))
    form = build(tale.dossier(), "W2")
    assert form is not None

    for document in (form, everything.report()):
        html = sheet_file(document, company, Saying(language="zh", now_ms=document.known_ms), {})

        assert f"<b>巡检服务公司</b> {document.number}" in html
        assert 'src="data:image/svg+xml;base64,' in html
        assert "400-800-1234 · zh" in html
        assert 'class="company"' not in html[html.index("<main>") :]


def test_what_is_not_there_is_as_built_in(tmp_path: Path) -> None:
    assert letterhead("", SAMPLE) == ("", "")
    assert letterhead(str(tmp_path), SAMPLE) == ("", "")


def test_facts_are_texts_and_the_templates_are_html(tmp_path: Path) -> None:
    assert letterhead(folder(tmp_path, "<i>{{ title }}</i>"), SAMPLE).head == "<i>&lt;x&gt;</i>"


@pytest.mark.parametrize(
    ("head", "line", "why"),
    [
        ("<b>\n{{ company }\n", 2, "unexpected '}'"),
        ("\n\n{% if company %}", 3, "end"),
        ("a\n{{ customer }}", 2, "'customer' is undefined"),
        ("{{ company.__class__.__mro__ }}", 1, "unsafe"),
        ("a\nb\n{{ company / 2 }}", 3, "TypeError"),
        ("a\n{{ 1 / 0 }}", 2, "division by zero"),
        ("a\n{% include '../secret.html' %}", 2, "secret.html"),
        ("{% for n in range(10000000) %}x{% endfor %}", 1, "Range too big"),
    ],
    ids=["syntax", "unended", "unknown name", "a way out", "a wrong type", "arithmetic", "another folder", "endless"],
)
def test_a_broken_template_is_told_with_file_and_line(tmp_path: Path, head: str, line: int, why: str) -> None:
    with pytest.raises(LetterheadError) as caught:
        letterhead(folder(tmp_path, head), SAMPLE)

    assert caught.value.where == f"{tmp_path / 'head.html'}, line {line}"
    assert why in caught.value.what


def test_a_mended_template_is_read_again(tmp_path: Path) -> None:
    with pytest.raises(LetterheadError):
        letterhead(folder(tmp_path, "{{"), SAMPLE)

    assert letterhead(folder(tmp_path, "mended, and longer"), SAMPLE).head == "mended, and longer"


def test_a_folder_that_is_not_there_and_a_huge_logo_are_told(tmp_path: Path) -> None:
    with pytest.raises(LetterheadError, match="no such folder"):
        letterhead(str(tmp_path / "nowhere"), SAMPLE)
    place = folder(tmp_path)
    (tmp_path / "logo.svg").write_bytes(bytes(LOGO_BYTES + 1))
    with pytest.raises(LetterheadError, match="more than 500000"):
        letterhead(place, SAMPLE)


def test_the_console_says_which_line_is_broken_and_prints_nothing(store: Store, view: View, tmp_path: Path) -> None:
    served(store, view)
    company = replace(tale.COMPANY, letterhead=folder(tmp_path, "a\n{{ customer }}"))
    client: TestClient = world.signed_in(world.desk(view, company=company), world.ADMIN)
    client.cookies.set("roundsman_language", "en")

    answer = client.get(f"/tickets/{NUMBER}/forms/W1")

    assert answer.status_code == 500
    assert "The letterhead cannot be used" in answer.text
    assert re.search(r"head\.html, line 2", answer.text)
    assert '<article class="form' not in answer.text


def test_no_report_is_made_with_a_broken_template_and_the_reason_stands_with_it(tmp_path: Path) -> None:
    company = replace(COMPANY, letterhead=folder(tmp_path, "a\n{{ customer }}"))

    with pytest.raises(Trouble, match=r"head\.html, line 2"):
        setting(company, tmp_path).page(everything.report(), "zh")


def test_a_report_is_made_with_the_letterhead_as_page_pdf_and_workbook(tmp_path: Path) -> None:
    place = tmp_path / "letterhead"
    place.mkdir()
    made = setting(replace(COMPANY, letterhead=folder(place)), tmp_path)

    page = made.page(everything.report(), "zh")

    assert "<b>巡检服务公司</b>" in page
    assert made.pdf(page, lambda _: None).startswith(b"%PDF-")
    assert made.workbook(everything.report(), "zh").startswith(b"PK")


@pytest.mark.parametrize(("head", "level"), [(HEAD, "OK"), ("{{ customer }}", "FAIL")])
def test_doctor_looks_at_the_letterhead(tmp_path: Path, head: str, level: str) -> None:
    place = tmp_path / "letterhead"
    place.mkdir()
    file = tmp_path / "roundsman.toml"
    file.write_text(f'[company]\nletterhead = "{folder(place, head)}"\n', "utf-8")

    found = next(one for one in doctor.findings(file, tmp_path / "data") if one.what == "letterhead")

    assert (found.level, "head.html, line 1" in found.found) == (level, level == "FAIL")
