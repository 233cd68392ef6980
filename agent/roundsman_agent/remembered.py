"""The commands that were accepted, remembered on disk before anything is done: at most once, whatever dies between.

    memory = Memory(folder, now)
    memory.add(Entry(id=..., ...))         fsynced when it returns; OSError: not remembered, so nothing may be done
    memory.answered(id)                    its result is in the spool
    memory.pending()                       accepted, and no result yet: found after a kill, a power cut, a reboot

An entry stays until its command has surely expired; then no copy of it can be accepted any more. What was forgotten, or
asked before this memory began (its file was lost or damaged), is not done again: `begin`, `is_from_before`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from roundsman_agent import sealed
from roundsman_agent.clock import Moment

log = logging.getLogger("roundsman.commands")

FILE: Final = "commands.json"
ENTRIES: Final = 256
_MARGIN_MS: Final = 120_000
"""Kept for so long behind its expiry: what the agent thinks the time is may be a little off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An accepted command: when it was asked and until when it holds by the sender's clock, when and in which boot it
    was accepted by ours."""

    id: str
    verb: str
    changes: bool
    at: int
    expires_ms: int
    boot: str
    mono: int
    is_answered: bool = False


class Memory:
    """See the module."""

    def __init__(self, folder: str, now: Moment) -> None:
        self._path = os.path.join(folder, FILE)
        self._began = now
        self._floor: int | None = None
        """What was asked at or before this (the sender's clock) may have been here and forgotten. None: not known."""
        self._entries: dict[str, Entry] = {}
        try:
            self._read(sealed.read(self._path))
        except FileNotFoundError:
            log.debug("commands: there is no %s yet", self._path)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("commands: %s cannot be used (%s); what was asked before now is not done", self._path, error)
            self._floor, self._entries = None, {}

    def _read(self, body: Mapping[str, Any]) -> None:
        self._entries = {one["id"]: Entry(**one) for one in body["entries"]}
        self._floor = body["floor"]

    def knows(self, command: str) -> bool:
        return command in self._entries

    def pending(self) -> list[Entry]:
        """Accepted, and without a result."""
        return [one for one in self._entries.values() if not one.is_answered]

    def is_full(self) -> bool:
        """Whether there is no room, because all that is here must be kept."""
        return len(self._entries) >= ENTRIES and self._least() is None

    def begin(self, true: Callable[[Moment], tuple[int, int] | None]) -> None:
        """Once in the life of the file, when the time is known: what is asked from its beginning on is remembered."""
        if self._floor is None and (known := true(self._began)) is not None:
            self._floor = known[0]
            try:
                self._write()
            except OSError as error:
                log.error("commands: %s cannot be written: %s", self._path, error)

    def is_from_before(self, at: int) -> bool:
        """Whether a command asked at this time may have been accepted once and forgotten since."""
        return self._floor is None or at <= self._floor

    def add(self, entry: Entry) -> None:
        """Remember; OSError when the disk does not take it, and then it is not remembered in memory either."""
        if len(self._entries) >= ENTRIES and (least := self._least()) is not None:
            self._forget(least)
        self._entries[entry.id] = entry
        try:
            self._write()
        except OSError:
            del self._entries[entry.id]
            raise

    def answered(self, command: str) -> None:
        """Its result is in the spool."""
        if command in self._entries:
            self._entries[command] = replace(self._entries[command], is_answered=True)
            try:
                self._write()
            except OSError as error:
                log.error("commands: %s was not written, a second result of %s may follow: %s", FILE, command, error)

    def expire(self, true: tuple[int, int] | None) -> None:
        """Forget what has surely expired."""
        if true is None:
            return
        surely = true[0] - true[1] - _MARGIN_MS
        for one in [one for one in self._entries.values() if one.is_answered and one.expires_ms < surely]:
            self._forget(one.id)

    def _least(self) -> str | None:
        """The oldest that may be forgotten: it was answered, and doing it again would harm nobody."""
        return next((one.id for one in self._entries.values() if one.is_answered and not one.changes), None)

    def _forget(self, command: str) -> None:
        gone = self._entries.pop(command)
        if gone.changes:
            self._floor = gone.at if self._floor is None else max(self._floor, gone.at)

    def _write(self) -> None:
        sealed.write(self._path, {"entries": [asdict(one) for one in self._entries.values()], "floor": self._floor})
