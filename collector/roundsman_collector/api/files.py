"""/tickets/{ticket}/files: photos, documents, short videos and signatures that belong to a ticket.

    POST /tickets/2026-000007/files?kind=photo      the bytes are the body, nothing around them
         File-Name: paper%20end.jpg                 its name, percent-encoded UTF-8: names do not stand in addresses
         Idempotency-Key: 6e1c…                     the same key again answers as the first time
    GET  /tickets/2026-000007/files                 what there is
    GET  /tickets/2026-000007/files/81724…         one of them, as it came

The body is read as it comes into a file of the system, never into memory, and refused (413) as soon as it is larger
than its kind may be. What it is its bytes say (core/media.py), not its sender: where they differ it is refused (415).

A file is served as a download under its own type with nosniff and in a sandbox: whatever a browser may think that it
sees in the bytes runs nothing and reaches nothing of ours. It is kept as it came, place and time that a camera wrote
into a photo included: it is evidence, and its SHA-256 is in the audit log.
"""

import base64
import hashlib
import tempfile
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import IO, Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.core.media import Kind, flaw, look
from roundsman_collector.store import Deed, TicketRow
from roundsman_collector.store.files import KEY_LIMIT, NAME_LIMIT, TICKETS, FileRefused, FileRow, NewFile, Shelf, pieces
from roundsman_collector.wording import short

MEMORY_BYTES = 256 * 1024
"""What is larger goes to the disk while it comes."""
WASTE_BYTES = 64 * 1024 * 1024
"""So much of a refused body is read and thrown away, so that its sender reads the refusal and not a broken line."""
SANDBOX = "default-src 'none'; sandbox"

REFUSED: dict[int | str, dict[str, Any]] = {
    409: {"description": "The key stands for another file, or there is no room for more where it belongs."},
    413: {"description": "It is larger than its kind may be."},
    415: {"description": "Its bytes are not what they are said to be, or nothing that is kept."},
    507: {"description": "There is no room for files any more."},
}

router = APIRouter(prefix="/tickets", tags=["files"])

FileName = Annotated[str, Path(description="A file's id.", min_length=1, max_length=40)]
Key = Annotated[str | None, Header(min_length=1, max_length=KEY_LIMIT, pattern=r"^[!-~]+$")]
Named = Annotated[str, Header(description="Its name, percent-encoded UTF-8.", max_length=1000)]


class AnyFileShape(BaseModel):
    """A file. `is_named`: a line of its owner's log names it; what none names within a day is deleted."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: Kind
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None = Field(description="in pixels, of a picture")
    height: int | None
    made_ms: int
    made_by: str
    is_named: bool
    links: dict[str, str]


class FileShape(AnyFileShape):
    """A file of a ticket. `is_named`: a step of its log names it; what none names within a day is deleted."""


class FilesShape(BaseModel):
    """The files of a ticket."""

    files: list[FileShape]


@router.get("/{ticket}/files", response_model=FilesShape, summary="The files of a ticket")
def files(request: Request, who: See, ticket: TicketName) -> dict[str, Any]:
    """What belongs to a ticket, the first first."""
    desk = desk_of(request)
    row, _ = ticket_or_404(desk, who, ticket)
    return {"files": [told(row, one) for one in desk.view.files(row.id)]}


@router.post(
    "/{ticket}/files",
    response_model=FileShape,
    status_code=201,
    responses=REFUSED,
    summary="Upload a file to a ticket",
)
async def upload(
    request: Request,
    who: Act,
    ticket: TicketName,
    kind: Annotated[Kind, Query(description="What it is.")],
    file_name: Named = "",
    idempotency_key: Key = None,
) -> dict[str, Any]:
    """Keep a file. A step of the ticket's log has to name it within a day, or it is deleted."""
    desk = desk_of(request)
    row, _ = await run_in_threadpool(ticket_or_404, desk, who, ticket)
    wish = wish_of(request, desk, kind, file_name, idempotency_key)
    kept = await receive(desk, deed_of(request, who), row.id, wish, request.stream())
    return told(row, kept)


