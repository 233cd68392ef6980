"""What a file is, told from its own bytes, and how much of it may be kept. Pure.

    found = look(content)            -> Media("image/jpeg", ".jpg", 4032, 3024), or None: nothing that is kept here
    flaw(kind, found, ...)           -> None, or why this file cannot be that kind of attachment

    kind        what it may be                        and at most
    photo       JPEG PNG WebP                         16,384 pixels a side, 120 million in all
    document    PDF, and JPEG PNG (a scan)            the same
    video       MP4, QuickTime (.mov)
    signature   PNG JPEG                              4,096 pixels a side, 8 million in all

The list is short on purpose. Office files can carry programs and look different tomorrow: what is filed is a PDF. HEIC
is shown by one family of browsers only, and phones hand over a JPEG where a page asks for one. SVG and HTML run code.

Sizes in pixels are read from the header and never by decoding: a picture of 100 bytes may unfold to gigabytes. A file
that begins like a picture may hold anything behind it; who serves it says so (nosniff, sandbox): it is kept as it came.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, Protocol, get_args

Kind = Literal["photo", "document", "video", "signature"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Media(NamedTuple):
    """What a file is: its media type, the ending of its name, and its size in pixels where it is a picture."""

    media_type: str
    ending: str
    width: int | None = None
    height: int | None = None


class Allowed(NamedTuple):
    """What a kind of attachment may be, and how large a picture of it."""

    media_types: tuple[str, ...]
    side: int = 16_384
    pixels: int = 120_000_000


JPEG, PNG, WEBP, PDF, MP4, MOV = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "application/pdf",
    "video/mp4",
    "video/quicktime",
)
ALLOWED: Mapping[Kind, Allowed] = {
    "photo": Allowed((JPEG, PNG, WEBP)),
    "document": Allowed((PDF, JPEG, PNG)),
    "video": Allowed((MP4, MOV)),
    "signature": Allowed((PNG, JPEG), side=4_096, pixels=8_000_000),
}
ENDINGS: Mapping[str, str] = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".png": PNG,
    ".webp": WEBP,
    ".pdf": PDF,
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": MOV,
}
"""Endings of names that say what a file is. Another ending says nothing and is let be."""
SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream")
MP4_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash")
HEAD_BYTES = 64
JPEG_MARKERS = 2_000
"""So many parts of a JPEG's header are walked through; a camera writes a few dozen."""
# Frame headers: all of C0..CF but DHT (C4), JPG (C8) and DAC (CC).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""


class Content(Protocol):
    """A file that can be read from any place."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


def look(content: Content) -> Media | None:
    """What the bytes are; None where they are nothing of the list, or break off in their header."""
    head = _at(content, 0, HEAD_BYTES)
    if head.startswith(b"\xff\xd8\xff"):
        return _picture(JPEG, ".jpg", _jpeg(content))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _picture(PNG, ".png", _png(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _picture(WEBP, ".webp", _webp(head))
    if head.startswith(b"%PDF-"):
        return Media(PDF, ".pdf")
    if head[4:8] == b"ftyp":
        return _film(head[8:12])
    return None


def flaw(kind: Kind, found: Media | None, *, said: str = "", name: str = "") -> str | None:
    """Why a file cannot be this kind of attachment: `said` is the media type its sender gave, `name` its name."""
    allowed = ALLOWED[kind]
    if found is None or found.media_type not in allowed.media_types:
        got = "nothing that is kept here" if found is None else found.media_type
        return f"its bytes are {got}, and a {kind} is {_or(allowed.media_types)}"
    claimed = said.partition(";")[0].strip().lower()
    if claimed not in (*SAYS_NOTHING, found.media_type):
        return f"it was sent as {claimed[:80]}, and its bytes are {found.media_type}"
    ending = "." + name.lower().rpartition(".")[2]
    if ENDINGS.get(ending, found.media_type) != found.media_type:
        return f"its name ends in {ending}, and its bytes are {found.media_type}"
    width, height = found.width, found.height
    if width is None or height is None:
        return None
    if not (0 < width <= allowed.side and 0 < height <= allowed.side and width * height <= allowed.pixels):
        return f"it is {width} x {height} pixels, and a {kind} has up to {allowed.side} a side, {allowed.pixels} in all"
    return None


def _or(media_types: tuple[str, ...]) -> str:
    return " or ".join(media_types)


def _picture(media_type: str, ending: str, size: tuple[int, int] | None) -> Media | None:
    return None if size is None else Media(media_type, ending, *size)


def _film(brand: bytes) -> Media | None:
    if brand == b"qt  ":
        return Media(MOV, ".mov")
    return Media(MP4, ".mp4") if brand in MP4_BRANDS else None


def _png(head: bytes) -> tuple[int, int] | None:
    if head[12:16] != b"IHDR":
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _webp(head: bytes) -> tuple[int, int] | None:
    """The three forms: lossy (VP8), lossless (VP8L), extended (VP8X)."""
    form, data = head[12:16], head[20:]
    if form == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
        width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        return width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L" and data[:1] == b"\x2f" and len(data) >= 5:
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8X" and len(data) >= 10:
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    return None


def _jpeg(content: Content) -> tuple[int, int] | None:
    """Width and height of the largest frame: a header with two may show a small one and unfold to the other."""
    return max(_frames(content), key=lambda size: size[0] * size[1], default=None)


def _frames(content: Content) -> Iterator[tuple[int, int]]:
    """The frames that a JPEG announces before its picture begins."""
    place = 2
    for _ in range(JPEG_MARKERS):
        found = _at(content, place, 9)
        if len(found) < 4 or found[0] != 0xFF:
            return
        marker = found[1]
        if marker == 0xFF:  # a byte of filling
            place += 1
            continue
        if marker in BARE:
            place += 2
            continue
        if marker in (0xD9, 0xDA):  # the end, or the picture itself
            return
        length = int.from_bytes(found[2:4], "big")
        if length < 2:
            return
        if marker in FRAMES and len(found) == 9:
            yield int.from_bytes(found[7:9], "big"), int.from_bytes(found[5:7], "big")
        place += 2 + length


def _at(content: Content, place: int, size: int) -> bytes:
    content.seek(place)
    return content.read(size)
