"""Cameras and recorders of any maker over RTSP: is the stream there that one would see (RTSP 视频流)

    [[device.probe]]
    name = "rtsp"
    host = "192.168.1.64"
    user = "roundsman"
    password = { secret = "nvr-2" }
    path = "/Streaming/Channels/{channel}02"
    channels = ["1-8", "12"]

    [[device.probe]]
    name = "rtsp"
    urls = [
        "gate=rtsp://192.168.1.71/cam/realmonitor?channel=1&subtype=1",
        "yard=rtsp://192.168.1.72:8554/live",
    ]

**Needs** RTSP switched on (port 554) and an account that may see live pictures. Digest; the password goes out readable
only with `auth = "basic"`. Either `host` with a `path` in which `{channel}` stands for the number, or `urls`, each
`NAME=rtsp://HOST[:PORT]/PATH` without user and password, which are the same for all.

    maker       path of the main stream                          of the sub-stream
    Hikvision   /Streaming/Channels/{channel}01                  /Streaming/Channels/{channel}02
    Dahua       /cam/realmonitor?channel={channel}&subtype=0     /cam/realmonitor?channel={channel}&subtype=1
    Uniview     /unicast/c{channel}/s0/live                      not verified: look into the camera's own page

    OPTIONS rtsp://HOST:554/PATH RTSP/1.0                        once for each host: is anybody there
    DESCRIBE rtsp://HOST:554/PATH RTSP/1.0                       once for each channel: is there a stream

Nothing is set up and nothing is played, so no picture is moved and no stream of the recorder is taken from anybody.
What comes is said in `channel[].state`:

    200, a description with video     online
    200, a description without        no_stream
    404, 454  no such channel         unknown, `absent`: recorders say so of channels that are empty, and of cameras
                                      that are gone
    403                               unknown, `bad_credentials`: the account may not see this channel
    453, 503  no room                 unknown, `busy`: not the camera's fault
    anything else                     unknown, `bad_answer`

**No answer is not a state.** A host that does not answer is a failure: `timeout`, `refused`, `no_route`. Only where
`urls` name several hosts, and others of them answer, is a camera that does not `offline` (`unreachable`, when there is
no road to it): then it is not our own line. A password that is refused (401) is the failure `bad_credentials`, and it
is not sent again for `retry_s`, because devices lock accounts; of several hosts only that host's channels are unknown.

Hosts are visited eight at a time. A recorder's channels are asked over one connection.

Source: RFC 2326 and 7826; paths of Hikvision and Dahua as their manuals print them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from roundsman_agent.channels import MOST, fits, numbers
from roundsman_agent.instance import instance
from roundsman_agent.login import PROOF, login_of
from roundsman_agent.probe import Answer, ItemError, Probe, ProbeError, Setting, Value, number, text, texts
from roundsman_agent.rtsp_visit import Reply, RtspVisit
from roundsman_wire.failures import FAILURES

__all__ = ["probe"]

AT_ONCE: Final = 8
LOST: Final = 2
"""So many channels in a row that the host leaves unanswered, and the rest is not asked."""
PORT: Final = 554
SDP_LIMIT: Final = 8192
"""Characters of a description that are kept; the lines that count stand at its top."""
DETAIL_LIMIT: Final = 400

# A host that others of the list outlive: what its silence means.
_SILENT = {"timeout": "offline", "refused": "offline", "no_route": "unreachable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """What was said of one channel: a status of RTSP with its description, or 0 and why there is none.

    `is_alone`: no other channel of the same host was answered either.
    """

    channel: str
    status: int
    reason: str = ""
    description: str = ""
    code: str = ""
    detail: str = ""
    is_alone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """All channels of one visit."""

    streams: tuple[Stream, ...]
    bytes_moved: int | None = None


class _Place(NamedTuple):
    """A channel's address, taken apart."""

    channel: str
    host: str
    port: int
    uri: str


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Round:
    """Ask for every channel; ProbeError when no host gave any answer."""
    deadline = time.monotonic() + number(settings, "timeout_s")
    hosts: dict[tuple[str, int], list[_Place]] = {}
    places = _places(settings)
    for place in places:
        hosts.setdefault((place.host, place.port), []).append(place)
    call = _Call(settings, deadline, list(hosts.values()))
    call.work()
    errors = [error for error in call.errors.values() if error is not None]
    streams = tuple(call.streams[place.channel] for place in places)
    if all(one.status == 0 for one in streams) and errors:
        raise errors[0]
    return Round(streams=streams, bytes_moved=call.bytes_moved)


