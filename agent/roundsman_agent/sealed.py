"""Small files of JSON that are replaced as a whole and carry a checksum, which tells a damaged one from a good one.

sealed.write(path, body)          sealed.read(path) -> body

{…the body…, "crc": 1234567890}          crc: CRC-32 of the body as JSON with sorted keys
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from roundsman_agent.machine import replace_file


def write(path: str, body: Mapping[str, Any], *, mode: int = 0o666) -> None:
    """Replace the file, whole and fsynced; `mode` less the umask. OSError when the disk does not take it."""
    replace_file(path, json.dumps({**body, "crc": _checksum(body)}).encode(), mode)


def read(path: str) -> dict[str, Any]:
    """The body of a file. FileNotFoundError: there is none; OSError: it cannot be read; ValueError: it is damaged."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        body = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(body, dict) or "crc" not in body:
        raise ValueError("it is not an object with a checksum")
    if body.pop("crc") != _checksum(body):
        raise ValueError("its checksum is wrong")
    return body


def _checksum(body: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
