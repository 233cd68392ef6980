"""How a page is made: a template, what it shows, and what every page needs around it.

    return page(request, who, "device.html", device(...), live=f"device={device_id}")

Every template has `say` (web/saying.py), `_` and `ngettext`, `who` (None for a stranger), `here(window="1h")` for the
same address with another parameter, and `static("roundsman.css")` for the address of a file of ours.
`live` names what the page shows (web/live.py): when that changes, the part of the page in `{% block live %}` is fetched
again. A choice of language or theme (?lang=en, ?theme=dark) becomes a cookie and leaves the address.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roundsman_collector.api.desk import desk_of
from roundsman_collector.roles import Who
from roundsman_collector.web.menu import menu_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import LANGUAGES, words_of
from roundsman_wire.catalogue import Language

STATIC = Path(__file__).with_name("static")
CHOICE_AGE_S = 400 * 86_400
CHOICES: Mapping[str, tuple[str, ...]] = {"lang": LANGUAGES, "theme": ("light", "dark", "auto")}
COOKIES = {"lang": "roundsman_language", "theme": "roundsman_theme"}
PLACES = ("after", "before", "page")
"""Where in a list somebody is: another filter begins at the first page again."""


def page(
    request: Request, who: Who | None, template: str, shown: Mapping[str, Any], *, status: int = 200, live: str = ""
) -> Response:
    """A page as an answer."""
    chosen = _chosen(request)
    if chosen and request.method == "GET":
        return _with_cookies(request, RedirectResponse(_without(request, *CHOICES), 303), chosen)
    saying = saying_of(request)
    html = environment(saying.language).get_template(template).render(around(request, who, live) | dict(shown))
    return HTMLResponse(html, status, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})


def around(request: Request, who: Who | None, live: str = "") -> dict[str, Any]:
    """What every template has beside what it shows."""
    desk = desk_of(request)
    return {
        "say": saying_of(request),
        "who": who,
        "menu": menu_of(who, request.url.path),
        "path": request.url.path,
        "query": dict(request.query_params),
        "here": _here(request),
        "theme": _picked(request, "theme") or "auto",
        "live": live,
        "version": version("roundsman-collector"),
        "token_place": desk.token_place,
        "port": desk.port,
        "title_of": None,
    }


def saying_of(request: Request) -> Saying:
    """How to speak to whoever asks."""
    return Saying(language=language_of(request), now_ms=desk_of(request).now_ms())


def language_of(request: Request) -> Language:
    """What was chosen before; else the first the browser asks for that there is; else Chinese."""
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept-language", "").split(",")]
    wanted = [_picked(request, "lang"), *(one[:2] for one in accepted)]
    return next((language for one in wanted for language in LANGUAGES if one == language), "zh")


def _picked(request: Request, choice: str) -> str | None:
    found = request.cookies.get(COOKIES[choice])
    return found if found in CHOICES[choice] else None


def _chosen(request: Request) -> dict[str, str]:
    return {name: request.query_params[name] for name in CHOICES if request.query_params.get(name) in CHOICES[name]}


def _with_cookies(request: Request, answer: Response, chosen: Mapping[str, str]) -> Response:
    for name, value in chosen.items():
        answer.set_cookie(COOKIES[name], value, max_age=CHOICE_AGE_S, httponly=True, samesite="lax", path="/")
    return answer


def _without(request: Request, *names: str) -> str:
    return address(request.url.path, {name: value for name, value in request.query_params.items() if name not in names})


def address(path: str, query: Mapping[str, str]) -> str:
    """An address of ours; parameters without a value are left out."""
    rest = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(rest)}" if rest else path


def _here(request: Request) -> Callable[..., str]:
    def here(**changed: str) -> str:
        kept = {name: value for name, value in request.query_params.items() if name not in (*CHOICES, "token")}
        if changed and not set(changed) & {*PLACES, *CHOICES}:
            kept = {name: value for name, value in kept.items() if name not in PLACES}
        path = request.url.path if request.method == "GET" else request.url.path.rpartition("/")[0]
        return address(path, {**kept, **changed})

    return here


# --- templates -------------------------------------------------------------------------------------------------------


@cache
def environment(language: Language) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=PackageLoader("roundsman_collector.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    words = words_of(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext, npgettext=words.npgettext
    )
    made.globals["static"] = static
    made.globals["config_of_htmx"] = HTMX
    return made


@cache
def static(name: str) -> str:
    """The address of a file of ours, with a mark of what is in it: a browser keeps it until it changes."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


HTMX = Markup(
    '{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"historyEnabled":false,'
    '"selfRequestsOnly":true,"timeout":20000,"responseHandling":[{"code":"204","swap":false},'
    '{"code":"[23]..","swap":true},{"code":"(409|422)","swap":true,"error":false},'
    '{"code":"[45]..","swap":false,"error":true}]}'
)
"""htmx under our Content-Security-Policy: no styles or code of its own; a refused form comes back as written."""