class _Call:
    """Hosts that are visited, some at once."""

    def __init__(self, settings: Mapping[str, object], deadline: float, hosts: list[list[_Place]]) -> None:
        self._login = login_of(settings)
        self._deadline = deadline
        self._answer_s = number(settings, "answer_s")
        self._waiting = hosts[::-1]
        self._lock = threading.Lock()
        self.streams: dict[str, Stream] = {}
        self.errors: dict[tuple[str, int], ProbeError | None] = {}
        self.crash: BaseException | None = None
        self.bytes_moved = 0

    def work(self) -> None:
        """Until every host was visited: in this thread, and where there are several in others beside it."""
        helpers = [threading.Thread(target=self._visit_some, daemon=True) for _ in self._waiting[1:AT_ONCE]]
        for one in helpers:
            one.start()
        self._visit_some()
        for one in helpers:
            one.join()
        if self.crash is not None:
            raise self.crash

    def _visit_some(self) -> None:
        try:
            while True:
                with self._lock:
                    if not self._waiting or self.crash is not None:
                        return
                    places = self._waiting.pop()
                self._visit(places)
        except BaseException as error:  # a thread must not end unheard
            self.crash = error

    def _visit(self, places: Sequence[_Place]) -> None:
        """All channels of one host. Two in a row that give no answer, and no more is asked."""
        first = places[0]
        said: dict[str, Stream] = {}
        failures: dict[str, ProbeError] = {}
        in_a_row = 0
        visit = RtspVisit(first.host, first.port, deadline=self._deadline, login=self._login)
        with visit:
            for place in places:
                visit.deadline = min(self._deadline, time.monotonic() + self._answer_s)
                try:
                    if not said and not failures:
                        visit.options(place.uri)
                    said[place.channel] = _stream(place, visit.describe(place.uri))
                    in_a_row = 0
                except ProbeError as error:
                    failures[place.channel] = error
                    in_a_row += 1
                    if not said or in_a_row == LOST or error.code == "bad_credentials":
                        break
        last = next(reversed(failures.values()), None)
        is_alone = not said
        for place in places:
            if place.channel not in said:
                why = failures.get(place.channel, last)
                if why is None:  # cannot be: the loop ends early only with a failure
                    raise RuntimeError(f"{place.uri} was not asked")
                said[place.channel] = Stream(
                    channel=place.channel, status=0, code=why.code, detail=why.detail, is_alone=is_alone
                )
        with self._lock:
            self.streams |= said
            self.errors[first.host, first.port] = last
            self.bytes_moved += visit.bytes_moved


def _stream(place: _Place, reply: Reply) -> Stream:
    return Stream(
        channel=place.channel,
        status=reply.status,
        reason=reply.reason,
        description=reply.body.decode("utf-8", "replace")[:SDP_LIMIT],
    )


def _places(settings: Mapping[str, object]) -> list[_Place]:
    """Where each channel is; ProbeError bad_setting when nothing is named."""
    named = texts(settings, "urls")
    host = text(settings, "host")
    if bool(named) == bool(host):
        raise ProbeError("bad_setting", "expected either host or urls")
    if named:
        return [_named(i, one) for i, one in enumerate(named)]
    port, path = int(number(settings, "port")), text(settings, "path")
    bracketed = f"[{host}]" if ":" in host else host
    return [
        _Place(str(one), host, port, f"rtsp://{bracketed}:{port}{path.replace('{channel}', str(one))}")
        for one in numbers(texts(settings, "channels") or ["1"])
    ]


