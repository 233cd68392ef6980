"""The credentials of agents: a file of mode 0600 in the data folder, from which the broker's rights are written.

{"kiosk-7": {"group": "south", "password": "…"}}

Who changes the file holds a lock beside it while reading and writing: two commands at once must not undo each other.
The running collector looks at `changed_at` every second: a new agent is let in, a revoked one is cut off.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from roundsman_collector.rights import AgentLogin, new_password

NAME = "agents.json"


class LoginsError(Exception):
    """The file with the agents' credentials cannot be used."""


def read(folder: Path) -> list[AgentLogin]:
    """All credentials, by agent; none when there is no file yet."""
    file = folder / NAME
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return [AgentLogin(one["group"], agent, one["password"]) for agent, one in sorted(said.items())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoginsError(
            f"{file}: not the credentials of agents ({error}); restore the file, or delete it and add every agent again"
        ) from error


def given(folder: Path, group: str, agent: str) -> AgentLogin:
    """The credential of an agent, made now if it has none in this group."""
    with _changing(folder) as known:
        login = known.get(agent)
        if login is None or login.group != group:
            login = known[agent] = AgentLogin(group, agent, new_password())
            _write(folder, known)
        return login


def rotated(folder: Path, agent: str) -> AgentLogin | None:
    """A new credential in place of an agent's; None: it has none."""
    with _changing(folder) as known:
        if agent not in known:
            return None
        login = known[agent] = AgentLogin(known[agent].group, agent, new_password())
        _write(folder, known)
        return login


def revoke(folder: Path, agent: str) -> bool:
    """Take an agent's credential away; return whether it had one."""
    with _changing(folder) as known:
        if known.pop(agent, None) is None:
            return False
        _write(folder, known)
        return True


def changed_at(folder: Path) -> int:
    """A number that changes when the file does; 0 while there is none."""
    try:
        return (folder / NAME).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[dict[str, AgentLogin]]:
    """What is known, while nobody else changes it."""
    with os.fdopen(os.open(folder / f"{NAME}.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield {login.agent: login for login in read(folder)}


def _write(folder: Path, logins: dict[str, AgentLogin]) -> None:
    said = {agent: {"group": one.group, "password": one.password} for agent, one in sorted(logins.items())}
    new = folder / (NAME + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(said, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / NAME)