@router.get(
    "/{ticket}/files/{file}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 304: {"description": "You have it."}},
    summary="One file, as it came",
)
def file(request: Request, who: See, ticket: TicketName, file: FileName) -> Response:
    """The bytes of a file, as a download."""
    desk = desk_of(request)
    row, _ = ticket_or_404(desk, who, ticket)
    return served(request, desk, file_or_404(desk, row, file))


# --- what comes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What its sender says of a file, and where it belongs. `drains`: a refused body is read to its end, within reason,
    before the answer."""

    kind: Kind
    name: str
    said: str = ""
    key: str | None = None
    drains: bool = True
    shelf: Shelf = TICKETS


def wish_of(request: Request, desk: Desk, kind: Kind, file_name: str, key: str | None, shelf: Shelf = TICKETS) -> Wish:
    """What its sender says of a file that comes; Problem where it is announced as too large."""
    _refuse_announced(request, kind, desk.file_limits.of(kind))
    return Wish(
        kind=kind,
        name=unquote(file_name),
        said=request.headers.get("content-type", ""),
        key=key,
        drains="expect" not in request.headers,
        shelf=shelf,
    )


async def receive(desk: Desk, deed: Deed, owner_id: int, wish: Wish, body: AsyncIterable[bytes]) -> FileRow:
    """Read a file as it comes, look at it, and keep it; Problem where it cannot be kept."""
    try:
        with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as opened:
            size, sha256 = await _taken(body, opened, wish, desk.file_limits.of(wish.kind))
            return await run_in_threadpool(keep, desk, deed, owner_id, wish, opened, size, sha256)
    except OSError as error:
        raise no_room(error) from error


def no_room(error: OSError) -> Problem:
    """A file that could not be laid down while it came: nothing of it is left."""
    return Problem(
        507,
        "no_room",
        what=f"the file could not be laid down while it came: {error.strerror}",
        where="the folder for temporary files of the web process",
        expected="room for a file",
        do="free space on that disk, and send the file again",
    )


def keep(desk: Desk, deed: Deed, owner_id: int, wish: Wish, opened: IO[bytes], size: int, sha256: str) -> FileRow:
    """Keep a file that is here as a whole; Problem where its bytes are not what they should be, or there is no room."""
    if not size:
        raise bad_parameter("body", "there is nothing in it", "the bytes of a file")
    found = look(opened)
    wrong = flaw(wish.kind, found, said=wish.said, name=wish.name)
    if wrong is not None or found is None:
        raise Problem(
            415,
            "not_this_kind",
            what=f"this file cannot be kept as a {wish.kind}: {wrong}",
            where="body",
            expected="a file whose bytes are what its name and media type say, of a type that is kept",
            do="send it as what it is: photos as JPEG, PNG or WebP, documents as PDF, videos as MP4 or MOV",
        )
    new = NewFile(
        owner_id=owner_id,
        kind=wish.kind,
        name=plain_name(wish.name) or f"{wish.kind}{found.ending}",
        media=found,
        size=size,
        sha256=sha256,
        key=wish.key,
        shelf=wish.shelf,
    )
    try:
        return desk.office.add_file(new, pieces(opened), limits=desk.file_limits, deed=deed)
    except FileRefused as refused:
        raise _refusal(refused) from refused


async def _taken(body: AsyncIterable[bytes], opened: IO[bytes], wish: Wish, limit: int) -> tuple[int, str]:
    """Lay down what comes; its size and SHA-256. Problem as soon as it is more than may be."""
    size, found = 0, hashlib.sha256()
    try:
        async for chunk in body:
            size += len(chunk)
            if size <= limit:
                found.update(chunk)
                opened.write(chunk)
            elif not wish.drains or size > limit + WASTE_BYTES:
                break
    except ClientDisconnect as gone:
        raise Problem(
            400,
            "broken_off",
            what="the line broke before the whole file was here",
            where="body",
            expected="the whole file",
            do="send it again with the same Idempotency-Key",
        ) from gone
    if size > limit:
        raise too_large(wish.kind, limit)
    return size, found.hexdigest()


def _refuse_announced(request: Request, kind: Kind, limit: int) -> None:
    """What says that it is too large, and waits for a word before it comes, is not asked to come."""
    announced = request.headers.get("content-length", "")
    if "expect" in request.headers and announced.isdigit() and int(announced) > limit:
        raise too_large(kind, limit)


def too_large(kind: str, limit: int) -> Problem:
    """A file that is larger than its kind may be."""
    return Problem(
        413,
        "too_large",
        what=f"this file is larger than a {kind} may be",
        where="body",
        expected=f"at most {limit} bytes",
        do="send a smaller one",
    )


def _refusal(refused: FileRefused) -> Problem:
    if refused.why == "key":
        return Problem(
            409,
            "key_used",
            what="this key was used before, for another file of the same",
            where="header Idempotency-Key",
            expected="a new key for every file, and the same one only when the same file is sent again",
            do="make a new key",
        )
    if refused.why == "ticket":
        return Problem(
            409,
            "ticket_full",
            what="the files of this would be more than one ticket or round may have",
            where="ticket or round",
            expected=f"at most {refused.limit_bytes} bytes in all ([files] ticket_bytes)",
            do="attach fewer or smaller files",
        )
    return Problem(
        507,
        "files_full",
        what="the room for files is used up",
        where="the database",
        expected=f"at most {refused.limit_bytes} bytes of files in all ([files] total_bytes)",
        do="let an administrator raise [files] total_bytes and see to the disk",
    )


def plain_name(name: str) -> str:
    """A name that can stand on a page and be saved: no folders, nothing that controls or turns the text round."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(one for one in last if one.isprintable() and one not in '"<>|:*?').strip(" .")
    if len(shown) <= NAME_LIMIT:
        return shown
    stem, dot, ending = shown.rpartition(".")
    kept = f"{dot}{ending}" if dot and len(ending) <= 8 else ""
    return f"{(stem if kept else shown)[: NAME_LIMIT - len(kept)]}{kept}"


