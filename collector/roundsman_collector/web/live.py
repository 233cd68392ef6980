"""One stream of server-sent events per page: it says that what the page shows has changed.

    /live?device=kiosk-7 · /live?ticket=2026-000007 · /live?list=devices|tickets|rounds|inbox|health

    event: changed      fetch again: something happened, or a minute is over and the strips have grown
    event: ended        the session is over, or may do something else than before: load the page anew

One reader for all streams looks at the ends of the database's tables once a second (store/heard.py), on a thread of its
own; a stream holds no thread and no connection to the database. Streams are bounded, in all and for each person. A list
is not renewed more often than every LIST_GAP_S: on a busy day something changes all the time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from roundsman_collector.api.access import See, cookie_name
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import device_or_404
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import ticket_or_404
from roundsman_collector.roles import RIGHTS, Right, Who
from roundsman_collector.store import DeviceView, StoreError
from roundsman_collector.store.heard import Heard, Marks

LOOK_EVERY_S = 1.0
CHECK_EVERY_S = 5.0
"""How often a stream looks whether its session still holds; also how soon it notices that nobody listens any more."""
RENEW_EVERY_S = 60.0
LIST_GAP_S = 5.0
ONE_GAP_S = 1.0
STREAMS = 300
STREAMS_EACH = 30
RETRY_MS = 3000
CHANGED = "event: changed\ndata: \n\n"
ENDED = "event: ended\ndata: \n\n"
NOTHING = ": \n\n"

Listed = Literal["devices", "tickets", "rounds", "inbox", "health"]
RIGHT_OF: dict[Listed, Right] = {
    "devices": "see",
    "tickets": "see",
    "rounds": "see",
    "inbox": "place",
    "health": "system",
}

log = structlog.get_logger(__name__)
router = APIRouter()


class Follower:
    """One stream: what it is about, and whether something happened to it."""

    def __init__(
        self, who: Who, *, listed: Listed | None = None, device: DeviceView | None = None, ticket: str | None = None
    ) -> None:
        self.who = who
        self.listed = listed
        self.device = None if device is None else device.id
        self.subjects = frozenset() if device is None else frozenset((device.id, f"@{device.agent}"))
        self.ticket = ticket
        self.gap_s = LIST_GAP_S if listed else ONE_GAP_S
        self.news = asyncio.Event()
        self.about: set[str] = set()
        """Of whom a list heard since it was renewed: whether its reader may know is looked at before it is told."""
        self._received: int | None = None

    def take(self, heard: Heard) -> None:
        """Look whether the news are about what the page shows."""
        if self.device is not None:
            received, before = heard.received.get(self.device), self._received
            self._received = received
            is_about = bool(self.subjects & (heard.subjects | set(heard.tickets.values()))) or (
                before is not None and received != before
            )
        elif self.ticket is not None:
            is_about = self.ticket in heard.tickets
        elif self.listed in ("devices", "tickets"):
            self.about |= set(heard.tickets.values()) | (heard.subjects if self.listed == "devices" else set())
            is_about = bool(self.about)
        else:
            is_about = (self.listed, True) in (
                ("rounds", heard.has_round),
                ("inbox", heard.has_inbox),
                ("health", heard.has_quarantine),
            )
        if is_about:
            self.news.set()


class Newsroom:
    """All streams of this process, and the one reader for them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._followers: set[Follower] = set()
        self._reader: asyncio.Task[None] | None = None

    def enter(self, follower: Follower) -> None:
        """Look whether there is room for a stream; Problem where there is none."""
        mine = Counter(one.who.id for one in self._followers)[follower.who.id]
        if len(self._followers) >= STREAMS or mine >= STREAMS_EACH:
            raise Problem(
                503,
                "too_many_streams",
                what="too many pages are open",
                where="/live",
                expected=f"at most {STREAMS_EACH} for one person, {STREAMS} in all",
                do="close some of them; pages work without being live",
                retry_after_s=30,
            )

    async def follow(self, follower: Follower, holds: Callable[[], bool]) -> AsyncIterator[str]:
        """What a stream says, until nobody listens or `holds()` is False."""
        self._followers.add(follower)
        try:
            if self._reader is None or self._reader.done():
                self._reader = asyncio.create_task(self._read())
            yield f"retry: {RETRY_MS}\n{NOTHING}"
            clock = asyncio.get_running_loop().time
            renewed_s = clock()
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(follower.news.wait(), CHECK_EVERY_S)
                if not await run_in_threadpool(holds):
                    yield ENDED
                    return
                is_news = follower.news.is_set() and await run_in_threadpool(self._may_know, follower)
                follower.news.clear()
                if is_news or clock() - renewed_s >= RENEW_EVERY_S:
                    renewed_s = clock()
                    yield CHANGED
                    await asyncio.sleep(follower.gap_s)
                else:
                    yield NOTHING
        finally:
            self._followers.discard(follower)

    def _may_know(self, follower: Follower) -> bool:
        """Whether any of what a list heard of is within its reader's reach: nobody learns of others by the clock."""
        about, follower.about = follower.about, set()
        if follower.who.scope.everything or not about:
            return True
        try:
            return any(self._desk.view.reaches(follower.who.scope, subject) for subject in about)
        except StoreError:
            return True  # the page that is fetched then says what is wrong

    async def _read(self) -> None:
        """Look once a second while anybody listens. A database that does not answer is asked again; told of once."""
        marks: Marks | None = None
        has_told = False
        while self._followers:
            try:
                if marks is None:
                    marks = await run_in_threadpool(self._desk.view.marks)
                devices = {one.device for one in self._followers if one.device is not None}
                heard = await run_in_threadpool(self._desk.view.heard, marks, devices)
                marks, has_told = heard.marks, False
                for one in list(self._followers):
                    one.take(heard)
            except StoreError as error:
                if not has_told:
                    log.warning("open pages hear nothing", error=str(error))
                has_told = True
            await asyncio.sleep(LOOK_EVERY_S)


