"""Coming in and going out: /login, /welcome (the one-time link), /logout, and /account, where one's own things are.

A link that was opened is not used yet: programs open links too. It is used when a password is chosen.
"""

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import signing_in
from roundsman_collector.api.access import SESSION_MS, address_of, cookie_name, deed_of, is_ours, needs, who_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.passwords import LEAST, MOST
from roundsman_collector.roles import Who
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import COOKIES, page
from roundsman_collector.web.words import N_

router = APIRouter()

Fields = Annotated[dict[str, str], Depends(form)]
Anyone = Annotated[Who, Depends(who_of)]
Key = Annotated[str, Query(max_length=200)]
AGAIN = (403, 422)
"""Problems that are told on the form itself."""
TOLD = {
    "wrong_password": N_("The name or the password is wrong, or the account is locked for a while."),
    "weak_password": N_("This password cannot be taken: it is too short, or too easy to guess."),
    "not_twice": N_("The two passwords are not the same."),
    "old_password": N_("The old password is wrong."),
}


def ours(request: Request) -> None:
    """A dependency: a form of our own pages. Who signs somebody in under another name learns what they do."""
    if not is_ours(request):
        raise Problem(
            403,
            "foreign_origin",
            what="a page that is not ours sent this form",
            where="header Origin",
            expected=" or ".join(sorted(desk_of(request).origins)),
            do="open our own page and try again",
        )


@router.get("/login")
def login_page(request: Request, to: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """The form."""
    return _login(request, to)


@router.post("/login", dependencies=[Depends(ours)])
def login(request: Request, fields: Fields) -> Response:
    """A session for a name and a password."""
    desk, to = desk_of(request), fields.get("to", "/")
    name = fields.get("login", "").strip().lower()
    _leave(request, desk)
    try:
        key = signing_in.sign_in(
            desk, name, fields.get("password", ""), address=address_of(request), browser=_browser(request)
        )
    except Problem as problem:
        if problem.status not in AGAIN:
            raise
        return _login(request, to, name=name, wrong=TOLD["wrong_password"], status=problem.status)
    return _let_in(request, desk, key, to)


@router.get("/welcome")
def welcome_page(request: Request, key: Key = "", to: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """Where a one-time link leads: choose a password."""
    return _welcome(request, key, to)


@router.post("/welcome", dependencies=[Depends(ours)])
def welcome(request: Request, fields: Fields) -> Response:
    """The password is chosen, the link is used."""
    desk, key, to = desk_of(request), fields.get("key", ""), fields.get("to", "/")
    if fields.get("password") != fields.get("again"):
        return _welcome(request, key, to, wrong=TOLD["not_twice"], status=422)
    _leave(request, desk)
    try:
        session = signing_in.choose_password(
            desk, key, fields.get("password", ""), address=address_of(request), browser=_browser(request)
        )
    except Problem as problem:
        if problem.code != "weak_password":
            raise
        return _welcome(request, key, to, wrong=TOLD["weak_password"], status=422)
    return _let_in(request, desk, session, to)


@router.post("/logout")
def logout(request: Request, who: Anyone) -> Response:
    """The session is over, here and in the database."""
    desk = desk_of(request)
    desk.office.end_session(who.session, deed_of(request, who))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie_name(desk), path="/")
    return answer


@router.get("/account")
def account_page(request: Request, who: Annotated[Who, Depends(needs("see"))]) -> Response:
    """One's own sessions, and the form for another password."""
    return _account(request, who)


@router.post("/account/password")
def password(request: Request, who: Annotated[Who, Depends(needs("see"))], fields: Fields) -> Response:
    """Another password; one has to sign in again everywhere."""
    desk = desk_of(request)
    if fields.get("password") != fields.get("again"):
        return _account(request, who, wrong=TOLD["not_twice"], status=422)
    try:
        signing_in.change_password(
            desk, who.id, fields.get("old", ""), fields.get("password", ""), address=address_of(request)
        )
    except Problem as problem:
        if problem.status not in AGAIN:
            raise
        wrong = TOLD["weak_password" if problem.code == "weak_password" else "old_password"]
        return _account(request, who, wrong=wrong, status=422)
    return RedirectResponse("/login", 303)


@router.post("/account/sessions/{session}/end")
def end(request: Request, who: Annotated[Who, Depends(needs("see"))], session: str) -> Response:
    """Sign out on another machine."""
    desk = desk_of(request)
    if any(one.hash == session and one.person == who.id for one in desk.view.sessions(desk.now_ms())):
        desk.office.end_session(session, deed_of(request, who))
    return RedirectResponse("/account", 303)


def stranger(request: Request) -> Response:
    """Whoever opens a page without a session is asked to sign in, and led back."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if path == "/" else f"/login?to={quote(path, safe='')}", 303)


# --- how it is done --------------------------------------------------------------------------------------------------


def _login(request: Request, to: str, *, name: str = "", wrong: str = "", status: int = 200) -> Response:
    return page(request, None, "login.html", {"to": _local(to), "login": name, "wrong": wrong}, status=status)


def _welcome(request: Request, key: str, to: str, *, wrong: str = "", status: int = 200) -> Response:
    person = signing_in.invited(desk_of(request), key, address_of(request))
    shown = {"person": person, "key": key, "to": _local(to), "wrong": wrong, "least": LEAST, "most": MOST}
    return page(request, None, "welcome.html", shown, status=status)


def _account(request: Request, who: Who, *, wrong: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    mine = [one for one in desk.view.sessions(desk.now_ms()) if one.person == who.id]
    shown = {"sessions": mine, "wrong": wrong, "least": LEAST, "most": MOST}
    return page(request, who, "account.html", shown, status=status)


def _leave(request: Request, desk: Desk) -> None:
    """A new session never goes on under an older one's key."""
    key = request.cookies.get(cookie_name(desk))
    found = desk.view.session(key, desk.now_ms()) if key else None
    if found is not None:
        session, person = found
        who = Who(id=person.id, name=person.name, role=person.role, scope=person.scope, session=session.hash)
        desk.office.end_session(session.hash, deed_of(request, who))


def _let_in(request: Request, desk: Desk, key: str, to: str) -> Response:
    answer = RedirectResponse(_local(to), 303)
    answer.set_cookie(
        cookie_name(desk),
        key,
        max_age=SESSION_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=desk.is_secure,
        path="/",
    )
    _speak_as_wished(request, desk, key, answer)
    return answer


def _speak_as_wished(request: Request, desk: Desk, key: str, answer: Response) -> None:
    """A browser in which nobody has chosen a language yet speaks the person's."""
    found = desk.view.session(key, desk.now_ms())
    if found is not None and COOKIES["lang"] not in request.cookies:
        answer.set_cookie(COOKIES["lang"], found[1].language, httponly=True, samesite="lax", path="/")


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")[:200]


def _local(to: str) -> str:
    """An address of ours; anything else becomes the first page."""
    parts = urlsplit(to.replace("\\", "/"))
    is_ours_path = to.startswith("/") and not to.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return to if is_ours_path and to.isprintable() else "/"
