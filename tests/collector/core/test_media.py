"""What a file is, by its bytes: pictures made small by hand, and what pretends to be one."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.media import ALLOWED, KINDS, Kind, Media, flaw, look
from tests.collector.core import pictures


def seen(raw: bytes) -> Media | None:
    return look(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (pictures.jpeg(4032, 3024), Media("image/jpeg", ".jpg", 4032, 3024)),
        (pictures.jpeg(640, 480, before=70_000), Media("image/jpeg", ".jpg", 640, 480)),
        (pictures.png(300, 110), Media("image/png", ".png", 300, 110)),
        (pictures.webp_lossy(800, 600), Media("image/webp", ".webp", 800, 600)),
        (pictures.webp_lossless(801, 601), Media("image/webp", ".webp", 801, 601)),
        (pictures.webp_extended(5000, 4000), Media("image/webp", ".webp", 5000, 4000)),
        (b"%PDF-1.7\n...", Media("application/pdf", ".pdf")),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", Media("video/mp4", ".mp4")),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", Media("video/quicktime", ".mov")),
    ],
    ids=["jpeg", "jpeg after a long EXIF", "png", "webp", "webp lossless", "webp extended", "pdf", "mp4", "mov"],
)
def test_a_file_is_what_its_bytes_say(raw: bytes, found: Media) -> None:
    assert seen(raw) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"MZ\x90\0\3",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a\1\0\1\0",
        b"PK\3\4\x14\0",
        b" %PDF-1.7",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\xff\xd8\xff" + b"\xff" * 5000,
        b"RIFF\0\0\0\0WEBPVP8 ",
    ],
    ids=[
        "nothing",
        "exe",
        "html",
        "svg",
        "gif",
        "zip",
        "late pdf",
        "heic",
        "cut png",
        "cut jpeg",
        "endless",
        "cut webp",
    ],
)
def test_what_is_not_on_the_list_is_nothing(raw: bytes) -> None:
    assert seen(raw) is None


@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBP", b"1234ftyp", b""])
)
def test_no_bytes_break_the_look(rest: bytes, head: bytes) -> None:
    found = seen(head + rest)

    assert found is None or found.media_type in {one for kind in KINDS for one in ALLOWED[kind].media_types}


def test_a_jpeg_with_two_frames_is_as_large_as_the_larger() -> None:
    small, large = pictures.frame(16, 16), pictures.frame(60_000, 60_000)

    found = seen(b"\xff\xd8" + small + large + b"\xff\xda\0\2")

    assert found == Media("image/jpeg", ".jpg", 60_000, 60_000)


@pytest.mark.parametrize(
    ("kind", "raw", "said", "name"),
    [
        ("photo", pictures.jpeg(4032, 3024), "image/jpeg", "front.JPG"),
        ("photo", pictures.png(10, 10), "", ""),
        ("photo", pictures.png(10, 10), "application/octet-stream", "screen"),
        ("document", b"%PDF-1.4", "application/pdf; charset=binary", "报告.pdf"),
        ("document", pictures.jpeg(2000, 3000), "image/jpeg", "scan.jpeg"),
        ("video", b"\0\0\0\x18ftypmp42", "video/mp4", "noise.m4v"),
        ("signature", pictures.png(1170, 600), "image/png", "signature.png"),
    ],
)
def test_what_is_what_it_says_is_taken(kind: Kind, raw: bytes, said: str, name: str) -> None:
    assert flaw(kind, seen(raw), said=said, name=name) is None


@pytest.mark.parametrize(
    ("kind", "raw", "said", "name", "words"),
    [
        ("photo", b"MZ\x90\0", "image/jpeg", "a.jpg", "its bytes are nothing that is kept here"),
        ("photo", b"%PDF-1.7", "image/jpeg", "a.jpg", "its bytes are application/pdf"),
        ("photo", pictures.png(9, 9), "image/jpeg", "a.png", "it was sent as image/jpeg, and its bytes are image/png"),
        ("photo", pictures.png(9, 9), "text/html", "a.png", "it was sent as text/html"),
        ("photo", pictures.png(9, 9), "image/png", "invoice.pdf", "its name ends in .pdf"),
        ("document", b"\0\0\0\x18ftypmp42", "video/mp4", "a.mp4", "its bytes are video/mp4"),
        ("signature", pictures.webp_lossy(9, 9), "", "", "its bytes are image/webp"),
        ("signature", b"%PDF-1.7", "", "", "its bytes are application/pdf"),
    ],
)
def test_what_lies_is_told_plainly(kind: Kind, raw: bytes, said: str, name: str, words: str) -> None:
    assert words in (flaw(kind, seen(raw), said=said, name=name) or "")


@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [
        ("photo", 16_385, 1),
        ("photo", 12_000, 12_000),
        ("photo", 0, 10),
        ("signature", 4097, 10),
        ("signature", 4000, 4000),
        ("signature", 2**31, 2**31),
    ],
)
def test_a_picture_that_would_unfold_to_a_bomb_is_refused(kind: Kind, width: int, height: int) -> None:
    raw = pictures.png(width, height)

    assert len(raw) < 100
    assert "pixels" in (flaw(kind, seen(raw)) or "")


def test_the_largest_picture_that_phones_make_is_taken() -> None:
    assert flaw("photo", seen(pictures.jpeg(12_032, 9_024))) is None


def test_the_pictures_of_these_tests_are_what_they_seem() -> None:
    assert struct.unpack(">II", pictures.png(7, 9)[16:24]) == (7, 9)