@router.get("/live")
async def live(
    request: Request,
    who: See,
    device: Annotated[str | None, Query(max_length=64)] = None,
    ticket: Annotated[str | None, Query(max_length=40)] = None,
    listed: Annotated[Listed | None, Query(alias="list")] = None,
) -> Response:
    """The stream of one page."""
    desk = desk_of(request)
    if device is not None:
        follower = Follower(who, device=await run_in_threadpool(device_or_404, desk, who, device))
    elif ticket is not None:
        row, _ = await run_in_threadpool(ticket_or_404, desk, who, ticket)
        follower = Follower(who, ticket=row.number)
    else:
        _may(who, RIGHT_OF[listed or "devices"])
        follower = Follower(who, listed=listed or "devices")
    newsroom: Newsroom = request.app.state.newsroom
    newsroom.enter(follower)
    return StreamingResponse(
        newsroom.follow(follower, _holds(request, desk, who)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _may(who: Who, right: Right) -> None:
    if not who.may(right):
        raise Problem(
            403,
            "not_yours",
            what=f"your role {who.role} does not allow to {RIGHTS[right][1]}",
            where="/live",
            expected=f"the right {right}",
            do="ask an administrator, who can change your role",
        )


def _holds(request: Request, desk: Desk, who: Who) -> Callable[[], bool]:
    """Whether who came in would still come in, as the same. Listening does not prolong a session."""
    key = request.cookies.get(cookie_name(desk)) or ""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()

    def holds() -> bool:
        try:
            if not who.session:
                return desk.view.token(token, desk.now_ms()) is not None
            found = desk.view.session(key, desk.now_ms())
        except StoreError:
            return True  # nobody knows; it is asked again in a moment
        return found is not None and (found[1].role, found[1].scope) == (who.role, who.scope)

    return holds
