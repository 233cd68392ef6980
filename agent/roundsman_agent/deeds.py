"""The agent's own record of what it was asked: a line of JSON for each command accepted, refused or answered.

    deeds = Deeds(folder)
    deeds.write(now, id=..., verb=..., by=..., what="accepted")

`commands.log` in the data folder, 0600, and `commands.log.1` before it: two files of 64 KiB at most. Lines are flushed,
and fsynced where something is changed, before it is done. What cannot be written is told in the log and stops nothing
that only looks; `write` says whether it stands.
"""

import json
import logging
import os
from typing import Any, Final

from roundsman_agent.clock import Moment, spoken

log = logging.getLogger("roundsman.commands")

FILE: Final = "commands.log"
BYTES: Final = 64 * 1024


class Deeds:
    """See the module."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._has_failed = False

    def write(self, now: Moment, *, is_synced: bool = False, **said: Any) -> bool:
        """Add a line; False when the disk does not take it."""
        line = {"t": spoken(now.wall), "ntp": now.ntp, "boot": now.boot, "mono": now.mono}
        line |= {name: value for name, value in said.items() if value not in ("", None)}
        raw = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self._turn_over(len(raw))
            self._append(raw, is_synced=is_synced)
        except OSError as error:
            if not self._has_failed:
                log.error("commands: %s cannot be written: %s", self._path, error)
            self._has_failed = True
            return False
        self._has_failed = False
        return True

    def _append(self, raw: bytes, *, is_synced: bool) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, raw)
            if is_synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _turn_over(self, size: int) -> None:
        try:
            if os.path.getsize(self._path) + size <= BYTES:
                return
        except FileNotFoundError:
            return
        os.replace(self._path, self._path + ".1")
