"""A report as PDF: what a reader of the file finds in it, page by page, and that black and white loses nothing."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from roundsman_collector.press import press
from roundsman_collector.reports.document import Document, Facts, Heading, Notes, Table, Text, Value
from roundsman_collector.web.drawing import PAPER, paper_svg
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.sheet import sheet_file
from roundsman_collector.web.strip import Piece
from roundsman_wire.catalogue import Language
from tests.collector.press.test_press import text_of
from tests.collector.reports import everything
from tests.collector.web.test_sheet import COMPANY

DETAILS, STRIPS = 120, 12


def pressed(folder: Path, document: Document, language: Language) -> Path:
    html = sheet_file(document, COMPANY, Saying(language=language, now_ms=document.known_ms), {})
    to = folder / f"{language}.pdf"
    press(html, to)
    return to


@pytest.fixture(scope="module", params=["zh", "en"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report with everything in one language; the file has its name."""
    return pressed(tmp_path_factory.mktemp("press"), everything.report(DETAILS, STRIPS), request.param)


def said(document: Document, language: Language) -> Iterator[str]:
    """Every value of every fact, text, note and table, as it is set."""
    setting = Setting(document, Saying(language=language, now_ms=0))
    values: list[Value] = []
    for part in document.parts:
        match part:
            case Facts(fields=fields):
                values += [one.value for one in fields] + [one.label for one in fields]
            case Table(columns=columns, rows=rows, total=total):
                values += [*columns, *total] + [cell for row in rows for cell in row]
            case Heading(label=label):
                values.append(label)
            case Text(paragraphs=texts) | Notes(entries=texts):
                yield from (setting.paragraph(one) for one in texts)
            case _:
                pass
    yield from filter(None, map(setting.text, values))


def squeezed(text: str) -> str:
    """Without the spaces that setting in lines adds and takes."""
    return re.sub(r"\s+", "", text)


def test_the_text_of_the_file_is_the_data(file: Path) -> None:
    document = everything.report(DETAILS, STRIPS)
    found = squeezed(text_of(file))

    wanted = Counter(map(squeezed, said(document, file.stem)))  # type: ignore[arg-type]
    assert {text: count for text, count in wanted.items() if found.count(text) < count} == {}
    plain = subprocess.run(["pdftotext", "-raw", file, "-"], check=True, capture_output=True, text=True).stdout
    assert squeezed(plain).count(squeezed(everything.RARE)) == 3


def test_every_page_names_the_report_its_number_and_what_was_known_when(file: Path) -> None:
    pages = text_of(file).split("\f")[:-1]

    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        plain = squeezed(page)
        counted = {"zh": f"第{number}页共{len(pages)}页", "en": f"page{number}of{len(pages)}"}[file.stem]
        known = {"zh": "临时·数据截至2026-11-0102:00", "en": "provisional·knownat2026-11-0102:00"}[file.stem]
        title = {"zh": "设备巡检报告·2026年10月", "en": "Inspectionreport·October2026"}[file.stem]
        lacks = [one for one in (counted, known, title, "R-2026-10-metro-a") if one not in plain]
        assert lacks == [], f"page {number}"


def test_it_is_a4_and_brings_its_fonts(file: Path) -> None:
    told = subprocess.run(["pdfinfo", file], check=True, capture_output=True, text=True).stdout
    fonts = subprocess.run(["pdffonts", file], check=True, capture_output=True, text=True).stdout.splitlines()[2:]

    assert "(A4)" in told
    assert re.search(r"Title:\s+\S", told)
    assert fonts
    assert [line for line in fonts if not re.search(r"\s(yes\s+){3}", line)] == []


def test_a_whole_row_stands_on_one_page(file: Path) -> None:
    rows = [line for line in text_of(file).splitlines() if re.search(r"2026-000\d{3}", line)]

    assert len(rows) == DETAILS
    assert [line for line in rows if not re.search(r"2026-10-\d\d\s*$", line)] == []


def test_states_are_told_apart_in_grey(tmp_path: Path) -> None:
    """Printed without colour, each state has a height, a mean grey or lines that no other one has."""
    html = "".join(
        f"<div style='position: absolute; top: {20 * place}mm; width: 100mm'>"
        f"{paper_svg([Piece(0.0, 1.0, state)], height=16, text=state, key=state)}</div>"
        for place, state in enumerate(PAPER)
    )
    press(f"<meta charset='utf-8'><style>@page {{ size: A4; margin: 0 }}</style>{html}", tmp_path / "a.pdf")
    subprocess.run(["pdftoppm", "-r", "254", "-gray", "-png", tmp_path / "a.pdf", tmp_path / "p"], check=True)
    (name,) = tmp_path.glob("p-*.png")

    seen: dict[str, tuple[bool, str]] = {}
    with Image.open(name) as coloured:
        page = coloured.convert("L")
    for place, state in enumerate(PAPER):
        # 10 dots a millimetre; 16 px are 42 dots.
        band = page.crop((100, 200 * place, 900, 200 * place + 42))
        seen[state] = (spread(band.crop((0, 2, 800, 10)))[0] > 250, lines_of(band.crop((0, 14, 800, 42))))

    assert seen == {
        "up": (True, "light"),
        "down": (False, "dark"),
        "warning": (False, "upright"),
        "maintenance": (False, "level"),
        "unknown": (False, "hatched"),
    }


def lines_of(band: Image.Image) -> str:
    """Which way the lines of a picture go; else whether it is light or dark."""
    low, high = spread(band)
    if high - low < 60:
        return "dark" if high < 100 else "light"
    across = spread(band.resize((band.width, 1), Image.Resampling.BOX))
    down = spread(band.resize((1, band.height), Image.Resampling.BOX))
    return "upright" if across[1] - across[0] > 110 else "level" if down[1] - down[0] > 110 else "hatched"


def spread(picture: Image.Image) -> tuple[int, int]:
    """The darkest and the lightest grey."""
    low, high = picture.getextrema()
    return int(low), int(high)  # type: ignore[arg-type]


def test_a_cut_report_says_so_on_paper(tmp_path: Path) -> None:
    file = pressed(tmp_path, everything.report(details=700, strips=1), "en")

    assert "499 of 700 rows; all of them are in the workbook." in text_of(file)