# --- what goes -------------------------------------------------------------------------------------------------------


def file_or_404(desk: Desk, ticket: TicketRow, file: str) -> FileRow:
    """A file of a ticket by its id; Problem where it has none such."""
    is_id = file.isascii() and file.isdigit() and len(file) < 17
    found = desk.view.file(ticket.id, int(file)) if is_id else None
    if found is None:
        raise Problem(
            404,
            "no_file",
            what=f"ticket {ticket.number} has no file {short(file)}",
            where="path",
            expected="the id of one of its files",
            do="look it up in the list of its files; an upload that no step names is deleted after a day",
        )
    return found


def served(request: Request, desk: Desk, row: FileRow) -> Response:
    """A file's bytes, or word that the asker has them already."""
    tag = f'"{row.sha256}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(row.size)
    return StreamingResponse(desk.view.file_pieces(row.sha256), media_type=row.media_type, headers=headers)


def within(desk: Desk, row: FileRow) -> str:
    """A picture as an address that holds it itself: for papers, which are to be whole."""
    body = b"".join(desk.view.file_pieces(row.sha256))
    return f"data:{row.media_type};base64,{base64.b64encode(body).decode('ascii')}"


def told(ticket: TicketRow, row: FileRow) -> dict[str, Any]:
    """A file of a ticket as it is told."""
    return facts(row) | {
        "links": {
            "self": f"{ROOT}/tickets/{ticket.number}/files/{row.id}",
            "ticket": f"{ROOT}/tickets/{ticket.number}",
        },
    }


def facts(row: FileRow) -> dict[str, Any]:
    """What there is to tell of any file."""
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "media_type": row.media_type,
        "size": row.size,
        "sha256": row.sha256,
        "width": row.width,
        "height": row.height,
        **stamped("made", row.made_ms),
        "made_by": row.made_by,
        "is_named": row.named_ms is not None,
    }
