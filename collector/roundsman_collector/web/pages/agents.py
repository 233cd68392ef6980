"""One agent: what it says of itself, commands to it, and the configuration that is pushed to it.

/agents/gw-2                        what it says of itself, the form that asks something of it, what was asked before
/agents/gw-2/commands/7f3a…         one command: how it stands, and what was answered
/agents/gw-2/configuration          what it has, what was pushed, the form that pushes another one

What changes something is asked in two steps: the form comes back as a question that shows for which machine it is, and
who agreed; only its answer asks. A configuration is shown with its difference before it is pushed.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from roundsman_collector.api import agents
from roundsman_collector.api.access import Command, Configure, deed_of
from roundsman_collector.api.agents import AgentId, CommandId, agent_or_404, command_or_404, offered
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE, problem_of
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.core import configured
from roundsman_collector.core.asking import (
    CHANGING,
    EXPIRES_S,
    HOW,
    LINES_LIMIT,
    NAME_LIMIT,
    NAMES_LIMIT,
    TEXT_LIMIT,
    VERBS,
    WHO_LIMIT,
    AskError,
    Consent,
    agreed,
    checked,
    verb_of,
)
from roundsman_collector.core.configured import FLAWS, NOTE_LIMIT, ConfigurationError
from roundsman_collector.roles import Who
from roundsman_collector.store import AgentNow, AskedRow, AskWish, EntryError, PushRow, PushWish
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import TimeError, picked, written
from roundsman_wire.codec import config_hash

ROWS = 50
PUSHES = 20
REFRESH_S, PUSH_REFRESH_S = 2, 5
MOVING = ("new", "sent", "withdrawing")
"""States of a push that become others by themselves."""
UPLOAD_LIMIT = 2 * agents.TEXT_BYTES + 64 * 1024
STATES: Mapping[str, str] = {
    "new": N_("waiting to be sent"),
    "sent": N_("sent"),
    "done": N_("answered"),
    "failed": N_("refused"),
    "expired": N_("no answer"),
}
PUSH_STATES: Mapping[str, str] = {
    "new": N_("on its way to the broker"),
    "sent": N_("at the broker, not confirmed yet"),
    "confirmed": N_("taken over by the agent"),
    "refused": N_("refused by the agent"),
    "rolled_back": N_("taken back by the agent"),
    "replaced": N_("replaced before it was confirmed"),
    "withdrawing": N_("being withdrawn"),
    "withdrawn": N_("withdrawn"),
}
WORD_OF: Mapping[str, str] = {
    "confirmed": "normal",
    "done": "normal",
    "refused": "fault",
    "rolled_back": "fault",
    "failed": "fault",
    "expired": "warning",
}
"""Which of the six words a state is coloured like."""
HINTS: Mapping[str, str] = {
    "inspect": N_("Polls everything now, and answers in full."),
    "diagnose": N_("Looks at itself: spool, line, clock, probes, disk."),
    "log_tail": N_("Sends the last lines of a file that its configuration names."),
    "birth": N_("Sends versions, abilities and the hash of its configuration again."),
    "restart_app": N_("Ends and starts the application that its configuration names. The device is gone for a moment."),
    "reboot": N_("Restarts the machine itself. The device is gone for minutes, and what is not stored is lost."),
}
WRONG: Mapping[str, str] = {
    "verb": N_("The agent does not offer this. What it offers is said by its own configuration."),
    "args.device": N_("It speaks for no such device."),
    "args.log": N_("Write the name of a log that the agent's configuration declares."),
    "args.lines": N_("A whole number from 1 to 2,000."),
    "args.checks": N_("Names with commas between them, or nothing."),
    "consent": N_("This needs that the customer agreed."),
    "consent.who": N_("Write who of the customer's people agreed."),
    "consent.how": N_("Say how they agreed."),
    "consent.at": N_("A time of the last 30 days, and not ahead of now."),
    "consent.device": N_("Choose the device that they agreed about."),
    "consent.text": N_("At most 200 characters."),
    "busy": N_("Other commands wait for this agent. Wait until they are answered."),
    "rollback_s": N_("60 to 86,400 seconds."),
    "note": N_("At most 400 characters."),
    "same": N_(
        "This very configuration is in force, or was refused. The agent does nothing about it: change something."
    ),
}
NOT_READ = N_("This is neither TOML nor JSON: %(why)s")
NOTHING_PUSHED = N_("Nothing is pushed to it.")
NO_TEXT = N_("Write a configuration, or choose a file.")

router = APIRouter()


# --- commands --------------------------------------------------------------------------------------------------------


@router.get("/agents/{agent}")
def agent_page(request: Request, who: Command, agent: AgentId) -> Response:
    """The page of an agent."""
    return _agent(request, who, agent_or_404(desk_of(request), who, agent), {})


@router.post("/agents/{agent}/commands")
def ask(request: Request, who: Command, agent: AgentId, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Ask something; what changes something is asked back first. What cannot be used comes back as written."""
    desk = desk_of(request)
    now = agent_or_404(desk, who, agent)
    said = {name: text.strip() for name, text in fields.items()}
    try:
        wish = _wish(said, desk.now_ms())
        if wish.verb in CHANGING and said.get("confirm") != now.id:
            return _question(request, who, now, wish, said)
        command = desk.office.ask_agent(now.id, wish, deed=deed_of(request, who), scope=who.scope)
    except AskError as error:
        return _agent(request, who, now, said, wrong={error.field: WRONG.get(error.field, WRONG["verb"])}, status=422)
    except EntryError as error:
        status = 409 if error.cause == "conflict" else 422
        return _agent(
            request, who, now, said, wrong={error.field: WRONG.get(error.field, WRONG["verb"])}, status=status
        )
    return RedirectResponse(f"/agents/{quote(now.id, safe='')}/commands/{command}", 303)


