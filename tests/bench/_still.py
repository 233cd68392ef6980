"""The limit that the console is compared with: the same web server, one page that never changes, and nothing else.

python -m tests.bench._still PORT
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PAGE = "<!doctype html><title>still</title>" + "<p>巡检员 the same as a moment ago</p>" * 1000


def still(_: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE)


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/", still)]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
