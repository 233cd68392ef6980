"""Which fonts of this machine hold Chinese, asked of fontconfig as the PDF maker asks it.

chinese_fonts() -> ("Noto Sans CJK SC", ...)      those with rare names' characters first; empty: none at all
"""

import ctypes
import ctypes.util
from contextlib import suppress
from functools import cache

RARE = 0x20BB7
"""𠮷, in names of people and shops: a font with it holds the characters beyond the first 65,536, too."""
SANS = ("Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
"""Those that the style sheets ask for first."""
INSTALL = "apt install fonts-noto-cjk"


@cache
def chinese_fonts() -> tuple[str, ...]:
    """Families that hold Chinese: with rare characters before those without, those that we ask for first."""
    whole, plain = _families(f":lang=zh-cn:charset={RARE:x}"), _families(":lang=zh-cn")
    return tuple(sorted(whole | plain, key=lambda name: (name not in whole, _wanted(name), name)))


def has_rare(name: str) -> bool:
    """Whether a family holds rare characters."""
    return name in _families(f":charset={RARE:x}")


def _wanted(name: str) -> int:
    return SANS.index(name) if name in SANS else len(SANS)


class _FontSet(ctypes.Structure):
    """`FcFontSet` of fontconfig.h."""

    _fields_ = (("count", ctypes.c_int), ("room", ctypes.c_int), ("fonts", ctypes.POINTER(ctypes.c_void_p)))


def _families(pattern: str) -> set[str]:
    """The families of the fonts that match; none where there is no fontconfig."""
    library = ctypes.util.find_library("fontconfig") or "libfontconfig.so.1"
    with suppress(OSError):
        return _listed(ctypes.CDLL(library), pattern)
    return set()


def _listed(library: ctypes.CDLL, pattern: str) -> set[str]:
    for name in ("FcNameParse", "FcObjectSetCreate"):
        getattr(library, name).restype = ctypes.c_void_p
    library.FcFontList.restype = ctypes.POINTER(_FontSet)
    wanted = ctypes.c_void_p(library.FcNameParse(pattern.encode()))
    told = ctypes.c_void_p(library.FcObjectSetCreate())
    library.FcObjectSetAdd(told, b"family")
    found = library.FcFontList(None, wanted, told)
    library.FcObjectSetDestroy(told)
    library.FcPatternDestroy(wanted)
    if not found:
        return set()
    families = {_family(library, found.contents.fonts[place]) for place in range(found.contents.count)}
    library.FcFontSetDestroy(found)
    return families - {""}


def _family(library: ctypes.CDLL, font: int | None) -> str:
    text = ctypes.c_char_p()
    missed = library.FcPatternGetString(ctypes.c_void_p(font), b"family", 0, ctypes.byref(text))
    return "" if missed or text.value is None else text.value.decode("utf-8", "replace")
