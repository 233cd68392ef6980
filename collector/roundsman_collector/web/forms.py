"""What a browser's form sent: `fields: Annotated[dict[str, str], Depends(form)]`. Bounded; of a name the last wins."""

from urllib.parse import parse_qs

from fastapi import Request

from roundsman_collector.api import problem
from roundsman_collector.store.openings import TEXT_LIMIT

FORM_LIMIT = 4 * TEXT_LIMIT * 3 + 4096
"""Bytes of a form at most: every character of a text may be four bytes, each written as %XX."""
FIELDS_LIMIT = 60


async def form(request: Request) -> dict[str, str]:
    """A dependency: the fields of a form; Problem for one that is too large or no text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise problem.bad_parameter("body", "the text is too long", f"at most {TEXT_LIMIT} characters")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_LIMIT)
    except ValueError as error:
        raise problem.bad_parameter("body", "this is no form", "application/x-www-form-urlencoded in UTF-8") from error
    return {name: values[-1] for name, values in fields.items()}