@router.get("/agents/{agent}/commands/{command}")
def command_page(request: Request, who: Command, agent: AgentId, command: CommandId) -> Response:
    """How a command stands."""
    saying = saying_of(request)
    row = command_or_404(desk_of(request), who, agent, command)
    shown = {
        "row": command_row(saying, row),
        "refresh_s": REFRESH_S if row.done_ms is None else None,
        "consent": _consent_shown(saying, row.agreed),
        "hint": saying(HINTS.get(row.verb, "")) if row.verb in HINTS else "",
    }
    return page(request, who, "command.html", shown)


def _wish(said: Mapping[str, str], now_ms: int) -> AskWish:
    """What a form asks for, looked through as far as it can be without the database."""
    verb = verb_of(said.get("verb", ""))
    args = checked(verb, {name: said.get(f"args.{name}", "") for name in VERBS[verb].args})
    consent = None
    if verb in CHANGING:
        try:
            at_ms = written(said.get("consent.at", ""), DEFAULT_ZONE)
        except TimeError as error:
            raise AskError("consent.at", str(error), "a time") from error
        consent = agreed(
            Consent(
                who=said.get("consent.who", ""),
                how=said.get("consent.how", ""),
                at_ms=at_ms,
                device=said.get("consent.device", ""),
                text=said.get("consent.text", ""),
            ),
            now_ms,
        )
    return AskWish(verb=verb, args=args, consent=consent)


def _question(request: Request, who: Who, now: AgentNow, wish: AskWish, said: Mapping[str, str]) -> Response:
    """The second step: which machine, what, and who agreed."""
    saying = saying_of(request)
    assert wish.consent is not None, "what changes something has one"
    if wish.consent.device not in now.devices:
        wrong = {"consent.device": WRONG["consent.device"]}
        return _agent(request, who, now, said, wrong=wrong, status=422)
    consent = {name: getattr(wish.consent, name) for name in ("who", "how", "at_ms", "device", "text")}
    shown = {
        "agent": now.id,
        "verb": wish.verb,
        "verb_word": verb_word(saying, wish.verb),
        "hint": saying(HINTS[wish.verb]),
        "devices": list(now.devices),
        "consent": _consent_shown(saying, consent),
        "hidden": {name: text for name, text in said.items() if name.startswith("consent.") or name == "verb"},
        "minutes": EXPIRES_S // 60,
    }
    return page(request, who, "command_confirm.html", shown)


