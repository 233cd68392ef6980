"""Hikvision recorders and cameras over ISAPI: channels, disks, clock, what was recorded (海康威视录像机与摄像机 ISAPI)

    [[device.probe]]
    name = "isapi"
    every_s = 300
    host = "192.168.1.64"
    user = "roundsman"
    password = { secret = "nvr-2" }
    channels = ["1-15"]
    required_days = 30
    disks_expected = 4

**Needs** ISAPI over HTTP (port 80, or `https = true`), which recorders have switched on, and an account of the kind
"operator" that may look at parameters and play back; nothing else. Digest; the password never goes out readable unless
`auth = "basic"` says so. An account of its own for the agent: a password that is changed for a person locks nobody out.

    GET   /ISAPI/System/deviceInfo                          recorder or camera; serial numbers are not kept
    GET   /ISAPI/ContentMgmt/InputProxy/channels/status     channel[].state
    GET   /ISAPI/ContentMgmt/Storage                        disk[].state, sizes; nvr.disks
    GET   /ISAPI/System/time                                clock.wrong_by_s
    GET   /ISAPI/System/status                              CPU, memory, time since the start
    GET   /ISAPI/ContentMgmt/record/tracks                  nvr.overwrite, and who records on events only
    GET   /ISAPI/System/Video/inputs/channels               channel[].video of analog inputs
    POST  /ISAPI/ContentMgmt/record/tracks/<track>/dailyDistribution    which days have recordings: only reads
    POST  /ISAPI/ContentMgmt/search                                     the pieces of one day: only reads

A firmware without the list of all states is asked for `…/InputProxy/channels` and each channel's own `…/status`; no
other request is sent. What a model does not know (404, 403 notSupport) is no reading and no failure, and is not asked
again for a day. What the account may not read is the failure `permission`, a recorder that is too busy `busy`; a
password that is refused `bad_credentials`, and then nothing is asked for `retry_s`, because recorders lock accounts.

At most 160 channels are told of one device; a larger recorder is two devices with `channels` of their own.

**A channel without a camera is `empty`**, not offline (`chanDetectResult` notExist). A firmware that leaves `<online>`
out leaves the channel unknown. The reason is the state: `bad_credentials` is the recorder's password for the camera,
`conflict` two cameras with one address, `no_stream` a camera that is there and sends nothing. An analog input that is
switched on without a signal is `lost`, its camera unknown: name the channels in use with `channels`, because inputs
nobody uses look the same.

**A full disk is normal** where `nvr.overwrite` is yes. A disk that the recorder may only read (`RO`) is `abnormal`. A
disk on the network is called `nas9`.

**Recordings** are looked at once a night for each channel, from ten past midnight by the recorder's clock: some twenty
requests a channel, eight channels a visit, so that no visit gets long. `channel[].recorded_percent` is the share of
yesterday's 24 hours that is recorded, overlaps counted once; `channel[].retained_days` the days from the newest
backwards that have recordings, with at most `missing_days` days without. Both stand until the next night's look, and 36
hours at the most; after that they are unknown with the reason. They live in the agent's process: after its start the
channels are looked at anew. A channel whose track records on events only (motion, alarm) has no share of a day that
must be there: `absent`. A camera is looked at where it has a disk. A day here is the recorder's day, right or wrong;
its clock is a reading of its own.

The times in answers of the search are local with some firmwares and UTC with others, and bear a Z with both.
`search_times = "auto"` finds out by what was recorded within the last half hour; where nothing was, the share is
`absent`, and `local` or `utc` can be set.

The clock is compared with this machine's, half the way there and back taken off, while NTP keeps this machine's clock;
it shows whole seconds. A clock that writes Z behind local time is read so that it is nearest to the truth.

Source: ISAPI as 15 recorded devices and several open clients speak it; the words of `chanDetectResult` and of disks as
clients list them. Never tried on a device by us.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC as UTC_ZONE
from datetime import date, timedelta
from typing import Final

from roundsman_agent import isapi_answer as answers
from roundsman_agent.channels import MOST, fits, numbers
from roundsman_agent.clock import SystemClock
from roundsman_agent.dial import left
from roundsman_agent.http_visit import HttpVisit, Trust, Url, url
from roundsman_agent.instance import instance
from roundsman_agent.isapi_answer import DeviceTime, Reason, Track
from roundsman_agent.isapi_recordings import LOCAL, UTC, Look, kept_days, labels_of, look, recorded_percent
from roundsman_agent.isapi_xml import SIZE_LIMIT, Node, decoded
from roundsman_agent.lockout import REFUSED
from roundsman_agent.login import PROOF, login_of
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, flag, number, text, texts
from roundsman_wire.failures import FAILURES

__all__ = ["probe"]

INFO: Final = "/ISAPI/System/deviceInfo"
CHANNELS: Final = "/ISAPI/ContentMgmt/InputProxy/channels/status"
CONFIGURED: Final = "/ISAPI/ContentMgmt/InputProxy/channels"
SINGLY: Final = f"{CONFIGURED}/*/status"
STORAGE: Final = "/ISAPI/ContentMgmt/Storage"
TIME: Final = "/ISAPI/System/time"
STATUS: Final = "/ISAPI/System/status"
TRACKS: Final = "/ISAPI/ContentMgmt/record/tracks"
INPUTS: Final = "/ISAPI/System/Video/inputs/channels"
ASKED: Final = (INFO, CHANNELS, STORAGE, TIME, STATUS, TRACKS, INPUTS)
"""In this order: what comes first is told even when the rest is not."""

FORGET_S: Final = 86_400.0
"""How long what a device does not know, or does not let us read, is not asked again."""
KEPT_S: Final = 36 * 3600.0
"""How long what was found in a night is told."""
AFTER_MIDNIGHT: Final = timedelta(minutes=10)
CHANNELS_AT_ONCE: Final = 8
TRIES: Final = 6
"""Visits in which a look at a channel is tried in one night."""
SHARE: Final = 0.6
"""How much of the time that is left a question may take that the device leaves unanswered."""
ENOUGH_S: Final = 0.3
"""With less time than this nothing more is asked."""
LOOK_S: Final = 2.0
"""With less time than this a look is not begun."""
LABEL_CHANNELS: Final = 4
NAMED_BY: Final = ("host", "port", "https", "user")
"""The settings that tell one device from another, with the channels: a large recorder may be two devices."""

_PERSONAL = re.compile(
    r"(<(?:\w{1,20}:)?(?:serialNumber|subSerialNumber|macAddress|deviceID|deviceName|userName|password|name|ipAddress)"
    r"(?: [^<>]{0,200})?>)[^<]+",
    re.IGNORECASE,
)
_OF_A_LIST = re.compile(r"(?:channel|disk)\[[^\]\x00-\x1f\x7f]{1,40}\]\.(?:state|video)")
_ON_EVENTS = frozenset({"MOTION", "ALARM", "EDR", "ALARMANDMOTION", "ALARMORMOTION", "EVENT", "ALLEVENT", "SMART"})
"""Modes of a track of which nobody can expect a whole day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """An answer of the device."""

    status: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """This machine's clock around the question for the device's: UTC in milliseconds, and whether NTP keeps it."""

    sent_ms: int
    heard_ms: int
    is_kept: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What one visit brought. `before`: readings of lists that the visit before had, to be missed by their names."""

    documents: Mapping[str, Document]
    failed: Mapping[str, Reason] = field(default_factory=dict)
    glance: Glance | None = None
    looks: tuple[Look, ...] = ()
    before: tuple[str, ...] = ()
    bytes_moved: int | None = None


@dataclass(kw_only=True, slots=True)
class _Known:
    """What is known of one device from the visits before."""

    closed: dict[str, tuple[float, Reason]] = field(default_factory=dict)
    """Paths that are not asked: until when, and why."""
    before: tuple[str, ...] = ()
    looks: dict[int, tuple[float, Look]] = field(default_factory=dict)
    """The last look at each channel, and when it was."""
    tries: dict[int, tuple[str, int]] = field(default_factory=dict)
    """How often a look at a channel was begun for a day."""
    labels: tuple[str, str] = ("", "")
    """What the times of its search mean, and for which day that was found out."""


_memory: dict[tuple[object, ...], _Known] = {}


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Heard:
    """One visit: every document that the device has, then recordings as long as there is time."""
    began = time.monotonic()
    call = _Call(settings, began + number(settings, "timeout_s"))
    named = (*(settings[name] for name in NAMED_BY), *texts(settings, "channels"))
    known = _memory.setdefault(named, _Known())
    documents, failed = _documents(call, known)
    if flag(settings, "recordings"):
        _look(call, known, Heard(documents=documents, failed=failed, glance=call.glance), settings)
    now = time.monotonic()
    heard = Heard(
        documents=documents,
        failed=failed,
        glance=call.glance,
        looks=tuple(replace(one, age_s=round(now - at, 1)) for at, one in known.looks.values()),
        before=known.before,
        bytes_moved=call.bytes_moved,
    )
    known.before = tuple(name for name in parse(heard, settings).readings if name.endswith((".state", ".video")))
    return heard


class _Call:
    """A device, and how to come in."""

    def __init__(self, settings: Mapping[str, object], deadline: float) -> None:
        host = text(settings, "host")
        scheme = "https" if flag(settings, "https") else "http"
        port = int(number(settings, "port"))
        bracketed = f"[{host}]" if ":" in host else host
        self.at: Url = url(f"{scheme}://{bracketed}{f':{port}' if port else ''}/")
        self.deadline = deadline
        self.glance: Glance | None = None
        self.bytes_moved = 0
        self.user = text(settings, "user")
        self._login = login_of(settings)
        self._trust = Trust(ca=text(settings, "ca"), verify=flag(settings, "verify"))
        self._clock = SystemClock()

    def visit(self, deadline: float) -> HttpVisit:
        return HttpVisit(self.at, deadline=deadline, login=self._login, trust=self._trust, most_bytes=SIZE_LIMIT)

    def got(self, visit: HttpVisit, path: str) -> Document:
        """One document, without what names an owner; the question for the time is timed."""
        sent = self._clock.now()
        reply = visit.get(path)
        heard = self._clock.now()
        if path == TIME:
            self.glance = Glance(
                sent_ms=sent.wall, heard_ms=sent.wall + heard.mono - sent.mono, is_kept=sent.ntp and heard.ntp
            )
        if reply.is_cut:
            raise ProbeError("bad_answer", f"{self.at.where}: more than {SIZE_LIMIT} bytes under {path}")
        return Document(status=reply.status, text=_PERSONAL.sub(r"\1***", decoded(reply.body)))


def _documents(call: _Call, known: _Known) -> tuple[dict[str, Document], dict[str, Reason]]:
    """What the device answers to each path."""
    documents: dict[str, Document] = {}
    failed: dict[str, Reason] = {}
    now = time.monotonic()
    known.closed = {path: closed for path, closed in known.closed.items() if closed[0] > now}
    waiting = [path for path in ASKED if path not in known.closed]
    failed |= {path: why for path, (_, why) in known.closed.items() if why[0] == "permission"}
    while waiting:
        with call.visit(time.monotonic() + left(call.deadline, call.at.where) * SHARE) as visit:
            try:
                _ask(call, visit, waiting, documents, failed, known)
            except ProbeError as error:
                if not documents:
                    raise
                failed[waiting.pop(0)] = (error.code, error.detail)
            finally:
                call.bytes_moved += visit.bytes_moved
        if waiting and call.deadline - time.monotonic() <= ENOUGH_S:
            failed.update(dict.fromkeys(waiting, ("timeout", f"{call.at.where}: no time was left to ask for this")))
            break
    if known.closed.get(CHANNELS, (0.0, ("", "")))[1][0] == "not_supported":
        _ask_singly(call, known, documents)
    if not any(answers.trouble(one.status, one.text) is None for one in documents.values()):
        first = next(iter(documents.values()), None)
        code, words = (first and answers.trouble(first.status, first.text)) or ("not_supported", "nothing to ask")
        raise ProbeError(code, f"{call.at.where}: {words}; is this an ISAPI device?")
    return documents, failed


_NO_RIGHT: Final = "<ResponseStatus><subStatusCode>permission</subStatusCode></ResponseStatus>"


def _ask(
    call: _Call,
    visit: HttpVisit,
    waiting: list[str],
    documents: dict[str, Document],
    failed: dict[str, Reason],
    known: _Known,
) -> None:
    """Ask for one path after the other; those that were answered leave `waiting`."""
    while waiting:
        path = waiting[0]
        try:
            document = call.got(visit, path)
        except ProbeError as error:
            # Some firmwares say 401 to what an account may not read; the account is good, it just read the others.
            if error.code != "bad_credentials" or not documents:
                raise
            REFUSED.forget(call.at.where, call.user)
            document = Document(status=403, text=_NO_RIGHT)
        documents[path] = document
        why = answers.trouble(document.status, document.text)
        if why is not None and why[0] in ("not_supported", "permission"):
            known.closed[path] = (time.monotonic() + FORGET_S, why)
        waiting.pop(0)


def _ask_singly(call: _Call, known: _Known, documents: dict[str, Document]) -> None:
    """A firmware that has no list of all channels' states may tell each one's. A camera has neither."""
    if CONFIGURED in known.closed or call.deadline - time.monotonic() < LOOK_S:
        return
    with call.visit(call.deadline) as visit:
        try:
            listed = call.got(visit, CONFIGURED)
            why = answers.trouble(listed.status, listed.text)
            if why is not None:
                known.closed[CONFIGURED] = (time.monotonic() + FORGET_S, ("not_supported", why[1]))
                return
            documents[CONFIGURED] = listed
            for channel in answers.configured(answers.read(listed.text))[:MOST]:
                if SINGLY in known.closed:
                    return
                path = f"{CONFIGURED}/{channel}/status"
                document = call.got(visit, path)
                why = answers.trouble(document.status, document.text)
                if why is None:
                    documents[path] = document
                elif why[0] == "not_supported":
                    known.closed[SINGLY] = (time.monotonic() + FORGET_S, why)
        except ProbeError as error:
            if error.code == "bad_credentials":
                REFUSED.forget(call.at.where, call.user)
                known.closed[CONFIGURED] = (time.monotonic() + FORGET_S, ("not_supported", error.detail))
        finally:
            call.bytes_moved += visit.bytes_moved


# --- recordings -------------------------------------------------------------------------------------------------------


def _look(call: _Call, known: _Known, heard: Heard, settings: Mapping[str, object]) -> None:
    """Look at the recordings of channels that were not looked at for yesterday, some in each visit."""
    told, wanted = _told_time(heard.documents), _recorded_channels(heard, settings)
    if told is None or wanted is None or call.deadline - time.monotonic() < LOOK_S:
        return
    zone = _zone(told, call.glance)
    today = (told.local - AFTER_MIDNIGHT).date()
    day = (today - timedelta(days=1)).isoformat()
    known.looks = {one: kept for one, kept in known.looks.items() if one in wanted}
    known.tries = {one: tried for one, tried in known.tries.items() if one in wanted and tried[0] == day}
    pending = [one for one in wanted if _is_pending(known, one, day)][:CHANNELS_AT_ONCE]
    if not pending:
        return
    modes = _modes(heard)
    with call.visit(call.deadline) as visit:
        channel = pending[0]
        try:
            if text(settings, "search_times") == "auto" and known.labels[1] != day:
                found = labels_of(visit, pending[:LABEL_CHANNELS], told.local, zone)
                known.labels = (found or known.labels[0], day)
            for channel in pending:
                if call.deadline - time.monotonic() < LOOK_S:
                    break
                _look_at(visit, known, channel, settings, today=today, zone=zone, mode=modes.get(channel, ""))
        except ProbeError as error:
            why = (error.code, error.detail)
            if error.code == "bad_credentials":
                REFUSED.forget(call.at.where, call.user)  # it has just read all the rest
                why = ("permission", "401: the account may not play back")
            lost = Look(channel=channel, day=day, failed={"spans": why, "days": why})
            known.looks.setdefault(channel, (time.monotonic(), lost))
        finally:
            call.bytes_moved += visit.bytes_moved


def _look_at(
    visit: HttpVisit,
    known: _Known,
    channel: int,
    settings: Mapping[str, object],
    *,
    today: date,
    zone: timedelta,
    mode: str,
) -> None:
    """One channel. A look that failed in part is made again in the next visits, and does not push out a good one."""
    day = (today - timedelta(days=1)).isoformat()
    known.tries[channel] = (day, known.tries.get(channel, (day, 0))[1] + 1)
    labels = text(settings, "search_times")
    found = look(
        visit,
        channel=channel,
        today=today,
        labels=known.labels[0] if labels == "auto" else labels,
        zone=zone,
        mode=mode,
        missing=int(number(settings, "missing_days")),
    )
    if not _is_partial(found) or channel not in known.looks:
        known.looks[channel] = (time.monotonic(), found)


def _is_pending(known: _Known, channel: int, day: str) -> bool:
    kept = known.looks.get(channel)
    if kept is not None and kept[1].day == day and not _is_partial(kept[1]):
        return False
    return known.tries.get(channel, (day, 0))[1] < TRIES


def _is_partial(one: Look) -> bool:
    return any(why[0] not in ("not_supported", "permission", "absent") for why in one.failed.values())


def _told_time(documents: Mapping[str, Document]) -> DeviceTime | None:
    node = _node(documents, TIME)
    return None if node is None else answers.device_time(node)


def _zone(told: DeviceTime, glance: Glance | None) -> timedelta:
    """What to take off the device's local time for UTC: as it says, or to the quarter of an hour as its clock shows."""
    if told.zone is not None:
        return told.zone
    if told.is_utc or glance is None or not glance.is_kept:
        return timedelta()
    apart = told.local.replace(tzinfo=UTC_ZONE).timestamp() - glance.sent_ms / 1000
    quarters = round(apart / 900)
    return timedelta(minutes=15 * quarters) if abs(quarters) <= 14 * 4 else timedelta()


