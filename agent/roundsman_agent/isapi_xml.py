"""The XML that ISAPI devices answer, as a small tree: bounded, without entities, without namespaces. Pure.

    tree(text) -> Node                     XmlError when it is none, or larger than any honest answer
    node.said("MemoryList", "Memory", "memoryUsage") -> "512"     "" where there is nothing
    node.inner("CPUList") -> Node | None   node.every("hdd") -> [Node, …]

Firmwares differ in namespaces (hikvision.com, isapi.org, psialliance.org), in capitals and in what they leave out, so
names are told apart by their small letters alone, and what is not known is passed over. A document that declares a
type or an entity is refused before anything of it is expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["SIZE_LIMIT", "Node", "XmlError", "decoded", "tree"]

SIZE_LIMIT: Final = 1_000_000
"""Bytes or characters of one answer."""
DEPTH_LIMIT: Final = 32
NODES_LIMIT: Final = 20_000
TEXT_LIMIT: Final = 1000
"""Characters of one element that are kept: nothing that is read here is longer."""


class XmlError(ValueError):
    """This is no XML that a device could have meant."""


@dataclass(kw_only=True, slots=True, eq=False)
class Node:
    """An element: its name in small letters without a namespace, its own text, what is within it."""

    name: str
    text: str = ""
    within: list[Node] = field(default_factory=list)

    def inner(self, *names: str) -> Node | None:
        """The first element that one comes to on this way."""
        found: Node | None = self
        for name in names:
            if found is None:
                return None
            found = next((one for one in found.within if one.name == name.lower()), None)
        return found

    def said(self, *names: str) -> str:
        """The text that stands there, without space around it; "" where there is none."""
        found = self.inner(*names)
        return "" if found is None else found.text.strip()

    def every(self, name: str) -> list[Node]:
        """All elements of that name, however deep, in their order; what is within one of them is not looked at."""
        return list(self._every(name.lower()))

    def _every(self, name: str) -> Iterator[Node]:
        for one in self.within:
            if one.name == name:
                yield one
            else:
                yield from one._every(name)


def decoded(body: bytes) -> str:
    """The text of an answer: UTF-8, or what its first line says if that is Chinese."""
    first = body[:200].lower()
    is_chinese = b"encoding" in first and (b"gb2312" in first or b"gbk" in first or b"gb18030" in first)
    return body.decode("gb18030" if is_chinese else "utf-8-sig", "replace")


def tree(text: str) -> Node:
    """The document's outermost element."""
    from xml.parsers import expat  # a probe that is not used costs nothing

    if len(text) > SIZE_LIMIT:
        raise XmlError(f"{len(text)} characters, expected at most {SIZE_LIMIT}")
    top = Node(name="")
    open_nodes = [top]
    count = 0

    def begin(name: str, attributes: object) -> None:
        nonlocal count
        count += 1
        if count > NODES_LIMIT or len(open_nodes) > DEPTH_LIMIT:
            raise XmlError(f"more than {NODES_LIMIT} elements, or {DEPTH_LIMIT} within each other")
        node = Node(name=name.rpartition(":")[2].lower())
        open_nodes[-1].within.append(node)
        open_nodes.append(node)

    def end(name: str) -> None:
        open_nodes.pop()

    def characters(data: str) -> None:
        node = open_nodes[-1]
        if len(node.text) < TEXT_LIMIT:
            node.text += data[:TEXT_LIMIT]

    def refuse(*_: object) -> None:
        raise XmlError("declares a document type or an entity; no device needs that")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n"), True)
    except expat.ExpatError as error:
        raise XmlError(f"no XML: {error}") from error
    except UnicodeError as error:  # half a surrogate
        raise XmlError("no text that could be written as UTF-8") from error
    return top.within[0]
