"""What the agent may be asked to do, and why it refuses."""

import json
from dataclasses import replace
from typing import Any

import pytest

from roundsman_agent.clock import Offset
from roundsman_agent.commands import PAYLOAD_LIMIT, Accepted, Refused, capabilities, judge
from roundsman_agent.config import Commands
from tests.agent.cast import BOOT, START, T0, later

FREE = Commands(restart_app=("/bin/true",), reboot=("/bin/true",), logs={"app": "/var/log/app.log"})
UNSURE = replace(START, ntp=False)


def command(**changes: Any) -> bytes:
    body = {
        "v": 1,
        "id": "c-1",
        "verb": "inspect",
        "args": {},
        "at": T0,
        "expires_s": 30,
        "issued_by": "li",
        "consent": None,
    }
    return json.dumps({**body, "issued_by": "li", "consent": None, **changes}).encode()


def test_a_fresh_command_of_the_list_is_accepted() -> None:
    payload = command(args={"device": "nvr-2"})

    assert judge(payload, now=later(5), offset=None) == Accepted(
        id="c-1", verb="inspect", args={"device": "nvr-2"}, at=T0, expires_ms=T0 + 30_000, by="li"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verb": "shell"}, "no such verb; there are inspect, birth, diagnose"),
        ({"verb": "reboot", "consent": "yes"}, "reboot is not in this agent's configuration"),
        ({"verb": "log_tail", "args": {"log": "app"}}, "log_tail is not in this agent's configuration"),
        ({"verb": ["inspect"]}, "no such verb"),
        ({"args": {"shell": "rm"}}, "inspect takes no argument 'shell'"),
        ({"args": {"device": 7}}, "argument device of inspect: expected str"),
        ({"args": {"device": "../etc"}}, "argument device is not an id"),
        ({"args": None}, "args is not an object"),
        ({"v": 2}, "version 2"),
        ({"at": True}, "at or expires_s is missing"),
        ({"at": None}, "at or expires_s is missing"),
        ({"expires_s": -1}, "at or expires_s is missing"),
        ({"at": T0 + 3_600_000}, "in the future"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_anything_else_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    judged = judge(command(**changes), now=START, offset=None)

    assert isinstance(judged, Refused)
    assert why in judged.why


def test_an_old_command_is_refused() -> None:
    judged = judge(command(), now=later(40), offset=None)

    assert judged == Refused(id="c-1", by="li", why="expired: 40.0 s old, give or take 1.0 s; 30 s were allowed")


def test_a_command_that_may_be_too_old_is_refused() -> None:
    wide = Offset(boot=BOOT, ntp=False, offset_ms=0, error_ms=20_000)

    assert isinstance(judge(command(), now=later(9), offset=wide), Accepted)
    assert isinstance(judge(command(), now=later(11), offset=wide), Refused)


def test_without_a_known_clock_error_every_command_is_refused() -> None:
    judged = judge(command(), now=UNSURE, offset=None)

    assert isinstance(judged, Refused)
    assert "clock is unknown" in judged.why


def test_an_offset_of_this_boot_corrects_a_wrong_clock_and_one_of_another_does_not() -> None:
    in_1970 = replace(UNSURE, wall=5_000)
    found = Offset(boot=BOOT, ntp=False, offset_ms=T0 - 5_000, error_ms=100)

    assert isinstance(judge(command(), now=in_1970, offset=found), Accepted)
    assert isinstance(judge(command(), now=in_1970, offset=replace(found, boot="before")), Refused)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        command(id=7),
        command(id="x" * 65),
        b"[" * 100_000,
        command(note="x" * PAYLOAD_LIMIT),
    ],
    ids=range(8),
)
def test_what_has_no_id_is_not_a_command(payload: bytes) -> None:
    assert judge(payload, now=START, offset=None) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verb": "log_tail"}, "argument log is missing"),
        ({"verb": "log_tail", "args": {"log": "/etc/shadow"}}, "no such log; [commands.logs] declares app"),
        ({"verb": "log_tail", "args": {"log": "app", "lines": 0}}, "expected 1 to 2000"),
        ({"verb": "log_tail", "args": {"log": "app", "lines": 2001}}, "expected 1 to 2000"),
        ({"verb": "log_tail", "args": {"log": "app", "lines": True}}, "expected int"),
        ({"verb": "log_tail", "args": {"log": "app", "lines": "9"}}, "expected int"),
        ({"verb": "diagnose", "args": {"checks": "spool,moon"}}, "no check 'moon'"),
        ({"verb": "reboot"}, "reboot needs a consent"),
        ({"verb": "reboot", "consent": "  "}, "reboot needs a consent"),
        ({"verb": "reboot", "consent": {"by": "wang"}}, "reboot needs a consent"),
        ({"verb": "restart_app", "consent": "wang", "issued_by": ""}, "who asks for it"),
        ({"verb": "restart_app", "consent": "wang", "expires_s": 90_000}, "at most 86400"),
        ({"verb": "restart_app", "consent": "wang", "args": {"argv": "rm"}}, "takes no argument 'argv'"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_configured_has_its_own_conditions(changes: dict[str, Any], why: str) -> None:
    judged = judge(command(**changes), now=START, offset=None, commands=FREE)

    assert isinstance(judged, Refused)
    assert why in judged.why


def test_with_consent_what_is_configured_is_accepted() -> None:
    judged = judge(command(verb="reboot", consent="wang, by phone"), now=START, offset=None, commands=FREE)

    assert isinstance(judged, Accepted)
    assert (judged.verb, judged.consent, judged.by) == ("reboot", "wang, by phone", "li")


def test_a_birth_names_what_may_be_asked() -> None:
    assert capabilities(Commands()) == ["cmd.inspect", "cmd.birth", "cmd.diagnose"]
    assert capabilities(FREE) == [
        "cmd.inspect", "cmd.birth", "cmd.diagnose", "cmd.log_tail", "cmd.restart_app", "cmd.reboot", "log.app",
    ]  # fmt: skip
