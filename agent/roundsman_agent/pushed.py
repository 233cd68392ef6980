"""What the agent remembers of configurations that were pushed: a journal of one small file, replaced as a whole.

    journal = read(folder) -> Journal          write(folder, journal)

        a push --tried--> trial --confirmed--> settled          the collector acknowledged something since
                            |
                            +---rolled_back--> settled again, or the local file; its hash is turned down

Everything here is pure but `read` and `write`. The journal is written before the agent does what it says, so a power
cut at any point finds either the old configuration or the trial, and a trial that never comes up ends by its starts.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from roundsman_agent import sealed
from roundsman_agent.clock import Moment

log = logging.getLogger("roundsman.config")

STARTS: Final = 3
"""Starts that a configuration on trial has; with one more it counts as the cause."""
_ANSWERS: Final = 8
_WHY_BYTES: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """A configuration that was pushed. `tables` is the normalised form of `body`; it lies over the local one, whose
    file said then what `local` names."""

    hash: str
    body: Mapping[str, Any]
    tables: Mapping[str, Any]
    local: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A configuration that nobody has acknowledged yet: since when, in which boot, how often it was started."""

    pushed: Pushed
    rollback_s: int
    boot: str
    mono: int
    starts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is to be told to the collector."""

    hash: str
    ok: bool
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Journal:
    """`turned_down` is the hash that is not tried again until another comes; `ignored` the last message that was no
    configuration at all, by its checksum: it is retained, so it comes with every connection."""

    settled: Pushed | None = None
    trial: Trial | None = None
    turned_down: str = ""
    ignored: int = 0
    answers: tuple[Answer, ...] = ()

    @property
    def in_force(self) -> Pushed | None:
        """What lies over the local file; None: nothing."""
        return self.trial.pushed if self.trial is not None else self.settled


def answered(journal: Journal, of: str, *, ok: bool, why: str) -> Journal:
    """One thing more to tell; the oldest give way."""
    answer = Answer(hash=of, ok=ok, why=why[:_WHY_BYTES])
    return replace(journal, answers=(*journal.answers, answer)[-_ANSWERS:])


def refused(journal: Journal, of: str, why: str) -> Journal:
    """This configuration cannot be used."""
    return answered(replace(journal, turned_down=of), of, ok=False, why=f"refused: {why}")


def tried(journal: Journal, pushed: Pushed, rollback_s: int, now: Moment) -> Journal:
    """This one is to come into force. One on trial before it was never confirmed."""
    if journal.trial is not None:
        why = "another one came before this one was confirmed"
        journal = answered(journal, journal.trial.pushed.hash, ok=False, why=why)
    trial = Trial(pushed=pushed, rollback_s=rollback_s, boot=now.boot, mono=now.mono)
    return replace(journal, trial=trial, turned_down="")


def confirmed(journal: Journal) -> Journal:
    """The collector has acknowledged something since the change."""
    if journal.trial is None:
        return journal
    settled = replace(journal, settled=journal.trial.pushed, trial=None)
    return answered(settled, journal.trial.pushed.hash, ok=True, why="in force")


def rolled_back(journal: Journal, why: str) -> Journal:
    """The trial has failed: what was settled before it is in force again."""
    if journal.trial is None:
        return journal
    of = journal.trial.pushed.hash
    back = f"{journal.settled.hash} is" if journal.settled is not None else "the agent's own file is"
    journal = replace(journal, trial=None, turned_down=of)
    return answered(journal, of, ok=False, why=f"rolled back: {why}; {back} in force again")


def set_aside(journal: Journal, why: str) -> Journal:
    """Whatever was pushed gives way to the local file, until another one is pushed."""
    last = journal.in_force
    if last is None:
        return journal
    return answered(replace(journal, trial=None, settled=None, turned_down=last.hash), last.hash, ok=False, why=why)


def started(journal: Journal, local: str, now: Moment) -> Journal:
    """The agent starts, and its own file says what `local` names: what gives way, and one start more of a trial."""
    last = journal.in_force
    if last is not None and last.local != local:
        return set_aside(journal, "set aside: the agent's own file was changed; it counts until another one is pushed")
    trial = journal.trial
    if trial is None:
        return journal
    if trial.starts >= STARTS:
        return rolled_back(journal, f"started {STARTS} times and was never confirmed")
    if trial.boot != now.boot:  # nobody can say how long the machine was off: the time begins again
        trial = replace(trial, boot=now.boot, mono=now.mono)
    return replace(journal, trial=replace(trial, starts=trial.starts + 1))


def is_overdue(trial: Trial, now: Moment) -> bool:
    """Whether the time to be confirmed in is over."""
    return now.mono - trial.mono >= trial.rollback_s * 1000


# --- the file ---------------------------------------------------------------------------------------------------------


def read(folder: str) -> Journal:
    """The journal of a data folder; an empty one where there is none, or it is damaged."""
    path = _path(folder)
    try:
        return _journal(sealed.read(path))
    except FileNotFoundError:
        return Journal()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.error("%s: cannot be used (%s); the agent's own file is in force", path, error)
        return Journal()


def write(folder: str, journal: Journal) -> None:
    """Replace the file, fsynced, readable by the agent's user alone; OSError when the disk does not take it."""
    sealed.write(_path(folder), asdict(journal), mode=0o600)


def _path(folder: str) -> str:
    return os.path.join(folder, "pushed.json")


def _journal(body: Mapping[str, Any]) -> Journal:
    settled, trial = body["settled"], body["trial"]
    return Journal(
        settled=Pushed(**settled) if settled is not None else None,
        trial=Trial(**{**trial, "pushed": Pushed(**trial["pushed"])}) if trial is not None else None,
        turned_down=body["turned_down"],
        ignored=body["ignored"],
        answers=tuple(Answer(**answer) for answer in body["answers"]),
    )
