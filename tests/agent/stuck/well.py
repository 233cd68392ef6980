"""Answers at once, says what it is told to say, or breaks as it is told to."""

import os
from collections.abc import Mapping

from roundsman_agent.probe import Answer, Probe, ProbeError


def fetch(settings: Mapping[str, object]) -> object:
    if settings.get("fails"):
        raise ProbeError("no_port", "there is no such port")
    if settings.get("breaks"):
        raise KeyError("missing")
    if settings.get("dies"):
        os._exit(3)
    return os.getpid()


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    return Answer(readings={"pid": raw, "a": None}, failed={"a": ("absent", "none")})  # type: ignore[dict-item]


probe = Probe(
    name="well",
    platforms=frozenset({"linux"}),
    settings=(),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    blocks=True,
)
