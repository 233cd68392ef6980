"""HTML to PDF by a real process: what comes out, and that nothing comes out when it is killed, starved or refused."""

import base64
import errno
import fcntl
import os
import signal
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from roundsman_collector.press import Limits, PressError, chinese_fonts, press, pressing, sheets, why
from roundsman_collector.press.pressing import WHY, Kind
from tests.collector.core import pictures

PAGE = "<!doctype html><html><head><meta charset='utf-8'><style>@page { size: A4 }</style></head><body>%s</body></html>"
LONG = PAGE % "".join(f"<p style='break-before: page'>{place} 犇</p>" for place in range(300))
MIB = 1024 * 1024


def text_of(file: Path) -> str:
    return subprocess.run(["pdftotext", "-layout", file, "-"], check=True, capture_output=True, text=True).stdout


def left_in(folder: Path) -> list[str]:
    """What stands in the folder but the lock that is taken in turn."""
    return sorted(one.name for one in folder.iterdir() if one.name != ".press")


def refused(html: str, to: Path, limits: Limits = pressing.LIMITS) -> PressError:
    """The error; whatever it is, nothing is left behind."""
    with pytest.raises(PressError) as caught:
        press(html, to, limits=limits)
    assert left_in(to.parent) == []
    return caught.value


def test_a_page_becomes_a_file_and_its_pages_are_told(tmp_path: Path) -> None:
    told: list[int] = []

    made = press(
        PAGE % "<p>𠮷 犇 ㎡ 京A·12345</p><p style='break-before: page'>2</p>", tmp_path / "a.pdf", on_page=told.append
    )

    assert (made.pages, told, left_in(tmp_path)) == (2, [1, 2], ["a.pdf"])
    assert made.size == (tmp_path / "a.pdf").stat().st_size
    assert 20 * MIB < made.peak_bytes < 400 * MIB
    assert text_of(tmp_path / "a.pdf").split() == ["𠮷", "犇", "㎡", "京A·12345", "2"]


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "http://127.0.0.1:9/logo.png", "logo.png", "//127.0.0.1/logo.png"]
)
def test_nothing_is_fetched(tmp_path: Path, address: str) -> None:
    error = refused(PAGE % f"<img src='{address}'>", tmp_path / "a.pdf")

    assert error.kind == "page"


def test_a_picture_that_the_page_carries_is_shown(tmp_path: Path) -> None:
    pixel = f"data:image/png;base64,{base64.b64encode(pictures.drawn(9, 9)).decode()}"

    press(PAGE % f"<img src='{pixel}'>", tmp_path / "a.pdf")

    images = subprocess.run(["pdfimages", "-list", tmp_path / "a.pdf"], check=True, capture_output=True, text=True)
    assert "image" in images.stdout


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        (Limits(memory_bytes=150 * MIB), "memory"),
        (Limits(cpu_s=1), "time"),
        (Limits(wall_s=0.05), "time"),
        (Limits(file_bytes=2000), "large"),
    ],
    ids=["memory", "processor", "clock", "size"],
)
def test_a_limit_ends_it_and_leaves_nothing(tmp_path: Path, limits: Limits, kind: str) -> None:
    assert refused(LONG, tmp_path / "a.pdf", limits).kind == kind


def test_a_process_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    def kill(_: int) -> None:
        for child in psutil.Process().children():
            if any("roundsman_collector.press.sheets" in word for word in child.cmdline()):
                child.send_signal(signal.SIGKILL)

    with pytest.raises(PressError) as caught:
        press(LONG, tmp_path / "a.pdf", on_page=kill)

    assert (caught.value.kind, left_in(tmp_path)) == ("killed", [])


def test_a_file_that_was_there_stays_when_the_next_one_fails(tmp_path: Path) -> None:
    press(PAGE % "first", tmp_path / "a.pdf")
    before = (tmp_path / "a.pdf").read_bytes()

    with pytest.raises(PressError):
        press(PAGE % "second", tmp_path / "a.pdf", limits=Limits(file_bytes=500))

    assert (tmp_path / "a.pdf").read_bytes() == before


def test_one_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / ".press").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert refused(PAGE % "a", tmp_path / "a.pdf", Limits(wait_s=1.0)).kind == "busy"

        waiting = threading.Thread(target=press, args=(PAGE % "a", tmp_path / "a.pdf"))
        waiting.start()
        fcntl.flock(lock, fcntl.LOCK_UN)
    waiting.join()
    assert left_in(tmp_path) == ["a.pdf"]


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressing, "find_spec", lambda name: None)

    error = refused(PAGE % "a", tmp_path / "a.pdf")

    assert (error.kind, "roundsman-collector[pdf]" in str(error)) == ("absent", True)


def test_without_a_chinese_font_no_report_with_empty_boxes_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = tmp_path / "no-fonts"
    fonts.mkdir()
    (fonts / "fonts.conf").write_text("<fontconfig><cachedir>/nowhere</cachedir></fontconfig>", "utf-8")
    monkeypatch.setenv("FONTCONFIG_FILE", str(fonts / "fonts.conf"))
    to = tmp_path / "out" / "a.pdf"
    to.parent.mkdir()

    error = refused(PAGE % "巡检报告", to)

    assert (error.kind, error.do.en) == ("font", "apt install fonts-noto-cjk")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PressError) as caught:
        press(PAGE % "a", tmp_path / "nowhere" / "a.pdf")

    assert caught.value.kind == "file"


def test_half_a_character_is_no_page(tmp_path: Path) -> None:
    assert refused(PAGE % "\ud842", tmp_path / "a.pdf").kind == "page"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pressing.tempfile, "TemporaryFile", full)

    assert refused(PAGE % "a", tmp_path / "a.pdf").kind == "disk"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk"),
        (OSError(errno.EFBIG, "File too large"), "large"),
        (OSError(errno.EACCES, "Permission denied"), "file"),
        (OSError("cannot load library 'libpango-1.0-0'"), "library"),
        (ModuleNotFoundError("No module named 'weasyprint'"), "absent"),
        (MemoryError(), "memory"),
        (ValueError("x"), "page"),
    ],
    ids=str,
)
def test_every_failure_of_the_process_has_its_kind(error: Exception, kind: str) -> None:
    assert sheets.reason(error)[0] == kind
    assert kind in WHY


def test_half_a_file_is_no_file(tmp_path: Path) -> None:
    half = tmp_path / "half.pdf"
    half.write_bytes(b"%PDF-1.7\n" + bytes(2000))

    with pytest.raises(PressError, match="no whole PDF"):
        pressing._whole(half)


def test_fonts_with_rare_names_come_first() -> None:
    assert chinese_fonts()[0].startswith(("Noto Sans CJK", "Source Han Sans"))


def test_the_process_reads_no_login_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDSMAN_SECRET", "x")
    seen: list[dict[str, str]] = []

    def look(_: int) -> None:
        seen.extend(child.environ() for child in psutil.Process().children())

    press(PAGE % "a", tmp_path / "a.pdf", on_page=look)

    assert seen
    assert [one for one in seen if "ROUNDSMAN_SECRET" in one] == []


@pytest.mark.parametrize("kind", WHY)
def test_why_nothing_was_made_is_told_in_the_readers_language(kind: Kind) -> None:
    told = str(PressError(kind, "No space left on device"))

    zh = why(told, "zh")
    assert WHY[kind][0].zh in zh and WHY[kind][1].zh in zh and WHY[kind][0].en not in zh
    assert "No space left on device" in zh, "what the system said stays"
    assert why(told, "en") == told
    assert why("line 3 of head.html", "zh") == "line 3 of head.html"
