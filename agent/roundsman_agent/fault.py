"""Fault injection for the kill tests: die at a named point, as a power cut or `kill -9` would have it.

    ROUNDSMAN_FAULT="spool.after_insert"        SIGKILL at the first passage
    ROUNDSMAN_FAULT="uplink.after_publish:40"   ... at the fortieth

Where the variable is unset a point costs one look at an empty dictionary.
"""

import os
import signal
from typing import Final

POINTS: Final = (
    "start.after_lock",  # nothing read, nothing written yet
    "start.after_hole",  # the hole of an unclean stop is written down, the session is not yet raised
    "start.after_session",  # the session is raised, no number reserved
    "start.after_reserve",  # the first block of this run is reserved, no number of it used
    "spool.before_insert",  # a number is given, the record is nowhere
    "spool.after_insert",  # the record is in the spool, nobody was told its number
    "spool.in_settle",  # deleted, not committed
    "spool.after_settle",
    "spool.in_thin",  # old samples thinned and written down, not committed
    "spool.in_drop",  # the spool is full: dropped and written down, not committed
    "spool.in_declare",  # losses became gap records, not committed
    "spool.before_sync",
    "spool.after_sync",
    "uplink.after_connect",  # the broker said yes, no birth yet
    "uplink.after_birth",
    "uplink.before_publish",
    "uplink.after_publish",  # handed to the socket
    "uplink.before_settle",  # an acknowledgement is here, nothing deleted
    "agent.before_stop",
    "command.after_accept",  # remembered on disk, nothing is done yet
    "command.after_deed",  # done, its result is nowhere
    "command.after_result",  # its result is in the spool, not yet remembered as answered
    "config.started",  # what this start runs with is decided, and counted if it is on trial
    "config.before_trial",  # a push was looked through, nothing is written
    "config.after_trial",  # written, not yet in force
)

_left: dict[str, int] = {}


def arm(spec: str) -> None:
    """Read `point[:count]`; ValueError names the points there are."""
    _left.clear()
    if not spec:
        return
    name, _, count = spec.partition(":")
    if name not in POINTS:
        raise ValueError(f"ROUNDSMAN_FAULT={spec!r}: there is no point {name!r}; there are {', '.join(POINTS)}")
    if count and not (count.isascii() and count.isdigit() and int(count) >= 1):
        raise ValueError(f"ROUNDSMAN_FAULT={spec!r}: expected point or point:COUNT with a count from 1")
    _left[name] = int(count or 1)


def point(name: str) -> None:
    """Pass a named point; die here if it was armed and its count is used up."""
    if _left and name in _left:
        _left[name] -= 1
        if _left[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
