"""RTSP: what a camera says of its stream, and that nobody is called offline because we could not ask."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import lockout
from roundsman_agent.login import Login
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import rtsp
from roundsman_agent.probes.rtsp import Round, Stream
from roundsman_agent.rtsp_visit import RtspVisit
from tests.agent.probes.rtsp_server import SOUND, VIDEO, Manner, RtspServer

Servers: TypeAlias = Callable[..., RtspServer]


@pytest.fixture
def server() -> Iterator[Servers]:
    made: list[RtspServer] = []

    def make(streams: dict[str, int | str] | None = None, host: str = "127.0.0.1", **manner: object) -> RtspServer:
        made.append(RtspServer(streams or {"/Streaming/Channels/101": VIDEO}, Manner(**manner), host))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def nothing_refused_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_agent.login.REFUSED", lockout.Lockout())


def settings(server: RtspServer | None = None, **more: object) -> dict[str, object]:
    here = {"host": server.host, "port": server.port} if server else {}
    return complete(rtsp.probe, {**here, "timeout_s": 5.0, "answer_s": 2.0, **more})


def visited(server: RtspServer, **more: object) -> Answer:
    chosen = settings(server, **more)
    return rtsp.parse(rtsp.fetch(chosen), chosen)


# --- what is said of a stream -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "state", "code"),
    [
        (VIDEO, "online", ""),
        (VIDEO.replace("\r\n", "\n").replace("m=video", "M=VIDEO"), "online", ""),
        (SOUND, "no_stream", ""),
        ("hello", None, "bad_answer"),
        (404, None, "absent"),
        (454, None, "absent"),
        (403, None, "bad_credentials"),
        (453, None, "busy"),
        (503, None, "busy"),
        (500, None, "bad_answer"),
        (302, None, "bad_answer"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_channel_is(
    stream: int | str,
    state: str | None,
    code: str,
    server: Servers,
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    answer = visited(server({"/Streaming/Channels/101": stream}))

    assert answer.readings == {"channel[1].state": state}
    assert answer.failed.get("channel[1].state", ("",))[0] == code
    belongs_to_the_catalogue(answer)


def test_a_recorder_is_asked_for_all_channels_over_one_connection(server: Servers) -> None:
    recorder = server({"/ch/1": VIDEO, "/ch/2": 404, "/ch/4": 503, "/ch/5": VIDEO})

    answer = visited(recorder, path="/ch/{channel}", channels=["1-2", "4-5"])

    assert answer.readings == {
        "channel[1].state": "online",
        "channel[2].state": None,
        "channel[4].state": None,
        "channel[5].state": "online",
    }
    assert recorder.seen.connections == 1
    assert answer.bytes_moved is not None
    assert 1000 < answer.bytes_moved < 5000


@pytest.mark.reads_only
def test_nothing_but_options_and_describe_is_sent_to_a_camera(server: Servers) -> None:
    camera = server(user="u", password="p")

    visited(camera, user="u", password="p")

    address = f"rtsp://127.0.0.1:{camera.port}/Streaming/Channels/101"
    assert camera.seen.asked == [("OPTIONS", address), ("DESCRIBE", address), ("DESCRIBE", address)]
    assert camera.seen.refused == []
    with socket.create_connection(("127.0.0.1", camera.port)) as line:
        line.sendall(b"TEARDOWN rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert line.recv(100).startswith(b"RTSP/1.0 405")
    assert camera.seen.refused == ["TEARDOWN"]


# --- who we are -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qop", [False, True], ids=["RFC 2069", "RFC 2617"])
def test_a_camera_that_wants_a_password_gets_the_proof_that_we_know_it(qop: bool, server: Servers) -> None:
    camera = server({"/ch/1": VIDEO, "/ch/2": VIDEO}, user="admin", password="秘密 12", qop=qop)

    answer = visited(camera, path="/ch/{channel}", channels=["1-2"], user="admin", password="秘密 12")

    assert set(answer.readings.values()) == {"online"}


def test_a_stale_nonce_is_no_wrong_password(server: Servers) -> None:
    camera = server(user="u", password="p", stale=1)

    assert visited(camera, user="u", password="p").readings == {"channel[1].state": "online"}


def test_a_wrong_password_is_told_and_not_tried_again(server: Servers) -> None:
    camera = server(user="u", password="p")

    with pytest.raises(ProbeError) as caught:
        visited(camera, user="u", password="wrong")
    asked = len(camera.seen.asked)
    with pytest.raises(ProbeError) as again:
        visited(camera, user="u", password="wrong")

    assert (caught.value.code, again.value.code) == ("bad_credentials", "bad_credentials")
    assert "not asked again" in again.value.detail
    assert [method for method, _ in camera.seen.asked].count("DESCRIBE") == 2  # without proof, and with it
    assert len(camera.seen.asked) == asked
    assert visited(camera, user="u", password="p").readings == {"channel[1].state": "online"}


def test_a_password_is_not_sent_readable_to_whoever_asks_for_it(server: Servers) -> None:
    camera = server(raw=b'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n')

    with pytest.raises(ProbeError) as caught:
        visited(camera, user="u", password="p")

    assert caught.value.code == "not_supported"
    assert "auth = basic" in caught.value.detail


def test_without_an_account_a_camera_that_wants_one_is_unknown_and_not_offline(server: Servers) -> None:
    answer = visited(server(user="u", password="p"))

    assert answer.readings == {"channel[1].state": None}
    assert answer.failed["channel[1].state"][0] == "bad_credentials"


# --- what else comes on the line --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        b"\r\n\r\n",
        b"$\x00\x00\x05hello$\x01\x01\x00" + bytes(256),
        b"RTSP/1.0 200 OK\r\nCSeq: 999\r\nContent-Length: 3\r\n\r\nold",
        b"RTSP/1.0 100 Continue\r\n\r\n",
        b"ANNOUNCE rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 4\r\n\r\nv=0\n",
    ],
    ids=["empty lines", "frames", "an old answer", "patience", "a request of its own"],
)
def test_what_is_not_the_answer_is_passed_over(before: bytes, server: Servers) -> None:
    assert visited(server(before=before)).readings == {"channel[1].state": "online"}


def test_a_description_without_a_length_is_read_until_silence(server: Servers) -> None:
    assert visited(server(has_length=False)).readings == {"channel[1].state": "online"}


def test_a_server_that_hangs_up_after_each_answer_is_asked_again(server: Servers) -> None:
    camera = server({"/ch/1": VIDEO, "/ch/2": VIDEO}, hang_up_after=1)

    answer = visited(camera, path="/ch/{channel}", channels=["1-2"])

    assert set(answer.readings.values()) == {"online"}


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes(range(256)) * 20,
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: 99999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"RTSP/1.0 200 " + b"x" * 100_000,
        b"RTSP/1.0 999999 OK\r\n\r\n",
    ],
    ids=["HTTP", "noise", "headers without end", "a giant", "a negative length", "a line without end", "no status"],
)
def test_what_is_no_rtsp_is_a_bad_answer(raw: bytes, server: Servers) -> None:
    with pytest.raises(ProbeError) as caught:
        visited(server(raw=raw))

    assert caught.value.code == "bad_answer"


def test_frames_without_end_are_left(server: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_agent.rtsp_visit.HEARD_LIMIT", 200_000)

    with pytest.raises(ProbeError) as caught:
        visited(server(raw=(b"$\x00\xff\xff" + bytes(65535)) * 10))

    assert caught.value.code == "bad_answer"


# --- no answer --------------------------------------------------------------------------------------------------------


def test_a_silent_camera_is_a_timeout_and_no_state(server: Servers) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError) as caught:
        visited(server(answers=False), answer_s=0.4)

    assert caught.value.code == "timeout"
    assert time.monotonic() - begin < 4


def test_a_camera_that_says_a_letter_now_and_then_is_a_timeout_at_the_deadline(server: Servers) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError) as caught:
        visited(server(drip_s=0.1), answer_s=0.6)

    assert caught.value.code == "timeout"
    assert time.monotonic() - begin < 4


def test_where_nobody_listens_the_connection_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(ProbeError) as caught:
        rtsp.fetch(settings(host="127.0.0.1", port=port))

    assert caught.value.code == "refused"


def test_a_channel_that_hangs_does_not_hide_those_behind_it(server: Servers) -> None:
    class Stubborn(RtspServer):
        def _answer(self, line: socket.socket, request: str) -> None:
            if "/ch/2 " not in request:
                super()._answer(line, request)

    recorder = Stubborn({"/ch/1": VIDEO, "/ch/3": VIDEO})
    try:
        answer = visited(recorder, path="/ch/{channel}", channels=["1-3"], answer_s=0.4)
    finally:
        recorder.close()

    assert answer.readings == {"channel[1].state": "online", "channel[2].state": None, "channel[3].state": "online"}
    assert answer.failed["channel[2].state"][0] == "timeout"


def test_of_several_cameras_the_one_that_is_gone_is_offline_when_others_answer(server: Servers) -> None:
    well = server({"/live": VIDEO})
    silent = server({"/live": VIDEO}, answers=False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = closed.getsockname()[1]
    urls = [f"{name}=rtsp://127.0.0.1:{port}/live" for name, port in (("gate", well.port), ("yard", silent.port))]

    chosen = settings(urls=[*urls, f"roof=rtsp://127.0.0.1:{gone}/live"], answer_s=0.5)
    answer = rtsp.parse(rtsp.fetch(chosen), chosen)

    assert answer.readings == {
        "channel[gate].state": "online",
        "channel[yard].state": "offline",
        "channel[roof].state": "offline",
    }
    assert answer.failed == {}


def test_when_no_camera_answers_none_is_called_offline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        urls = [f"{i}=rtsp://127.0.0.1:{it.getsockname()[1]}/" for i, it in enumerate((one, other))]

    with pytest.raises(ProbeError) as caught:
        rtsp.fetch(settings(urls=urls))

    assert caught.value.code == "refused"


def test_eight_cameras_of_which_some_are_dead_take_no_longer_than_the_slowest(server: Servers) -> None:
    well = [server({"/": VIDEO}) for _ in range(4)]
    dead = [server({"/": VIDEO}, answers=False) for _ in range(4)]
    urls = [f"{i}=rtsp://127.0.0.1:{one.port}/" for i, one in enumerate([*dead, *well])]
    begin = time.monotonic()

    answer = rtsp.parse(rtsp.fetch(settings(urls=urls, answer_s=1.0)), settings(urls=urls))

    assert list(answer.readings.values()) == ["offline"] * 4 + ["online"] * 4
    assert time.monotonic() - begin < 3.5


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_settings",
    [
        {"urls": ["rtsp://192.0.2.1/"]},
        {"urls": ["a=http://192.0.2.1/"]},
        {"urls": ["a=rtsp://"]},
        {"urls": ["a=rtsp://me:secret@192.0.2.1/"]},
        {"urls": ["a=rtsp://192.0.2.1/x y"]},
        {"urls": ["a=rtsp://192.0.2.1/\r\nCSeq: 1"]},
        {"urls": ["a=rtsp://192.0.2.1:99999/"]},
        {"urls": ["a=rtsp://192.0.2.1/", "a=rtsp://192.0.2.2/"]},
        {"host": "192.0.2.1", "path": "Streaming"},
        {"host": "192.0.2.1", "path": "/a b"},
        {"host": "192.0.2.1", "channels": ["8-1"]},
        {"host": "192.0.2.1", "channels": ["1-999"]},
        {"host": "192.0.2.1", "channels": ["x"]},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_before_any_visit(given_settings: dict[str, object]) -> None:
    with pytest.raises(SettingError) as caught:
        complete(rtsp.probe, given_settings)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"host": "192.0.2.1", "urls": ["a=rtsp://192.0.2.2/"]}], ids=["none", "both"])
def test_host_or_urls_must_be_named_and_not_both(more: dict[str, object]) -> None:
    with pytest.raises(ProbeError) as caught:
        rtsp.fetch(settings(None, **more))

    assert caught.value.code == "bad_setting"


def test_an_address_of_ipv6_stands_in_brackets(server: Servers) -> None:
    try:
        camera = server({"/1": VIDEO}, host="::1") if socket.has_ipv6 else None
    except OSError:
        camera = None
    if camera is None:  # a machine without IPv6: the address alone is looked at
        place = rtsp._places(settings(host="::1", port=554, path="/1"))[0]
        assert place.uri == "rtsp://[::1]:554/1"
        return

    assert visited(camera, path="/1").readings == {"channel[1].state": "online"}
    assert camera.seen.asked[0][1] == f"rtsp://[::1]:{camera.port}/1"


# --- whatever it says -------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.builds(
            Stream,
            channel=st.text(),
            status=st.integers(),
            reason=st.text(),
            description=st.text(),
            code=st.sampled_from(["", "timeout", "no_route", "nonsense"]),
            detail=st.text(),
            is_alone=st.booleans(),
        )
    )
)
def test_whatever_is_said_every_channel_is_a_word_or_explained(streams: list[Stream]) -> None:
    answer = rtsp.parse(Round(streams=tuple(streams)), settings())

    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


class Words:
    """A socket that says what it was given, in pieces, and then nothing more."""

    def __init__(self, said: bytes, size: int) -> None:
        self._said, self._size = said, size

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def sendall(self, data: bytes) -> None:
        pass

    def recv(self, most: int) -> bytes:
        piece, self._said = self._said[: self._size], self._said[self._size :]
        return piece

    def close(self) -> None:
        pass


PARTS = st.sampled_from(
    [
        *(b"RTSP/1.0 200 OK\r\n", b"RTSP/1.0 401 No\r\n", b"CSeq: 1\r\n", b"CSeq: 2\r\n", b"\r\n", b"$\x00\x00\x02hi"),
        *(b"Content-Length: 5\r\n", b"Content-Length: 999999\r\n", b"Content-Type: application/sdp\r\n", b"m=video"),
        *(b'WWW-Authenticate: Digest realm="r", nonce="n", stale=true\r\n', b"$\x00\xff\xff", b"\x00"),
        b"OPTIONS * RTSP/1.0\r\n",
    ]
)


@given(st.lists(st.one_of(PARTS, st.binary(max_size=40)), max_size=30), st.integers(1, 50))
def test_whatever_comes_on_the_line_is_an_answer_or_the_probes_own_failure(said: list[bytes], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roundsman_agent.rtsp_visit.dialled", lambda *_, **__: Words(b"".join(said), size))
        patch.setattr("roundsman_agent.login.REFUSED", lockout.Lockout())
        visit = RtspVisit("192.0.2.1", 554, deadline=time.monotonic() + 5, login=Login(user="u", password="p"))
        try:
            reply = visit.describe("rtsp://192.0.2.1/")
        except ProbeError:
            return

    assert 101 <= reply.status <= 999
