"""A form with a file, as a browser sends it: read to the disk, bounded, and its file kept with the ticket or the round.

sent = await sent_form(request, limit_bytes)         the fields; a file of it lies on the disk
kept = keep_sent(request, who, row, upload, "photo", key=key)
"""

import hashlib
from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from roundsman_collector.api.access import deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.files import Wish, keep, no_room, too_large
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.core.media import Kind
from roundsman_collector.roles import Who
from roundsman_collector.store import RoundRow, TicketRow
from roundsman_collector.store.files import TICKETS, FileRow, Shelf
from roundsman_collector.store.slips import SlipRow

FORM_BYTES = 64 * 1024
"""What a form adds to its file."""
FIELDS = 20
AT_ONCE = 256 * 1024


async def sent_form(request: Request, limit: int) -> FormData:
    """A form with a file, its body on the disk; Problem for one that is too large, no form, or has no room."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise bad_parameter("body", "this is no form with a file", "multipart/form-data")

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit + FORM_BYTES:
                raise too_large("file", limit)
            yield chunk

    parser = MultiPartParser(request.headers, bounded(), max_files=1, max_fields=FIELDS, max_part_size=FORM_BYTES)
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise bad_parameter("body", "this form cannot be read", "multipart/form-data with one file") from error
    except OSError as error:
        raise no_room(error) from error


def keep_sent(
    request: Request,
    who: Who,
    row: TicketRow | RoundRow | SlipRow,
    upload: UploadFile,
    kind: Kind,
    key: str | None,
    shelf: Shelf = TICKETS,
) -> FileRow:
    """Keep the file of a form; the same key again is the same file. Problem where it cannot be kept."""
    desk = desk_of(request)
    size = upload.file.seek(0, 2)
    if size > desk.file_limits.of(kind):
        raise too_large(kind, desk.file_limits.of(kind))
    upload.file.seek(0)
    found = hashlib.sha256()
    while chunk := upload.file.read(AT_ONCE):
        found.update(chunk)
    wish = Wish(kind=kind, name=upload.filename or "", said=upload.content_type or "", key=key, shelf=shelf)
    return keep(desk, deed_of(request, who), row.id, wish, upload.file, size, found.hexdigest())
