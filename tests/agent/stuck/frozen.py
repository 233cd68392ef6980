"""Holds Python's own lock while it opens a FIFO, as a careless C extension does: its whole process stands still."""

import ctypes
import os
from collections.abc import Mapping

from roundsman_agent.probe import Answer, Probe


def fetch(settings: Mapping[str, object]) -> object:
    ctypes.PyDLL(None).open(os.fsencode(str(settings["path"])), os.O_RDONLY)
    return None


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    return Answer(readings={"printer.paper": "ok"})


probe = Probe(
    name="frozen",
    platforms=frozenset({"linux"}),
    settings=(),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    blocks=True,
)
