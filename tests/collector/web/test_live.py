"""Streams: who is told of what, how long, and how many there may be. The clock of asyncio is real here, but short."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.problem import Problem
from roundsman_collector.roles import EVERYTHING, Scope, Who
from roundsman_collector.store import Batch, ConditionsTold, Knock, Office, Quarantined, Store, TicketNote, View
from roundsman_collector.web import live
from roundsman_collector.web.live import CHANGED, ENDED, NOTHING, Follower, Newsroom
from tests.collector.api import world
from tests.collector.api.world import NOW, held, ledger, present

ADMIN = Who(id="admin", name="Admin", role="administrator", scope=EVERYTHING, session="s")
METRO = Who(id="viewer", name="Viewer", role="viewer", scope=Scope(customers=frozenset({"metro"})), session="s")
PATIENCE_S = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LOOK_EVERY_S", 0.02), ("CHECK_EVERY_S", 0.1), ("LIST_GAP_S", 0.0), ("ONE_GAP_S", 0.0)):
        monkeypatch.setattr(live, name, value)


def told(
    view: View, follower: Follower, happen: Callable[[], None], holds: Callable[[], bool] = lambda: True
) -> list[str]:
    """What a stream says after something happened: up to its first event, or three times nothing."""

    async def listen() -> list[str]:
        said: list[str] = []
        room = Newsroom(world.desk(view))
        room.enter(follower)
        async with aclosing(room.follow(follower, holds)) as stream:
            await anext(stream)  # the greeting
            await anext(stream)  # the reader has begun to read
            await asyncio.to_thread(happen)
            async for one in stream:
                said.append(one)
                if one != NOTHING or len(said) >= 3:
                    break
        assert not room._followers
        return said

    return asyncio.run(asyncio.wait_for(listen(), PATIENCE_S))


def down(store: Store, device: str) -> Callable[[], None]:
    """The ledger says something new of a device."""
    return lambda: _commit(store, tells=[ledger(device, (17.9, None, "down", "fault", "host.unreachable"))])


def _commit(store: Store, **more: object) -> None:
    store.commit(Batch(now_ms=NOW, **more))  # type: ignore[arg-type]


def device(view: View, name: str, who: Who = ADMIN) -> Follower:
    return Follower(who, device=view.device(name))


def test_a_list_is_told_of_any_device(store: Store, view: View) -> None:
    assert told(view, Follower(ADMIN, listed="devices"), down(store, "ups-2"))[-1] == CHANGED


def test_a_device_is_told_of_itself_and_its_agent_and_of_nobody_else(store: Store, view: View) -> None:
    silent = ConditionsTold(conditions=(held("@kiosk-7", "agent", "agent.silent", 17.9, None, 500),))

    assert told(view, device(view, "kiosk-7"), down(store, "kiosk-7"))[-1] == CHANGED
    assert told(view, device(view, "kiosk-7"), lambda: _commit(store, conditions=[silent]))[-1] == CHANGED
    assert told(view, device(view, "kiosk-7"), down(store, "ups-2")) == [NOTHING] * 3


def test_a_device_is_told_of_new_readings(store: Store, view: View) -> None:
    newer = present("kiosk-7", 1, 18.01, {"host.cpu_percent": 3})

    assert told(view, device(view, "kiosk-7"), lambda: _commit(store, device_now=[newer]))[-1] == CHANGED


def test_a_ticket_is_told_of_its_own_log(store: Store, view: View) -> None:
    def note(number: int) -> Callable[[], None]:
        return lambda: _commit(store, tickets=[TicketNote(ticket=number, at_ms=NOW, who="li", text="x")])

    assert told(view, Follower(ADMIN, ticket="2024-000001"), note(1))[-1] == CHANGED
    assert told(view, Follower(ADMIN, ticket="2024-000001"), note(2)) == [NOTHING] * 3
    assert told(view, Follower(ADMIN, listed="tickets"), note(2))[-1] == CHANGED


def test_inbox_and_quarantine_are_told_of(store: Store, view: View) -> None:
    knock = [Knock(agent="kiosk-7", device="new-9", at_ms=NOW)]
    odd = [Quarantined(at_ms=NOW, topic="t", agent="a", cause="bad_json", detail="", raw=b"{")]

    assert told(view, Follower(ADMIN, listed="inbox"), lambda: _commit(store, inbox=knock))[-1] == CHANGED
    assert told(view, Follower(ADMIN, listed="health"), lambda: _commit(store, quarantine=odd))[-1] == CHANGED


def test_nobody_is_told_of_what_is_out_of_reach(store: Store, view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)

    assert told(view, Follower(METRO, listed="devices"), down(store, "ups-2")) == [NOTHING] * 3
    assert told(view, Follower(METRO, listed="devices"), down(store, "kiosk-7"))[-1] == CHANGED


def test_a_stream_ends_with_its_session(view: View) -> None:
    still = iter([True, False])

    assert told(view, Follower(ADMIN, listed="devices"), lambda: None, lambda: next(still))[-1] == ENDED


def test_after_a_minute_a_page_is_renewed_because_its_strips_have_grown(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RENEW_EVERY_S", 0.0)

    assert told(view, Follower(ADMIN, listed="devices"), lambda: None)[-1] == CHANGED


def test_there_are_so_many_streams_and_no_more(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAMS_EACH", 2)

    async def open_some() -> None:
        room = Newsroom(world.desk(view))
        streams = []
        for _ in range(2):
            follower = Follower(ADMIN, listed="devices")
            room.enter(follower)
            streams.append(room.follow(follower, lambda: True))
            await anext(streams[-1])
        with pytest.raises(Problem, match="too many pages are open"):
            room.enter(Follower(ADMIN, listed="devices"))
        room.enter(Follower(METRO, listed="devices"))  # another person still may
        await streams[0].aclose()
        room.enter(Follower(ADMIN, listed="devices"))
        await streams[1].aclose()

    asyncio.run(open_some())


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("viewer", "list=health", 403),
        ("viewer", "list=inbox", 403),
        ("viewer", "device=ups-2", 404),
        ("viewer", "ticket=2024-000003", 404),
        ("admin", "device=ghost", 404),
        ("admin", "list=everything", 422),
    ],
)
def test_a_stream_needs_what_its_page_needs(view: View, who: str, query: str, status: int) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    client = world.signed_in(world.desk(view), who)

    assert client.get(f"/live?{query}").status_code == status


def test_a_stranger_has_no_stream(stranger: TestClient) -> None:
    assert stranger.get("/live", headers={"HX-Request": "true"}).status_code == 401
