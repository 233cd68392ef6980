"""Import a file: choose it, see what it would do, then have it done.

    GET /import · POST /import (the file, as a form) -> what it would do · POST /import/{key} -> it is done

Between the two the file waits in memory, for half an hour and for the person who sent it. A form larger than a register
file is cut off while it comes. What is done is what the file means then, not what was shown: somebody may have changed
the register meanwhile, and whatever contradicts it is refused as a whole.
"""

import secrets
import threading
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from roundsman_collector.api.access import Place, deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.register import imported, problem_of_sheet
from roundsman_collector.register import sheets
from roundsman_collector.register.sheets import SheetError
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

router = APIRouter()

FORM_BYTES = 64 * 1024
"""What a form adds to its file."""
WAITS_MS = 30 * 60_000
WAITING_FILES = 10
GONE = N_("The file is not here any more. Choose it again.")
FASTER = N_("Somebody changed the register meanwhile. Look again at what the file would do.")
NO_FILE = N_("Choose a file first.")


class Sent(NamedTuple):
    """A file that waits."""

    who: str
    at_ms: int
    name: str
    body: bytes


class Waiting:
    """Files between being looked at and being entered; the oldest gives way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Sent] = {}

    def keep(self, sent: Sent) -> str:
        """Keep a file; return the key that brings it back."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._forget(sent.at_ms)
            while len(self._files) >= WAITING_FILES:
                del self._files[next(iter(self._files))]
            self._files[key] = sent
        return key

    def take(self, key: str, who: str, now_ms: int) -> Sent | None:
        """The file of this key and person, once."""
        with self._lock:
            self._forget(now_ms)
            found = self._files.get(key)
            return self._files.pop(key) if found is not None and found.who == who else None

    def _forget(self, now_ms: int) -> None:
        for key in [key for key, one in self._files.items() if now_ms - one.at_ms > WAITS_MS]:
            del self._files[key]


waiting = Waiting()


@router.get("/import")
def import_page(request: Request, who: Place) -> Response:
    """The form."""
    return _page(request, who)


@router.post("/import")
async def look(request: Request, who: Place) -> Response:
    """What a file would do."""
    name, body = await _file(request)
    desk, saying = desk_of(request), saying_of(request)
    if not body and not name:
        return _page(request, who, wrong=saying(NO_FILE), status=422)
    deed = deed_of(request, who)
    try:
        told = await run_in_threadpool(imported, desk, who, deed, body, dry_run=True)
    except SheetError as error:
        status = problem_of_sheet(error).status
        return _page(request, who, wrong=_said(saying, error), name=name, status=status)
    does_something = not told["error_count"] and (told["rows"] != [])
    key = waiting.keep(Sent(who.id, deed.at_ms, name, body)) if does_something else ""
    return _page(request, who, told=told, name=name, key=key, status=422 if told["error_count"] else 200)


@router.post("/import/{key}")
def enter(request: Request, who: Place, key: str) -> Response:
    """Do it."""
    desk, saying, deed = desk_of(request), saying_of(request), deed_of(request, who)
    sent = waiting.take(key, who.id, deed.at_ms)
    if sent is None:
        return _page(request, who, wrong=saying(GONE), status=409)
    try:
        told = imported(desk, who, deed, sent.body, dry_run=False)
    except (EntryError, SheetError):
        return _page(request, who, wrong=saying(FASTER), status=409)
    return _page(request, who, told=told, name=sent.name, status=422 if told["error_count"] else 200)


def _said(saying: Saying, error: SheetError) -> str:
    return error.zh if saying.language == "zh" else error.en


def _page(
    request: Request,
    who: Who,
    *,
    told: dict[str, Any] | None = None,
    name: str = "",
    key: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    shown = {"told": told, "name": name, "key": key, "wrong": wrong, "limit": sheets.BYTES_LIMIT // 2**20}
    return page(request, who, "import.html", shown, status=status)


async def _file(request: Request) -> tuple[str, bytes]:
    """Name and body of the file in a form; Problem for one that is too large or no form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise bad_parameter("body", "this is no form with a file", "multipart/form-data")
    body = await _bounded(request)

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, once(), max_files=1, max_fields=4, max_part_size=FORM_BYTES)
    try:
        fields = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise bad_parameter("body", "this form cannot be read", "multipart/form-data with one file") from error
    try:
        found = fields.get("file")
        if not isinstance(found, UploadFile):
            return "", b""
        return (found.filename or "")[:200], await found.read()
    finally:
        await fields.close()


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > sheets.BYTES_LIMIT + FORM_BYTES:
            raise _too_large(len(body))
    return bytes(body)


def _too_large(size: int) -> Problem:
    return problem_of_sheet(sheets.too_large(size))
