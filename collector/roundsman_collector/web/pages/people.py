"""Who may come in: /people (users, and who is signed in) and /tokens (programs). For whoever has the right `people`.

A one-time link and a new token are shown once, on the page that answers; nobody can look them up later.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import People, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.people import PeopleError, checked_email, checked_language, checked_login
from roundsman_collector.roles import RIGHTS, ROLES, Role, Scope, Who
from roundsman_collector.store import PersonRow, StoreError
from roundsman_collector.store.people import new_key, scope_text
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_
from roundsman_collector.wording import short

router = APIRouter()

Fields = Annotated[dict[str, str], Depends(form)]
LINK_MS = 7 * 86_400_000
DAY_MS = 86_400_000
LONGEST_DAYS = 3660
KNOWN_SHOWN = 30
"""So many groups and customers are named beside the field for the scope."""
EMPTY: dict[str, str] = {"login": "", "name": "", "email": "", "language": "zh", "role": "engineer", "scope": ""}
NEW_TOKEN: dict[str, str] = {"name": "", "role": "viewer", "scope": "all", "days": "365"}
TOLD = {
    "scope": N_("Say what they reach: all, or words such as group:south customer:metro."),
    "role": N_("There is no such role."),
    "days": N_("Say for how many days, from 1 to 3660."),
    "name": N_("Give it a name."),
}


class _Wrong(Exception):
    """What was written into a form cannot be used; the text is for the person."""


# --- users -----------------------------------------------------------------------------------------------------------


@router.get("/people")
def people_page(request: Request, who: People) -> Response:
    """Everybody, and who is signed in."""
    return _people(request, who)


@router.post("/people")
def add(request: Request, who: People, fields: Fields) -> Response:
    """Enter a person, and show the link that lets them in once."""
    desk = desk_of(request)
    try:
        login = checked_login(fields.get("login", "").strip())
        told = _person_of(fields)
        desk.office.add_person(login, **{**told, "name": told["name"] or login}, deed=deed_of(request, who))
    except (PeopleError, _Wrong, StoreError) as error:
        return _people(request, who, wrong=_reason(request, error), written=fields, status=422)
    return _with_link(request, who, desk, login)


@router.get("/people/{login}")
def person_page(request: Request, who: People, login: str) -> Response:
    """One person: what they may do, and what was done about them."""
    return _person(request, who, _known(desk_of(request), login))


@router.post("/people/{login}")
def change(request: Request, who: People, login: str, fields: Fields) -> Response:
    """Change name, role, scope, mail address, language."""
    desk = desk_of(request)
    before = _known(desk, login)
    try:
        told = _person_of(fields)
        desk.office.change_person(login, **{**told, "name": told["name"] or login}, deed=deed_of(request, who))
    except (PeopleError, _Wrong, StoreError) as error:
        return _person(request, who, before, wrong=_reason(request, error), written=fields, status=422)
    return RedirectResponse(f"/people/{login}", 303)


@router.post("/people/{login}/link")
def link(request: Request, who: People, login: str) -> Response:
    """Show a new one-time link; older ones no longer work."""
    desk = desk_of(request)
    _known(desk, login)
    try:
        return _with_link(request, who, desk, login)
    except StoreError as error:
        return _people(request, who, wrong=_reason(request, error), status=409)


@router.post("/people/{login}/{verb}")
def act(request: Request, who: People, login: str, verb: str) -> Response:
    """Shut out, let in again, unlock."""
    desk, deed = desk_of(request), deed_of(request, who)
    person = _known(desk, login)
    try:
        match verb:
            case "disable":
                desk.office.disable_person(login, is_disabled=True, deed=deed)
            case "enable":
                desk.office.disable_person(login, is_disabled=False, deed=deed)
            case "unlock":
                desk.office.unlock_person(login, deed)
            case _:
                raise _nothing(verb)
    except StoreError as error:
        return _person(request, who, person, wrong=_reason(request, error), status=409)
    return RedirectResponse(f"/people/{login}", 303)


@router.post("/sessions/{session}/end")
def end(request: Request, who: People, session: str) -> Response:
    """Sign somebody out."""
    desk_of(request).office.end_session(session, deed_of(request, who))
    return RedirectResponse("/people", 303)


# --- tokens ----------------------------------------------------------------------------------------------------------


@router.get("/tokens")
def tokens_page(request: Request, who: People) -> Response:
    """The programs that may use the API."""
    return _tokens(request, who)


@router.post("/tokens")
def add_token(request: Request, who: People, fields: Fields) -> Response:
    """Make a token and show it, once."""
    desk, deed, key = desk_of(request), deed_of(request, who), new_key()
    try:
        name, days = fields.get("name", "").strip(), fields.get("days", "").strip()
        if not name:
            raise _Wrong(TOLD["name"])
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= LONGEST_DAYS):
            raise _Wrong(TOLD["days"])
        role, scope = _role_of(fields), _scope_of(fields)
        expires_ms = deed.at_ms + int(days) * DAY_MS
        desk.office.add_token(key, name=name, role=role, scope=scope, expires_ms=expires_ms, deed=deed)
    except (_Wrong, StoreError) as error:
        return _tokens(request, who, wrong=_reason(request, error), written=fields, status=422)
    return _tokens(request, who, key=key)


@router.post("/tokens/{token}/revoke")
def revoke(request: Request, who: People, token: str) -> Response:
    """Shut a program out."""
    try:
        desk_of(request).office.revoke_token(token, deed_of(request, who))
    except StoreError as error:
        return _tokens(request, who, wrong=_reason(request, error), status=409)
    return RedirectResponse("/tokens", 303)


# --- how it is done --------------------------------------------------------------------------------------------------


def _person_of(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "name": fields.get("name", "").strip(),
        "role": _role_of(fields),
        "scope": _scope_of(fields),
        "email": checked_email(fields.get("email", "").strip()),
        "language": checked_language(fields.get("language", "")),
    }


def _role_of(fields: dict[str, str]) -> Role:
    role = fields.get("role", "")
    if role not in ROLES:
        raise _Wrong(TOLD["role"])
    return cast(Role, role)


def _scope_of(fields: dict[str, str]) -> Scope:
    """`all`, or words such as group:south; a word that is not understood is an error, not nothing."""
    groups: set[str] = set()
    customers: set[str] = set()
    words = fields.get("scope", "").split()
    for word in words:
        kind, _, target = word.partition(":")
        if word == "all":
            return Scope(everything=True)
        if kind not in ("group", "customer") or not target:
            raise _Wrong(TOLD["scope"])
        (groups if kind == "group" else customers).add(target)
    if not words:
        raise _Wrong(TOLD["scope"])
    return Scope(groups=frozenset(groups), customers=frozenset(customers))


def _known(desk: Desk, login: str) -> PersonRow:
    found = desk.view.person(login)
    if found is None:
        raise Problem(
            404,
            "no_person",
            what=f"there is no person {short(login)}",
            where="path",
            expected="a login name",
            do="look it up in the list of users",
        )
    return found


def _nothing(verb: str) -> Problem:
    return Problem(
        404,
        "no_page",
        what=f"there is nothing called {short(verb)} here",
        where="path",
        expected="disable, enable or unlock",
        do="use the buttons of the page",
    )


def _reason(request: Request, error: Exception) -> str:
    if isinstance(error, _Wrong):
        return saying_of(request)(str(error))
    if isinstance(error, StoreError):
        if error.cause != "conflict":
            raise error
        return f"{error.what}: {error.do}"
    return str(error)


def _with_link(request: Request, who: Who, desk: Desk, login: str) -> Response:
    deed = deed_of(request, who)
    key = desk.office.invite(login, expires_ms=deed.at_ms + LINK_MS, deed=deed)
    return _person(request, who, _known(desk, login), link=desk.link(f"/welcome?key={key}"))


def _people(
    request: Request, who: Who, *, wrong: str = "", written: dict[str, str] | None = None, status: int = 200
) -> Response:
    desk = desk_of(request)
    now_ms = desk.now_ms()
    shown = {
        "people": desk.view.persons(),
        "sessions": desk.view.sessions(now_ms),
        "wrong": wrong,
        "written": EMPTY | (written or {}),
        **_choices(request),
    }
    return page(request, who, "people.html", shown, status=status)


def _person(
    request: Request,
    who: Who,
    person: PersonRow,
    *,
    wrong: str = "",
    link: str = "",
    written: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    desk = desk_of(request)
    kept = {
        "name": person.name,
        "email": person.email,
        "language": person.language,
        "role": person.role,
        "scope": scope_text(person.scope),
    }
    shown = {
        "person": person,
        "written": kept | (written or {}),
        "wrong": wrong,
        "link": link,
        "log": desk.view.audit(subject=f"person:{person.id}", limit=20),
        **_choices(request),
    }
    return page(request, who, "person.html", shown, status=status)


def _tokens(
    request: Request,
    who: Who,
    *,
    key: str = "",
    wrong: str = "",
    written: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    now_ms = desk_of(request).now_ms()
    rows = [
        {"row": one, "is_over": one.expires_ms is not None and one.expires_ms <= now_ms}
        for one in desk_of(request).view.tokens()
    ]
    shown = {"tokens": rows, "key": key, "wrong": wrong, "written": NEW_TOKEN | (written or {}), **_choices(request)}
    return page(request, who, "tokens.html", shown, status=status)


def _choices(request: Request) -> dict[str, Any]:
    view, saying = desk_of(request).view, saying_of(request)
    language = saying.language
    known = [
        (f"{kind}:{one.id}", one.fields[f"name_{language}"])
        for kind in ("group", "customer")
        for one in view.entries(kind, limit=KNOWN_SHOWN)
    ]
    return {
        "roles": tuple(ROLES),
        "known": known,
        "rights": RIGHTS,
        "all_roles": ROLES,
        "reaches": partial(_reaches, saying, dict(known)),
    }


def _reaches(saying: Saying, names: Mapping[str, str], scope: Scope) -> str:
    """A scope in words: the names of centres and customers, or their ids where nobody gave them one."""
    if scope.everything:
        return saying(N_("everything"))
    centres = [(N_("Monitoring centre"), "group", one) for one in sorted(scope.groups)]
    customers = [(N_("Customer"), "customer", one) for one in sorted(scope.customers)]
    told = [f"{saying(word)} {names.get(f'{kind}:{one}') or one}" for word, kind, one in centres + customers]
    return saying.listed(told) if told else saying(N_("nothing"))
