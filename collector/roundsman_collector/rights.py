"""Who may say and hear what on a broker: one table, written out for nats-server and for mosquitto.

    nats_users(collector_password, agents) -> lines of nats.conf
    mosquitto_conf(folder, port), mosquitto_acl(agents), mosquitto_password_lines(pairs) -> text of mosquitto's files
    mosquitto_agent_acl(login) -> what has to be added there for one agent

The credential of an agent is bound to `rm/1/{group}/{agent}/`; the collector may do everything below `rm/1`. A
forbidden publish gets its PUBACK from both brokers and is dropped (mosquitto 2.0 then closes the connection): only the
collector's own `ack` says that something arrived. Passwords travel as they are: off this machine, use TLS.

Passwords are 128 random bits made by us and stay in files of mode 0600; NATS gets them as they are, because its bcrypt
protects passwords that people choose and would cost 0.1 s of CPU per agent after every restart (docs/decisions/0002).
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from roundsman_wire import topics

COLLECTOR_USER = "_collector"  # never an agent's: their user names hold a slash

# Below rm/1/{group}/{agent}/. `state` is also the last will.
AGENT_PUBLISHES = (*topics.UP, f"{topics.BIRTH}/+")
AGENT_SUBSCRIBES = topics.DOWN
EVERYTHING = f"{topics.ROOT}/#"

# MQTT wildcards and separators as NATS writes them.
_SUBJECT = str.maketrans({"/": ".", "+": "*", "#": ">"})
# Where NATS delivers messages of QoS 1. No client can subscribe to it by an MQTT topic (a test tries).
_NATS_DELIVERY = "$MQTT.sub.>"
_PASSWORD = re.compile(r"[!#-\[\]-~]{1,200}\Z")  # printable ASCII without blank, quote and backslash
_MOSQUITTO_ROUNDS = 101  # of PBKDF2-SHA512, what mosquitto_passwd 2.0 uses


class RightsError(ValueError):
    """A credential that cannot be written into a broker's configuration."""


class AgentLogin(NamedTuple):
    """One agent's credential. NATS also understands a bcrypt hash ($2a$…) in place of the password."""

    group: str
    agent: str
    password: str

    @property
    def user(self) -> str:
        return user_of(self.group, self.agent)


def user_of(group: str, agent: str) -> str:
    """The user name under which an agent connects, on every broker."""
    return f"{group}/{agent}"


def new_password() -> str:
    """A password that nobody has to remember: 128 random bits, safe in any file and on any command line."""
    return secrets.token_urlsafe(16)


def checked_logins(logins: Iterable[tuple[str, str, str]]) -> tuple[AgentLogin, ...]:
    """Return the credentials in order; raise RightsError or TopicError for what no configuration can hold."""
    checked = tuple(sorted({_checked(AgentLogin(*login)) for login in logins}))
    for one, other in pairwise(checked):
        if one.user == other.user:
            raise RightsError(f"agent {one.user} has two passwords: name every (group, agent) once")
    return checked


def agent_may_publish(group: str, agent: str) -> list[str]:
    """The topic filters an agent may publish to."""
    return [topics.up(group, agent, leaf) for leaf in AGENT_PUBLISHES]


def agent_may_subscribe(group: str, agent: str) -> list[str]:
    """The topic filters an agent may subscribe to."""
    return [*(topics.down(group, agent, leaf) for leaf in AGENT_SUBSCRIBES), topics.collector_state(group)]


# --- nats-server ---


def nats_users(collector_password: str, agents: Iterable[AgentLogin]) -> list[str]:
    """The entries of `authorization { users: [...] }`. Nobody may use NATS's own protocol."""
    everyone = [_nats_user(COLLECTOR_USER, collector_password, [EVERYTHING], [EVERYTHING])]
    for login in agents:
        publishes = agent_may_publish(login.group, login.agent)
        everyone.append(
            _nats_user(login.user, login.password, publishes, agent_may_subscribe(login.group, login.agent))
        )
    return everyone


def _nats_user(user: str, password: str, publish: list[str], subscribe: list[str]) -> str:
    writes = [topic.translate(_SUBJECT) for topic in publish]
    reads = [*(topic.translate(_SUBJECT) for topic in subscribe), _NATS_DELIVERY]
    return (
        f'{{ user: "{user}", password: "{password}", allowed_connection_types: ["MQTT"], '
        f"permissions: {{ publish: {json.dumps(writes)}, subscribe: {json.dumps(reads)} }} }}"
    )


# --- mosquitto ---


def mosquitto_conf(folder: Path, port: int, *, host: str = "127.0.0.1") -> str:
    """The recommended mosquitto.conf: rights by file, sessions on disk, windows wide enough for batches.

    mosquitto's PUBACK is not a commit (it saves now and then); our own `ack` is the guarantee, so it need not save
    often. Its default window of 20 messages falls to 1,800 messages/s at a commit of 10 ms.
    """
    rows = (
        ("listener", f"{port} {host}"),
        ("allow_anonymous", "false"),
        ("password_file", folder / "passwords"),
        ("acl_file", folder / "acl"),
        ("persistence", "true"),
        ("persistence_location", f"{folder}/"),
        ("autosave_interval", 300),
        ("max_inflight_messages", 2000),
        ("max_queued_messages", 0),
        ("message_size_limit", 1024 * 1024),
    )
    return "".join(f"{name} {value}\n" for name, value in rows)


def mosquitto_acl(agents: Iterable[tuple[str, str, str]]) -> str:
    """The ACL file of mosquitto that grants what the embedded broker grants."""
    collector = f"user {COLLECTOR_USER}\ntopic readwrite {EVERYTHING}\n"
    return "\n".join([collector, *(mosquitto_agent_acl(login) for login in checked_logins(agents))])


def mosquitto_agent_acl(login: AgentLogin) -> str:
    """The block of one agent in that file."""
    lines = [
        f"user {login.user}",
        *(f"topic write {topic}" for topic in agent_may_publish(login.group, login.agent)),
        *(f"topic read {topic}" for topic in agent_may_subscribe(login.group, login.agent)),
    ]
    return "".join(f"{line}\n" for line in lines)


def mosquitto_password_lines(
    pairs: Iterable[tuple[str, str]], salt: Callable[[], bytes] = lambda: secrets.token_bytes(12)
) -> str:
    """The password file of mosquitto for (user, password) pairs, as mosquitto_passwd would write it."""
    return "".join(f"{user}:{_mosquitto_hash(password, salt())}\n" for user, password in pairs)


def _mosquitto_hash(password: str, salt: bytes) -> str:
    """`$7$rounds$salt$digest`, the digest PBKDF2-HMAC-SHA512 (mosquitto 2.0, password_mosq.c)."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_ROUNDS)
    return f"$7${_MOSQUITTO_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _checked(login: AgentLogin) -> AgentLogin:
    topics.checked_id(login.group, "the group of an agent")
    topics.checked_id(login.agent, "an agent")
    if not _PASSWORD.match(login.password):
        raise RightsError(
            f"the password of agent {login.user} must be 1-200 printable ASCII characters without blank, quote and"
            " backslash; new_password() makes a good one"
        )
    return login
