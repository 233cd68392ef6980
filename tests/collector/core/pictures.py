"""Pictures of a few bytes: headers as cameras and phones write them, without anything behind."""

import struct
import zlib


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int) -> bytes:
    """A PNG that says this size."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
        + _chunk(b"IEND", b"")
    )


def drawn(width: int = 120, height: int = 40) -> bytes:
    """A PNG that is whole: a line across it."""
    rows = b"".join(
        b"\0" + (b"\0\0\0\xff" if row == height // 2 else b"\xff\xff\xff\0") * width for row in range(height)
    )
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def frame(width: int, height: int) -> bytes:
    """A JPEG's frame header."""
    return b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"


def jpeg(width: int, height: int, before: int = 20) -> bytes:
    """A JPEG that says this size, behind so many bytes of EXIF."""
    exif = b""
    while before > 0:
        size = min(before, 60_000)
        exif += b"\xff\xe1" + struct.pack(">H", size + 2) + b"E" * size
        before -= size
    return b"\xff\xd8" + exif + frame(width, height) + b"\xff\xda\0\x0c" + b"\0" * 10 + b"\xff\xd9"


def webp_lossy(width: int, height: int) -> bytes:
    """A WebP as cameras write it."""
    return b"RIFF\x40\0\0\0WEBPVP8 \x30\0\0\0" + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\0" * 20


def webp_lossless(width: int, height: int) -> bytes:
    """A WebP as screenshots are."""
    bits = (width - 1) | (height - 1) << 14
    return b"RIFF\x40\0\0\0WEBPVP8L\x30\0\0\0\x2f" + struct.pack("<I", bits) + b"\0" * 20


def webp_extended(width: int, height: int) -> bytes:
    """A WebP with EXIF."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x08\0\0\0" + size + b"\0" * 20
