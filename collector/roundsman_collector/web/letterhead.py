"""The operator's own head and foot of papers: `head.html`, `foot.html` and `logo.svg` (or .png, .jpg) of a folder.

    letterhead("/etc/roundsman/letterhead", {"company": "...", ...}) -> Letterhead(head, foot)

Both are Jinja templates in a sandbox, filled anew each time: a mistake shows at once, with file and line, and no paper
is made with it. `facts` is all that they know; what they write stands on the page as HTML. Absent ones are as built in.
"""

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from roundsman_collector.api.problem import Problem

HEAD, FOOT = "head.html", "foot.html"
FACTS = (
    "company",
    "service_phone",
    "supervision_phone",
    "title",
    "number",
    "period",
    "state",
    "known",
    "zone",
    "language",
    "form",
)
"""What a template may name, beside `logo`."""
LOGOS: Mapping[str, str] = {"logo.svg": "image/svg+xml", "logo.png": "image/png", "logo.jpg": "image/jpeg"}
LOGO_BYTES = 500_000


class Letterhead(NamedTuple):
    """HTML that stands in the place of the company's name, and above the last line; empty: as built in."""

    head: Markup = Markup("")
    foot: Markup = Markup("")


class LetterheadError(Problem):
    """The operator's template cannot be used; nothing is printed or issued with it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            500,
            "letterhead",
            what=f"the letterhead cannot be used: {why}",
            where=where,
            expected="templates as docs/how-to/reports.md shows them",
            do="mend the file; it is read again each time",
        )


def letterhead(folder: str, facts: Mapping[str, str]) -> Letterhead:
    """Head and foot, filled; LetterheadError for a template that is broken."""
    if not folder:
        return Letterhead()
    place = Path(folder)
    if not place.is_dir():
        raise LetterheadError(folder, "there is no such folder")
    told = {**facts, "logo": _logo(place)}
    return Letterhead(_filled(place, HEAD, told), _filled(place, FOOT, told))


def _filled(place: Path, name: str, facts: Mapping[str, str]) -> Markup:
    if not (place / name).is_file():
        return Markup("")
    try:
        return Markup(_environment(place).get_template(name).render(facts))
    except TemplateSyntaxError as error:
        raise LetterheadError(f"{error.filename or place / name}, line {error.lineno}", str(error.message)) from error
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise LetterheadError(_line_of(error, place, name), f"{type(error).__name__}: {error}") from error
    except OSError as error:
        raise LetterheadError(str(place / name), error.strerror or str(error)) from error


def _line_of(error: Exception, place: Path, name: str) -> str:
    """The last line of the operator's templates that was at work."""
    lines = [one for one in extract_tb(error.__traceback__) if Path(one.filename).is_relative_to(place)]
    return f"{lines[-1].filename}, line {lines[-1].lineno}" if lines else str(place / name)


@cache
def _environment(place: Path) -> SandboxedEnvironment:
    return SandboxedEnvironment(loader=FileSystemLoader(place), autoescape=True, undefined=StrictUndefined)


def _logo(place: Path) -> str:
    """The logo as an address that carries it; empty where there is none."""
    for name, media in LOGOS.items():
        file = place / name
        if file.is_file():
            body = file.read_bytes()
            if len(body) > LOGO_BYTES:
                raise LetterheadError(str(file), f"{len(body)} bytes are more than {LOGO_BYTES}")
            return f"data:{media};base64,{base64.b64encode(body).decode('ascii')}"
    return ""
