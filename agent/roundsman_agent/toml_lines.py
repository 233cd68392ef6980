"""On which line of a TOML file a key stands: tomllib reads TOML and forgets where.

    found = lines(text)                                  text that tomllib has read without complaint
    found[("device", 0, "probe", 1, "name")] -> 17       arrays count from 0, as tomllib's lists do
    line(found, ("device", 0, "probe", 1, "naem"))       the line of the nearest table that is there

It walks the text once and knows of TOML only what is needed to know where it is: headers, dotted and quoted keys, the
four kinds of strings, arrays and inline tables. Whatever it does not understand it leaves out; the table's line serves.
"""

import json
import re
from collections.abc import Iterable, Mapping

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^\s,\]}#]+(?: [0-9:.+Z-]+)?")
"""A number, a truth or a date; a date may have a blank before its time."""
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.S)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.S)
_STRINGS = (_LONG_BASIC, _LONG_LITERAL, _BASIC, _LITERAL)
_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
"""What may stand between the parts of an array, and between lines."""


def lines(text: str) -> dict[Path, int]:
    """Every table and key with the number of its line, from 1; () is the file itself."""
    walk = _Walk(text)
    walk.file()
    return walk.found


def line(found: Mapping[Path, int], path: Iterable[str | int]) -> int:
    """The line of a key; of the table around it where the key itself is not to be seen."""
    path = tuple(path)
    while path not in found and path:
        path = path[:-1]
    return found.get(path, 1)


class _Lost(Exception):
    """Something that this walk does not understand."""


class _Walk:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {(): 1}
        self._text = text
        self._at = 0
        self._line = 1
        self._sizes: dict[Path, int] = {}
        """Arrays of tables and how many they have."""

    def file(self) -> None:
        """Headers and keys to the end. A line that is not understood is left out."""
        table: Path = ()
        self._skip(_BETWEEN)
        while self._at < len(self._text):
            try:
                if self._next("["):
                    table = self._header()
                else:
                    self._pair(table)
            except _Lost:
                self._skip(re.compile(r"[^\n]*"))
            self._skip(_BETWEEN)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the table that the next keys belong to."""
        begun = self._line
        is_array = self._text.startswith("[[", self._at)
        self._take("[[" if is_array else "[")
        names = self._key()
        self._take("]]" if is_array else "]")
        path: Path = ()
        for name in names[:-1]:
            path = self._inside((*path, name), begun)
        path = (*path, names[-1])
        if is_array:
            self.found.setdefault(path, begun)
            self._sizes[path] = self._sizes.get(path, 0) + 1
        path = self._inside(path, begun)
        if path not in self.found or not is_array:
            self.found[path] = begun
        return path

    def _inside(self, path: Path, begun: int) -> Path:
        """A table's own path; of an array of tables, the path of its last."""
        self.found.setdefault(path, begun)
        return (*path, self._sizes[path] - 1) if path in self._sizes else path

    def _pair(self, table: Path) -> None:
        """`key = value`, the key maybe dotted."""
        begun = self._line
        path = table
        for name in self._key():
            path = (*path, name)
            self.found.setdefault(path, begun)
        self._take("=")
        self._value(path)

    def _key(self) -> list[str]:
        names = [self._name()]
        while self._next("."):
            self._take(".")
            names.append(self._name())
        return names

    def _name(self) -> str:
        self._skip(_BLANK)
        for pattern in (_BASIC, _LITERAL, _BARE):
            match = pattern.match(self._text, self._at)
            if match:
                self._at = match.end()
                self._skip(_BLANK)
                return _named(match[0])
        raise _Lost

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline(path)
        else:
            self._string_or_scalar()

    def _array(self, path: Path) -> None:
        self._take("[")
        index = 0
        self._skip(_BETWEEN)
        while not self._next("]"):
            self.found[(*path, index)] = self._line
            self._value((*path, index))
            index += 1
            self._skip(_BETWEEN)
            if not self._next("]"):
                self._take(",")
                self._skip(_BETWEEN)
        self._take("]")

    def _inline(self, path: Path) -> None:
        self._take("{")
        self._skip(_BETWEEN)
        while not self._next("}"):
            self._pair(path)
            self._skip(_BETWEEN)
            if not self._next("}"):
                self._take(",")
                self._skip(_BETWEEN)
        self._take("}")

    def _string_or_scalar(self) -> None:
        for pattern in (*_STRINGS, _SCALAR):
            match = pattern.match(self._text, self._at)
            if match:
                self._line += match[0].count("\n")
                self._at = match.end()
                return
        raise _Lost

    def _next(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def _take(self, sign: str) -> None:
        self._skip(_BLANK)
        if not self._next(sign):
            raise _Lost
        self._at += len(sign)
        self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match:
            self._line += match[0].count("\n")
            self._at = match.end()


def _named(written: str) -> str:
    """A key as tomllib knows it."""
    if written[0] == "'":
        return written[1:-1]
    if written[0] != '"':
        return written
    try:
        name: str = json.loads(written)
    except ValueError:  # \U00012345, which JSON does not have
        raise _Lost from None
    return name