def _consent_shown(saying: Saying, consent: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if consent is None:
        return None
    how = HOW.get(str(consent["how"]))
    return {**consent, "how": consent["how"] if how is None else how[saying.language != "zh"]}


def _agent(
    request: Request,
    who: Who,
    now: AgentNow,
    said: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    verbs = offered(now)
    rows = desk.view.asked(now.id, limit=ROWS)
    last = desk.view.pushes(now.id, limit=1)
    chosen = said.get("verb") or (verbs[0] if verbs else "")
    shown = {
        "agent": now,
        "born": now.born,
        "versions": [] if now.born is None else sorted(now.born.versions.items()),
        "verbs": [(verb, verb_word(saying, verb), saying(HINTS[verb])) for verb in verbs],
        "reading": [verb for verb in verbs if verb not in CHANGING],
        "changing": [verb for verb in verbs if verb in CHANGING],
        "missing": [verb_word(saying, verb) for verb in VERBS if verb not in verbs],
        "chosen": chosen,
        "values": {"consent.at": picked(desk.now_ms() // 60_000 * 60_000, DEFAULT_ZONE), **said},
        "wrong": {field: saying(text) for field, text in (wrong or {}).items()},
        "devices": [(device, device) for device in now.devices],
        "hows": [(how, words[saying.language != "zh"]) for how, words in HOW.items()],
        "commands": [command_row(saying, row) for row in rows],
        "is_waiting": any(row.done_ms is None for row in rows),
        "refresh_s": REFRESH_S,
        "last": _push_row(saying, last[0]) if last else None,
        "has_pushed": bool(last) and now.born is not None and now.born.config_hash == last[0].hash,
        "limits": {
            "name": NAME_LIMIT,
            "names": NAMES_LIMIT,
            "lines": LINES_LIMIT,
            "who": WHO_LIMIT,
            "text": TEXT_LIMIT,
        },
        "minutes": EXPIRES_S // 60,
    }
    return page(request, who, "agent.html", shown, status=status)


def verb_word(saying: Saying, verb: str) -> str:
    """What a verb is called."""
    for known, ask_ in VERBS.items():
        if known == verb:
            return ask_.zh if saying.language == "zh" else ask_.en
    return verb


def command_row(saying: Saying, row: AskedRow) -> dict[str, Any]:
    """A command as pages show it."""
    return {
        "id": row.id,
        "agent": row.agent,
        "link": f"/agents/{quote(row.agent, safe='')}/commands/{row.id}",
        "verb": row.verb,
        "verb_word": verb_word(saying, row.verb),
        "args": ", ".join(f"{name} = {value}" for name, value in row.args.items()),
        "device": row.device,
        "state": row.state,
        "state_word": saying(STATES[row.state]),
        "word": WORD_OF.get(row.state, ""),
        "asked_by": row.asked_by,
        "asked_ms": row.asked_ms,
        "expires_ms": row.expires_ms,
        "sent_ms": row.sent_ms,
        "done_ms": row.done_ms,
        "detail": row.detail,
        "output": row.output,
        "json": f"/api/v1/agents/{quote(row.agent, safe='')}/commands/{row.id}",
    }


# --- configurations --------------------------------------------------------------------------------------------------


async def uploaded(request: Request, who: Configure) -> dict[str, str]:
    """The fields of a form with a file; the text of the file stands in `text`, where there is one."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise bad_parameter("body", "this is no form with a file", "multipart/form-data")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > UPLOAD_LIMIT:
            raise bad_parameter("body", "the configuration is too large", f"at most {agents.TEXT_BYTES // 1024} KiB")

    async def once() -> AsyncGenerator[bytes, None]:
        yield bytes(body)

    parser = MultiPartParser(request.headers, once(), max_files=1, max_fields=20, max_part_size=UPLOAD_LIMIT)
    try:
        fields = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise bad_parameter("body", "this form cannot be read", "multipart/form-data with one file") from error
    try:
        found = {name: value for name, value in fields.items() if isinstance(value, str)}
        file = fields.get("file")
        if isinstance(file, UploadFile) and file.size:
            found["text"] = (await file.read()).decode("utf-8", "replace")
        return found
    finally:
        await fields.close()


@router.get("/agents/{agent}/configuration")
def configuration_page(request: Request, who: Configure, agent: AgentId) -> Response:
    """What it has, what was pushed, and the form."""
    return _configuration(request, who, agent_or_404(desk_of(request), who, agent), {})


@router.post("/agents/{agent}/configuration")
def push(
    request: Request, who: Configure, agent: AgentId, fields: Annotated[dict[str, str], Depends(uploaded)]
) -> Response:
    """Look through a configuration and show what it changes; with `confirm`, push it."""
    desk, saying = desk_of(request), saying_of(request)
    now = agent_or_404(desk, who, agent)
    text = fields.get("text", "").replace("\r\n", "\n")
    said = {**fields, "text": text}
    if not text.strip():
        return _configuration(request, who, now, said, wrong={"text": saying(NO_TEXT)})
    try:
        body = configured.read(text)
    except ConfigurationError as error:
        return _configuration(request, who, now, said, wrong={"text": saying(NOT_READ, why=str(error))})
    flaws = configured.flaws(body)
    if flaws:
        return _configuration(request, who, now, said, flaws=[_flaw(saying, *flaw) for flaw in flaws])
    rollback_s = _seconds(said.get("rollback_s", "").strip())
    if not configured.SHORTEST_S <= rollback_s <= configured.LONGEST_S:
        return _configuration(request, who, now, said, wrong=_wrong(saying, "rollback_s"))
    wish = PushWish(body=body, rollback_s=rollback_s, note=said.get("note", "").strip())
    if said.get("confirm") != config_hash(body):
        return _configuration(request, who, now, said, looked=body)
    try:
        desk.office.push_config(now.id, wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        if error.field not in WRONG:
            raise problem_of(error) from error
        return _configuration(request, who, now, said, wrong=_wrong(saying, error.field))
    return RedirectResponse(f"/agents/{quote(now.id, safe='')}/configuration", 303)


@router.post("/agents/{agent}/configuration/withdraw")
def withdraw(request: Request, who: Configure, agent: AgentId) -> Response:
    """Let the broker keep it no more."""
    desk, saying = desk_of(request), saying_of(request)
    try:
        agents.withdrawn(desk, who, deed_of(request, who), agent)
    except Problem as refused:
        if refused.status != 409:
            raise
        now = agent_or_404(desk, who, agent)
        return _configuration(request, who, now, {}, wrong={"withdraw": saying(NOTHING_PUSHED)}, status=409)
    return RedirectResponse(f"/agents/{quote(agent, safe='')}/configuration", 303)


def _wrong(saying: Saying, field: str) -> dict[str, str]:
    return {field: saying(WRONG[field])}


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _flaw(saying: Saying, place: str, code: str) -> dict[str, str]:
    return {"place": place, "said": FLAWS[code][saying.language != "zh"]}


def _configuration(
    request: Request,
    who: Who,
    now: AgentNow,
    said: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    flaws: list[dict[str, str]] | None = None,
    looked: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.pushes(now.id, limit=PUSHES)
    last = rows[0] if rows else None
    before = last.body if last is not None and last.state not in ("withdrawn", "withdrawing") else {}
    shown = {
        "agent": now,
        "born": now.born,
        "last": None if last is None else _push_row(saying, last),
        "last_text": "" if last is None else configured.shown(last.body),
        "has_pushed": last is not None and now.born is not None and now.born.config_hash == last.hash,
        "rows": [_push_row(saying, row) for row in rows],
        "may_withdraw": last is not None and last.state not in ("withdrawn", "withdrawing"),
        "values": {"rollback_s": str(configured.ROLLBACK_S), **said},
        "wrong": dict(wrong or {}),
        "flaws": flaws or [],
        "looked": None
        if looked is None
        else {"hash": config_hash(looked), "lines": configured.compared(before, looked), "is_empty": not looked},
        "note_limit": NOTE_LIMIT,
        "shortest": configured.SHORTEST_S,
        "longest": configured.LONGEST_S,
        "refresh_s": PUSH_REFRESH_S if last is not None and last.state in MOVING else None,
    }
    return page(request, who, "configuration.html", shown, status=422 if (wrong or flaws) and status == 200 else status)


def _push_row(saying: Saying, row: PushRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "hash": row.hash,
        "state": row.state,
        "state_word": saying(PUSH_STATES[row.state]),
        "word": WORD_OF.get(row.state, ""),
        "note": row.note,
        "rollback": saying.span(row.rollback_s * 1000),
        "made_ms": row.made_ms,
        "made_by": row.made_by,
        "sent_ms": row.sent_ms,
        "done_ms": row.done_ms,
        "detail": row.detail,
        "json": f"/api/v1/agents/{quote(row.agent, safe='')}/configurations/{row.id}",
    }


def may_command(desk: Desk, who: Who, agent: str | None) -> bool:
    """Whether somebody may command the agent of a device."""
    return bool(agent) and who.may("command") and desk.view.agent_now(str(agent), scope=who.scope) is not None