def _tracks(documents: Mapping[str, Document]) -> list[Track]:
    node = _node(documents, TRACKS)
    return [] if node is None else answers.tracks(node)


def _modes(heard: Heard) -> dict[int, str]:
    """How the main stream of each channel is recorded."""
    return {one.number // 100: one.mode for one in _tracks(heard.documents) if one.number % 100 == 1}


def _recorded_channels(heard: Heard, settings: Mapping[str, object]) -> list[int] | None:
    """The channels whose recordings are looked at: those with a camera. None when this visit cannot tell.

    Where nobody lists the channels, those that are to be inspected and have a track; of a camera its own, if it has
    something to record on.
    """
    for path in (CHANNELS, INPUTS):
        why = _why(heard, path)
        if why is not None and why[0] != "not_supported":
            return None
    documents = heard.documents
    node = _node(documents, INPUTS)
    found = {one.number for one in _seen(documents) if one.state != "empty"}
    found |= {one for one, video in (answers.inputs(node) if node else {}).items() if video != "empty"}
    if not found and _why(heard, CHANNELS) is not None:
        storage = _node(documents, STORAGE)
        has_disk = storage is not None and bool(answers.disks(storage))
        is_known = has_disk if _kind(heard) == "camera" else bool(texts(settings, "channels"))
        found = set(_modes(heard)) if is_known else set()
    return _chosen(sorted(found), settings)


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """Every document's readings. One that failed leaves unknown what it told the last time."""
    if not isinstance(raw, Heard):
        raise TypeError(f"isapi parses a Heard, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, Reason] = {}
    kind = _kind(raw)
    if kind == "nvr":
        readings["nvr.state"] = "online"
    for path, names, meaning in (
        (CHANNELS, ("channel[", ".state"), _channels_say),
        (STORAGE, ("disk[", ".state"), _disks_say),
        (TIME, ("clock.wrong_by_s", ""), _time_says),
        (STATUS, (f"{kind}.cpu_percent", ""), _status_says),
        (TRACKS, ("nvr.overwrite", ""), _tracks_say),
        (INPUTS, ("channel[", ".video"), _inputs_say),
    ):
        why = _why(raw, path)
        if why is None:
            said, reasons = meaning(raw, kind, settings)
            fresh = {name: value for name, value in said.items() if name not in readings}
            readings |= fresh
            failed |= {name: reason for name, reason in reasons.items() if name in fresh}
        elif why[0] != "not_supported":
            for name in _missed(path, names, raw.before, settings, kind):
                if readings.setdefault(name, None) is None:
                    failed.setdefault(name, why)
    _unlisted_say(raw, settings, readings, failed)
    _looks_say(raw, settings, readings, failed)
    readings = dict(list(readings.items())[:READINGS_LIMIT])
    return Answer(
        readings=readings,
        failed={name: _told(why) for name, why in failed.items() if name in readings},
        bytes_moved=raw.bytes_moved,
    )


def _told(why: Reason) -> Reason:
    """A reason as the wire takes it, also out of a recording that somebody has changed."""
    code, detail = why
    return (code if code in FAILURES else "bad_answer"), detail[:DETAIL_LIMIT]


READINGS_LIMIT: Final = 990
"""What one sample holds, and the readings of the agent itself."""
DETAIL_LIMIT: Final = 400


def _kind(heard: Heard) -> str:
    node = _node(heard.documents, INFO)
    said = None if node is None else answers.is_recorder(node)
    if said is None:
        said = _node(heard.documents, CHANNELS) is not None
    return "nvr" if said else "camera"


def _node(documents: Mapping[str, Document], path: str) -> Node | None:
    document = documents.get(path)
    if document is None or answers.trouble(document.status, document.text) is not None:
        return None
    try:
        return answers.read(document.text)
    except ProbeError:
        return None


def _why(heard: Heard, path: str) -> Reason | None:
    """Why a document says nothing; None when it can be read."""
    if path in heard.failed:
        return heard.failed[path]
    if path == CHANNELS and CONFIGURED in heard.documents:
        path = CONFIGURED  # a firmware without the list of all states
    document = heard.documents.get(path)
    if document is None:
        return "not_supported", "not asked"
    why = answers.trouble(document.status, document.text)
    if why is None:
        try:
            answers.read(document.text)
        except ProbeError as error:
            return error.code, error.detail
    return why


def _missed(
    path: str, names: tuple[str, str], before: Sequence[str], settings: Mapping[str, object], kind: str
) -> list[str]:
    """The readings that a document would have had: a single one, or those of a list that were there the last time."""
    first, last = names
    if not last:
        return [first]
    listed = [name for name in before[:READINGS_LIMIT] if _OF_A_LIST.fullmatch(name)]
    missed = [name for name in listed if name.startswith(first) and name.endswith(last)]
    if path == STORAGE and kind == "nvr":
        missed.append("nvr.disks")
    if path == CHANNELS and not missed:
        missed = [f"channel[{one}].state" for one in numbers(texts(settings, "channels"))] or ["channel[1].state"]
    return missed


def _unlisted_say(
    heard: Heard, settings: Mapping[str, object], readings: dict[str, Value], failed: dict[str, Reason]
) -> None:
    """A channel that is to be inspected, and that the recorder has not, is not passed over in silence."""
    if _why(heard, CHANNELS) is not None:
        return
    for channel in numbers(texts(settings, "channels")):
        name = f"channel[{channel}].state"
        if name not in readings and f"channel[{channel}].video" not in readings:
            readings[name] = None
            failed[name] = ("absent", "the recorder has no such channel")


def _chosen(found: Sequence[int], settings: Mapping[str, object]) -> list[int]:
    wanted = texts(settings, "channels")
    if not wanted:
        return list(found)[:MOST]
    allowed = set(numbers(wanted))
    return [one for one in found if one in allowed]


def _single(documents: Mapping[str, Document]) -> list[str]:
    return [path for path in documents if path.startswith(f"{CONFIGURED}/") and path != CHANNELS][:MOST]


def _seen(documents: Mapping[str, Document]) -> list[answers.Channel]:
    """Every channel that the recorder tells the state of."""
    nodes = [node for node in (_node(documents, path) for path in (CHANNELS, *_single(documents))) if node is not None]
    found = {seen.number: seen for node in reversed(nodes) for seen in answers.channels(node)}
    listed = _node(documents, CONFIGURED)
    for one in answers.configured(listed) if listed is not None else ():
        found.setdefault(one, answers.Channel(one, None, "the recorder lists it, and does not tell its state"))
    return [seen for _, seen in sorted(found.items())]


def _channels_say(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    seen = {one.number: one for one in _seen(heard.documents)}
    readings: dict[str, Value] = {}
    failed: dict[str, Reason] = {}
    for one in (seen[channel] for channel in _chosen(list(seen), settings)):
        name = f"channel[{one.number}].state"
        readings[name] = one.state
        if one.state is None:
            failed[name] = ("absent", one.why)
    return readings, failed


def _disks_say(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    node = _node(heard.documents, STORAGE)
    disks = [] if node is None else answers.disks(node)
    readings: dict[str, Value] = {}
    failed: dict[str, Reason] = {}
    if kind == "nvr":
        readings["nvr.disks"] = sum(not one.name.startswith("nas") and one.state != "not_online" for one in disks)
        expected = int(number(settings, "disks_expected"))
        if expected:
            readings["nvr.disks_expected"] = expected
    for one in disks:
        name = f"disk[{instance(one.name)}]"
        readings[f"{name}.state"] = one.state
        for point, value in (("capacity_mb", one.capacity_mb), ("free_mb", one.free_mb)):
            readings[f"{name}.{point}"] = value
            if value is None:
                failed[f"{name}.{point}"] = one.why or ("absent", "not told")
    return readings, failed


def _time_says(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    name = "clock.wrong_by_s"
    told, glance = _told_time(heard.documents), heard.glance
    if told is None:
        return {name: None}, {name: ("implausible", "tells no time that could be one")}
    if glance is None or not glance.is_kept:
        return {name: None}, {name: ("not_supported", "nobody keeps this machine's own clock: nothing to compare with")}
    wrong = answers.wrong_by_s(told, (glance.sent_ms + glance.heard_ms) / 2)
    if wrong is None:
        return {name: None}, {name: ("absent", "tells a local time and no zone")}
    return {name: round(wrong, 1)}, {}


def _status_says(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    node = _node(heard.documents, STATUS)
    return ({}, {}) if node is None else answers.machine(node, kind)


def _tracks_say(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    word = answers.loop(_tracks(heard.documents))
    return ({}, {}) if word is None else ({"nvr.overwrite": word}, {})


def _inputs_say(heard: Heard, kind: str, settings: Mapping[str, object]) -> answers.Said:
    node = _node(heard.documents, INPUTS)
    found = {} if node is None else answers.inputs(node)
    readings: dict[str, Value] = {}
    failed: dict[str, Reason] = {}
    for channel in _chosen(sorted(found), settings):
        state, video = f"channel[{channel}].state", f"channel[{channel}].video"
        if found[channel] == "empty":
            readings[state] = "empty"
            continue
        readings[video] = found[channel]
        readings[state] = "online" if found[channel] == "ok" else None
        if readings[state] is None:
            failed[state] = ("absent", "an analog input without a signal: whether a camera is there cannot be told")
    return readings, failed


def _looks_say(
    heard: Heard, settings: Mapping[str, object], readings: dict[str, Value], failed: dict[str, Reason]
) -> None:
    """What was found in the last night, as long as it is not too old."""
    required, missing = int(number(settings, "required_days")), int(number(settings, "missing_days"))
    for one in heard.looks[:MOST]:
        share, days = f"channel[{one.channel}].recorded_percent", f"channel[{one.channel}].retained_days"
        stale = ("timeout", f"found {one.age_s / 3600:.0f} h ago; every look since has failed")
        for name, found, part in (
            (share, None if one.spans is None else recorded_percent(one.spans), "spans"),
            (days, None if one.days is None else kept_days(one.days, one.day, missing=missing), "days"),
        ):
            why = one.failed.get(part) or ("absent", "not looked at")
            if name == share and one.mode in _ON_EVENTS:
                why = ("absent", f"records on events ({one.mode}), not all day")
            elif not 0 <= one.age_s <= KEPT_S:
                why = stale
            elif found is not None:
                readings[name] = found
                continue
            elif why[0] == "not_supported":
                continue
            readings[name], failed[name] = None, why
        if required and days in readings:
            readings[f"channel[{one.channel}].required_days"] = required


# --- settings ---------------------------------------------------------------------------------------------------------

probe = Probe(
    name="isapi",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(name="host", kind=str, default=REQUIRED, unit="", sentence="The device's name or address."),
        Setting(
            name="port",
            kind=int,
            default=0,
            unit="",
            sentence="The port of its web server; 0 is 80, with https 443.",
            least=0,
            most=65535,
        ),
        Setting(name="https", kind=bool, default=False, unit="", sentence="Speak TLS."),
        Setting(
            name="verify",
            kind=bool,
            default=True,
            unit="",
            sentence="Refuse a certificate that nobody vouches for; recorders mostly sign their own.",
        ),
        Setting(
            name="ca",
            kind=str,
            default="",
            unit="",
            sentence="A PEM file with whose word counts for the certificate; empty: the system's.",
        ),
        Setting(name="user", kind=str, default=REQUIRED, unit="", sentence="The account; one that may only look."),
        *PROOF,
        Setting(
            name="channels",
            kind=list,
            default=[],
            unit="",
            sentence="The channels to inspect, such as 1-8 and 12; none named: all.",
            fits=fits,
        ),
        Setting(
            name="disks_expected",
            kind=int,
            default=0,
            unit="",
            sentence="How many disks the recorder should have; 0: nobody has counted.",
            least=0,
            most=answers.DISKS_LIMIT,
        ),
        Setting(
            name="recordings",
            kind=bool,
            default=True,
            unit="",
            sentence="Look at the recordings once a night.",
        ),
        Setting(
            name="required_days",
            kind=int,
            default=0,
            unit="days",
            sentence="How long recordings must be kept; 0: nothing was promised.",
            least=0,
            most=366,
        ),
        Setting(
            name="missing_days",
            kind=int,
            default=0,
            unit="days",
            sentence="How many days without recordings are borne when the days kept are counted.",
            least=0,
            most=31,
        ),
        Setting(
            name="search_times",
            kind=str,
            default="auto",
            unit="",
            sentence="What the times of its search mean; auto finds out.",
            choices=("auto", LOCAL, UTC),
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=20.0,
            unit="s",
            sentence="The longest that one visit may take.",
            least=1,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=20.0,
    target="host",
    readings=(
        "nvr.state",
        "nvr.cpu_percent",
        "nvr.memory_percent",
        "nvr.uptime_s",
        "nvr.disks",
        "nvr.disks_expected",
        "nvr.overwrite",
        "camera.cpu_percent",
        "camera.memory_percent",
        "camera.uptime_s",
        "disk[].state",
        "disk[].capacity_mb",
        "disk[].free_mb",
        "channel[].state",
        "channel[].video",
        "channel[].recorded_percent",
        "channel[].retained_days",
        "channel[].required_days",
        "clock.wrong_by_s",
    ),
    parts=(Heard, Document, Glance, Look),
)