def _named(i: int, named: str) -> _Place:
    name, equals, address = named.partition("=")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or PORT
    except ValueError as error:
        raise ItemError(i, f"{named[:80]!r}: {error}") from error
    if not equals or not name.strip() or parts.scheme != "rtsp" or not host:
        raise ItemError(i, f"expected NAME=rtsp://HOST[:PORT]/PATH, got {named[:80]!r}")
    if parts.username is not None or parts.password is not None:
        raise ItemError(i, f"{name[:40]}: user and password have settings of their own")
    if not address.isascii() or not address.isprintable() or " " in address:
        raise ItemError(i, f"{name[:40]}: an address has no spaces and no letters beyond ASCII; write them as %XX")
    bracketed = f"[{host}]" if ":" in host else host
    query = f"?{parts.query}" if parts.query else ""
    return _Place(instance(name.strip()), host, port, f"rtsp://{bracketed}:{port}{parts.path or '/'}{query}")


def _urls_fit(value: object) -> None:
    if isinstance(value, list):
        seen: dict[str, int] = {}
        for i, one in enumerate(value):
            place = _named(i, str(one))
            if place.channel in seen:
                raise ItemError(i, f"there is a channel {place.channel!r} already")
            seen[place.channel] = i
        if len(value) > MOST:
            raise ItemError(MOST, f"more than {MOST} channels: divide them between two devices")


def _path_fits(value: object) -> None:
    path = str(value)
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError(f"expected a path such as /Streaming/Channels/{{channel}}01, got {path[:80]!r}")


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The state of each channel."""
    if not isinstance(raw, Round):
        raise TypeError(f"rtsp parses a Round, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    is_somebody_there = any(one.status for one in raw.streams)
    for one in raw.streams[:MOST]:
        name = f"channel[{instance(one.channel)}].state"
        state, why = _state(one, is_somebody_there=is_somebody_there)
        readings[name] = state
        failed.pop(name, None)
        if why is not None:
            failed[name] = why
    return Answer(readings=readings, failed=failed, bytes_moved=raw.bytes_moved)


def _state(one: Stream, *, is_somebody_there: bool) -> tuple[str | None, tuple[str, str] | None]:
    """A word, or None and why."""
    said = f"{one.status} {one.reason}".strip()[:DETAIL_LIMIT]
    if one.status == 0:
        if one.is_alone and is_somebody_there and one.code in _SILENT:
            return _SILENT[one.code], None
        return None, (one.code if one.code in FAILURES else "bad_answer", one.detail[:DETAIL_LIMIT])
    if one.status == 200:
        if _has_video(one.description):
            return "online", None
        if one.description.lstrip().lower().startswith("v="):
            return "no_stream", None
        return None, ("bad_answer", "200, and no description of a stream")
    if one.status in (401, 403):
        return None, ("bad_credentials", f"{said}: the account may not see this channel")
    if one.status in (404, 454):
        return None, ("absent", f"{said}: no such channel")
    if one.status in (453, 503):
        return None, ("busy", said)
    return None, ("bad_answer", said)


def _has_video(description: str) -> bool:
    """Whether a session description (RFC 4566) has a line of video."""
    return any(line.strip().lower().startswith("m=video") for line in description[:SDP_LIMIT].splitlines())


# --- settings ---------------------------------------------------------------------------------------------------------

probe = Probe(
    name="rtsp",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="host",
            kind=str,
            default="",
            unit="",
            sentence="The recorder's or camera's name or address; or urls.",
        ),
        Setting(name="port", kind=int, default=PORT, unit="", sentence="The port, with host.", least=1, most=65535),
        Setting(
            name="path",
            kind=str,
            default="/Streaming/Channels/{channel}01",
            unit="",
            sentence="Where a stream is, with host; {channel} stands for the channel's number.",
            fits=_path_fits,
        ),
        Setting(
            name="channels",
            kind=list,
            default=["1"],
            unit="",
            sentence="The channels to ask for, with host, such as 1-8 and 12.",
            fits=fits,
        ),
        Setting(
            name="urls",
            kind=list,
            default=[],
            unit="",
            sentence="In place of host: NAME=rtsp://HOST[:PORT]/PATH for each channel.",
            fits=_urls_fit,
        ),
        Setting(
            name="user",
            kind=str,
            default="",
            unit="",
            sentence="The account, if pictures are not for everybody.",
        ),
        *PROOF,
        Setting(
            name="answer_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="How long one channel may take.",
            least=0.2,
            most=60,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=20.0,
            unit="s",
            sentence="The longest that one visit may take, all channels together.",
            least=0.5,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=20.0,
    target="host",
    readings=("channel[].state",),
    parts=(Round, Stream),
)
