"""Opens a FIFO for reading, like a driver that never comes back: no deadline of its own ends it."""

import os
from collections.abc import Mapping

from roundsman_agent.probe import Answer, Probe


def fetch(settings: Mapping[str, object]) -> object:
    with open(str(settings["path"]), encoding="utf-8") as line:
        return line.read()


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    return Answer(readings={"printer.paper": str(raw).strip(), "probe[].pid": os.getpid()})


probe = Probe(
    name="fifo",
    platforms=frozenset({"linux"}),
    settings=(),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    blocks=True,
)
