"""What a caller did that cannot be answered, and how that is told: problem+json (RFC 9457) in our four parts.

raise Problem(404, "no_device", what="there is no device nvr-9", where="path", expected="an id of GET /devices",
              do="look it up in the list")
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from roundsman_collector.store import StoreError
from roundsman_collector.wording import got, wanted

MEDIA_TYPE = "application/problem+json"
SHOWN = 200
"""At most so many characters of what a stranger sent are shown to him again."""


class ProblemShape(BaseModel):
    """Every error of this API."""

    type: str = Field(
        description="urn:roundsman:problem: and the code", examples=["urn:roundsman:problem:bad_parameter"]
    )
    title: str = Field(description="the HTTP status in words")
    status: int
    detail: str = Field(description="what happened")
    where: str = Field(description="the parameter, header, row or file that it is about")
    expected: str = Field(description="what would have been right")
    do: str = Field(description="what to do now")


class Problem(Exception):
    """Something that cannot be answered as asked."""

    def __init__(
        self, status: int, code: str, *, what: str, where: str, expected: str, do: str, retry_after_s: int | None = None
    ) -> None:
        super().__init__(f"{what} ({where}): expected {expected}; {do}")
        self.status = status
        self.code = code
        self.what = what
        self.where = where
        self.expected = expected
        self.do = do
        self.headers: dict[str, str] = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}

    def body(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {
            "type": f"urn:roundsman:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.what,
            "where": self.where,
            "expected": self.expected,
            "do": self.do,
        }


def bad_parameter(where: str, what: str, expected: str) -> Problem:
    """A parameter that cannot be used."""
    return Problem(
        422, "bad_parameter", what=what, where=where, expected=expected, do="mend the parameter and ask again"
    )


def of_validation(errors: Sequence[Any]) -> Problem:
    """What the framework found wrong with a request, as one problem about the first of it."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])[:SHOWN]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return bad_parameter(where, f"{where} cannot be used: {got(first)}{more}", wanted(first))


def of_store(error: StoreError) -> Problem:
    """A database that did not answer, or whose disk is full (507): nothing was kept of what was sent."""
    is_full = error.cause == "full"
    return Problem(
        507 if is_full else 503,
        f"database_{error.cause}",
        what=error.what,
        where=error.where,
        expected="room for what is to be kept" if is_full else "a database that can be read",
        do=error.do,
        retry_after_s=2 if error.again else None,
    )


def of_status(status: int, where: str) -> Problem:
    """What the framework itself refuses: an unknown path, a method that is not there."""
    if status == HTTPStatus.NOT_FOUND:
        return Problem(
            404,
            "no_page",
            what="there is nothing at this address",
            where=where[:SHOWN],
            expected="an address of /api/v1/docs",
            do="check the address",
        )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Problem(
            405,
            "bad_method",
            what="this address does not take this method",
            where=where[:SHOWN],
            expected="the method that /api/v1/docs names",
            do="check the method",
        )
    return Problem(
        status,
        "bad_request",
        what=HTTPStatus(status).phrase,
        where=where[:SHOWN],
        expected="a request as /api/v1/docs describes it",
        do="mend the request",
    )
