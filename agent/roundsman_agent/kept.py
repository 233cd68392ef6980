"""A record as the spool keeps it, and what of a sample is news: pure."""

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from roundsman_agent.limits import Limits
from roundsman_wire.report import Record


class Kept(NamedTuple):
    """A record as the spool keeps it. `keep`: it says something new, so it outlives samples that do not."""

    t: int
    until: int
    device: str | None
    keep: bool
    body: bytes


def decoded(n: int, crc: int, body: object) -> Record | None:
    """The record of a row; None when its bytes are not what was written under this number."""
    if not isinstance(body, bytes) or zlib.crc32(body) != crc:
        return None
    record = json.loads(body)
    return cast(Record, record) if record["n"] == n else None


def said(sample: Mapping[str, Any], limits: Limits) -> int:
    """A checksum of what a sample says apart from its numbers: words, what is unknown, what failed and why, and which
    limits its numbers have reached.

    Two samples in a row with the same checksum: the second tells nothing but numbers.
    """
    words = sorted((name, value) for name, value in sample["readings"].items() if isinstance(value, str))
    unknown = sorted(name for name, value in sample["readings"].items() if value is None)
    failed = sorted((name, code) for name, (code, _) in sample.get("failed", {}).items())
    reached = limits.bands(sample["readings"])
    return zlib.crc32(repr((words, unknown, failed, bool(sample["readings"]), reached)).encode())
