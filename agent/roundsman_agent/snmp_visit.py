"""How much to ask one SNMP device at once, and what is known of it from the visits before.

    visit = Visit(session, known, repetitions=20)
    visit.get(oids)          up to 60 objects in one GET
    visit.walk(columns)      all columns side by side in one GETBULK, as many rows as there were the last time, and one
    visit.answers            {oid: Bound}          visit.stumbled  {oid: what the device answered}

What devices say to large requests, and what follows, for an hour (`AGE_S`; then all of it is learned anew):

    tooBig                       half as much                  an answer with a part of what was asked   the rest again
    nothing, though it lives     ten at once                   an error over one object of many          by halves, and
                                                               the one it stumbles over is asked alone from then on

A table's rows are counted anew in every visit: its last request reaches one row beyond the last one known. So a disk
that was added is seen at once, and nothing that is remembered can make an answer wrong, only slower.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

from roundsman_agent.probe import ProbeError
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_session import TOO_BIG, PduError, Session

__all__ = ["AGE_S", "AT_ONCE", "ROWS_LIMIT", "Known", "Memory", "Visit", "below"]

AT_ONCE: Final = 60
CAREFUL: Final = 10
"""What every device takes."""
AGE_S: Final = 3600.0
ROWS_LIMIT: Final = 256
"""Rows of one column that are read: a recorder has 24 disks, a UPS three phases; more is a loop or a mistake."""


@dataclass(kw_only=True, slots=True)
class Known:
    """What is known of one device: its family, the rows of its columns, how much it takes, where it stumbles."""

    since: float
    family: str | None = None
    size: int = AT_ONCE
    rows: dict[str, int] = field(default_factory=dict)
    stumbling: set[str] = field(default_factory=set)
    fixed: dict[str, Bound] = field(default_factory=dict)
    """Answers that do not change: how ports are called, and what they are."""


class Memory:
    """What is known of each device, by whatever names it; forgotten after AGE_S."""

    def __init__(self) -> None:
        self._of: dict[Hashable, Known] = {}

    def of(self, device: Hashable, now: float) -> Known:
        known = self._of.get(device)
        if known is None or now - known.since >= AGE_S:
            known = self._of[device] = Known(since=now)
        return known


class Visit:
    """See the module. What is learned is written into `known`."""

    def __init__(self, session: Session, known: Known, *, repetitions: int, most_rows: int = ROWS_LIMIT) -> None:
        self.answers: dict[str, Bound] = {}
        self.stumbled: dict[str, str] = {}
        self._session, self._known, self._repetitions = session, known, repetitions
        self._most_rows = most_rows
        self._is_heard = False

    # --- single objects -----------------------------------------------------------------------------------------------

    def get(self, oids: Sequence[str]) -> None:
        """Get the objects; one over which the device stumbles is noted, and must not cost us the others."""
        waiting = [oid for oid in oids if oid not in self._known.stumbling]
        while waiting:
            chunk = waiting[: self._known.size]
            heard = self._got(chunk)
            if heard is None:
                continue
            # Some devices cut an answer short and say nothing. None of what was asked: then it has none of it.
            done = heard if any(oid in heard for oid in chunk) else set(chunk)
            waiting = [oid for oid in waiting if oid not in done]
        for oid in oids:
            if oid in self._known.stumbling and oid not in self.stumbled:
                self._halve([oid])

    def _got(self, chunk: list[str]) -> set[str] | None:
        """What was answered of a chunk; None when less is to be asked at once."""
        try:
            heard = self._session.get(chunk)
        except PduError as error:
            if error.status == TOO_BIG and len(chunk) > 1:
                self._known.size = len(chunk) // 2
                return None
            self._stumble(chunk, error)
            return set(chunk)
        except ProbeError as error:
            self._bear(error, len(chunk))
            return None
        self._is_heard = True
        self.answers.update({oid: value for oid in chunk if (value := heard.get(oid)) is not None})
        return set(heard)

    def _stumble(self, oids: list[str], error: PduError) -> None:
        if len(oids) == 1:
            self.stumbled[oids[0]] = str(error)
            self._known.stumbling.add(oids[0])
        else:
            # By halves, and not by the error index: some agents name the wrong object (snmpsim does).
            self._halve(oids[: len(oids) // 2])
            self._halve(oids[len(oids) // 2 :])

    def _halve(self, oids: list[str]) -> None:
        try:
            heard = self._session.get(oids)
        except PduError as error:
            self._stumble(oids, error)
            return
        self._is_heard = True
        self._known.stumbling.difference_update(oids)
        self.answers.update({oid: value for oid in oids if (value := heard.get(oid)) is not None})

    # --- tables -------------------------------------------------------------------------------------------------------

    def walk(self, columns: Sequence[str]) -> None:
        """Walk the columns: each to its end, to the most rows, or until the device repeats itself."""
        last = {column: column for column in columns}
        rows = dict.fromkeys(columns, 0)
        is_single = False
        while last:
            batch = list(last)[: 1 if is_single else max(1, self._known.size // 2)]
            reach = self._reach(batch, rows)
            try:
                heard = self._session.bulk([last[column] for column in batch], reach)
            except PduError as error:
                if error.status == TOO_BIG and len(batch) * reach > 1:
                    self._known.size = max(1, len(batch) * reach // 2)
                elif len(batch) > 1:
                    is_single = True
                else:
                    self.stumbled[batch[0]] = str(error)
                    del last[batch[0]]
                continue
            except ProbeError as error:
                self._bear(error, len(batch) * reach)
                continue
            self._is_heard = True
            for place, (oid, value) in enumerate(heard):
                self._take(batch[place % len(batch)], oid, value, last, rows)
            if not heard:
                for column in batch:
                    del last[column]

    def _reach(self, batch: list[str], rows: dict[str, int]) -> int:
        """How many rows to ask for: those that are known to come and the end behind them."""
        known = self._known.rows
        ahead = max(known[column] + 1 - rows[column] if column in known else 0 for column in batch)
        wanted = ahead if ahead > 0 else self._repetitions
        return max(1, min(wanted, self._repetitions, self._known.size // len(batch)))

    def _take(self, column: str, oid: str, value: Bound | None, last: dict[str, str], rows: dict[str, int]) -> None:
        if column not in last:  # it ended earlier in this answer
            return
        if not below(oid, column) or _parts(oid) <= _parts(last[column]):
            self._known.rows[column] = rows[column]
            del last[column]
            return
        last[column] = oid
        rows[column] += 1
        if value is not None:
            self.answers[oid] = value
        if rows[column] >= self._most_rows:
            del last[column]

    def _bear(self, error: ProbeError, asked: int) -> None:
        """A large request that was not answered: smaller ones from now on, at once if the device is known to live."""
        if error.code != "timeout" or asked <= CAREFUL:
            raise error
        self._known.size = CAREFUL
        if not self._is_heard:
            raise error


def below(oid: str, root: str) -> bool:
    """Whether the object is the root or lies under it."""
    return oid == root or oid.startswith(root + ".")


def _parts(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
