"""A Hikvision recorder made small: the ISAPI documents that the probe asks for, over HTTP with Digest, from tables.

There is no recorder here and no recording of one: this fake speaks the documented tables (deviceInfo, status, Storage,
InputProxy, tracks, time, search, dailyDistribution; ResponseStatus for what a model does not know), with the maker's
spellings. What it takes is a list: GET, and POST to exactly the two paths that only read. Anything else is kept in
`refused` and answered 405.

Usually it is like a DS-7616NI: sixteen channels, of which one has no camera and two are offline for different reasons,
four disks of which one has failed its SMART test, recordings without a gap.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from xml.etree import ElementTree

NAMESPACE: Final = "http://www.hikvision.com/ver20/XMLSchema"
INFO: Final = "/ISAPI/System/deviceInfo"
STATUS: Final = "/ISAPI/System/status"
TIME: Final = "/ISAPI/System/time"
STORAGE: Final = "/ISAPI/ContentMgmt/Storage"
TRACKS: Final = "/ISAPI/ContentMgmt/record/tracks"
CONFIGURED: Final = "/ISAPI/ContentMgmt/InputProxy/channels"
CHANNELS: Final = f"{CONFIGURED}/status"
INPUTS: Final = "/ISAPI/System/Video/inputs/channels"
SEARCH: Final = "/ISAPI/ContentMgmt/search"
DISTRIBUTION: Final = re.compile(r"/ISAPI/ContentMgmt/record/tracks/(\d+)/dailyDistribution")

Piece = tuple[datetime, datetime]

BEGIN: Final = datetime(2026, 11, 22, 8, 25, 5)  # noqa: DTZ001
START: Final = time.monotonic()


def utc_now() -> datetime:
    """The true time of this story, in UTC: an afternoon in Beijing that goes on as the tests do."""
    return BEGIN + timedelta(seconds=time.monotonic() - START)


@dataclass(kw_only=True)
class Tables:
    """What the recorder is. Times of recordings are its own local time."""

    kind: str = "NVR"
    model: str = "DS-7616NI-K2"
    channels: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    """number -> what stands in <online> (None: it is left out), chanDetectResult"""
    inputs: dict[int, tuple[bool, str]] = field(default_factory=dict)
    """analog input -> whether it is switched on, resDesc"""
    disks: list[tuple[str, float, float, str]] = field(default_factory=list)
    """status, capacity, free space, property"""
    nas: list[tuple[str, float, float, str]] = field(default_factory=list)
    loop: bool = True
    modes: dict[int, str] = field(default_factory=dict)
    days: dict[int, set[date]] = field(default_factory=dict)
    pieces: dict[int, list[Piece]] = field(default_factory=dict)
    zone: timedelta = timedelta(hours=8)
    time_text: str = ""
    """In place of the right time."""
    time_zone: str = "CST-8:00:00"
    memory: tuple[str, str] = ("512", "512")
    wrong_by: timedelta = timedelta()
    labels_are_utc: bool = False
    track_list: str = "trackList"
    """The only name of the list that its search takes; another one gets 400."""
    page: int = 40
    closed: dict[str, tuple[int, str]] = field(default_factory=dict)
    """path -> status, subStatusCode"""
    busy: dict[str, int] = field(default_factory=dict)
    """path -> how often it is too busy yet"""
    silent: set[str] = field(default_factory=set)
    verbatim: dict[str, bytes] = field(default_factory=dict)
    """path -> body in place of its document"""

    def now(self) -> datetime:
        """What its clock shows."""
        return utc_now() + self.zone + self.wrong_by


def usual(**more: Any) -> Tables:
    """See the module."""
    tables = Tables(**more)
    tables.channels = tables.channels or {
        **dict.fromkeys(range(1, 14), ("true", "connect")),
        14: ("false", "errorUserNameOrPasswd"),
        15: ("false", "netUnreachable"),
        16: ("false", "notExist"),
    }
    tables.disks = tables.disks or [
        ("ok", 3815447, 0, "RW"),
        ("ok", 3815447, 0, "RW"),
        ("smartFailed", 3815447, 1024, "RW"),
        ("sleeping", 3815447, 0, "RW"),
    ]
    today = tables.now().date()
    for number in [*tables.channels, *tables.inputs]:
        tables.days.setdefault(number, {today - timedelta(days=back) for back in range(35)})
        tables.pieces.setdefault(number, hourly(today - timedelta(days=1), tables.now()))
    return tables


def hourly(begin: date, end: datetime) -> list[Piece]:
    """Recordings without a gap, a piece for each hour; each ends a second before the next begins."""
    at = datetime.combine(begin, datetime.min.time())
    found = []
    while at < end:
        found.append((at, min(at + timedelta(hours=1, seconds=-1), end)))
        at += timedelta(hours=1)
    return found


class Recorder:
    """The tables on a port of loopback."""

    def __init__(
        self, tables: Tables, user: str = "roundsman", password: str = "look-only", realm: str = "NVR"
    ) -> None:
        self.tables, self.user, self.password, self.realm = tables, user, password, realm
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.logins = 0
        """How often a wrong proof came."""
        self.nonce = "4e31"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.is_open = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.is_open = False
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def proves(self, method: str, path: str, header: str) -> bool:
        """Whether an Authorization is right: RFC 7616 with MD5 and qop=auth."""
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', header.removeprefix("Digest ")))
        if not header.startswith("Digest ") or said.get("uri") != path or said.get("nonce") != self.nonce:
            return False
        secret = _md5(f"{self.user}:{self.realm}:{self.password}")
        expected = _md5(f"{secret}:{self.nonce}:{said.get('nc')}:{said.get('cnonce')}:auth:{_md5(f'{method}:{path}')}")
        is_right = said.get("response") == expected and said.get("username") == self.user
        self.logins += not is_right
        return is_right


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PUT(self) -> None:
            self._serve("PUT")

        do_DELETE = do_PUT

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_read = method == "GET" or (
                method == "POST" and (self.path == SEARCH or DISTRIBUTION.fullmatch(self.path) is not None)
            )
            if not is_read:
                recorder.refused.append(f"{method} {self.path}")
                self._say(405, b"")
                return
            if not recorder.proves(method, self.path, self.headers.get("Authorization", "")):
                challenge = f'Digest qop="auth", realm="{recorder.realm}", nonce="{recorder.nonce}", stale="FALSE"'
                self._say(401, b"<html>no</html>", ("WWW-Authenticate", challenge))
                return
            recorder.asked.append(f"{method} {self.path}")
            while self.path in recorder.tables.silent and recorder.is_open:
                time.sleep(0.02)
            self._say(*_answer(recorder.tables, self.path, body))

        def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", 'application/xml; charset="UTF-8"')
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


# --- documents --------------------------------------------------------------------------------------------------------


def _answer(tables: Tables, path: str, body: bytes) -> tuple[int, bytes]:
    if tables.busy.get(path, 0) > 0:
        tables.busy[path] -= 1
        return 503, _refusal(path, 2, "Device Busy", "deviceBusy")
    if path in tables.closed:
        status, sub = tables.closed[path]
        return status, _refusal(path, 4, "Invalid Operation", sub)
    if path in tables.verbatim:
        return 200, tables.verbatim[path]
    if path == SEARCH:
        return _search(tables, body)
    if (match := DISTRIBUTION.fullmatch(path)) is not None:
        return 200, _distribution(tables, int(match[1]), body)
    single = re.fullmatch(re.escape(CONFIGURED) + r"/(\d+)/status", path)
    if single is not None and int(single[1]) in tables.channels:
        return 200, _document(_channel(tables, int(single[1])))
    made = _DOCUMENTS.get(path)
    if made is None or (path in (CHANNELS, CONFIGURED) and not tables.channels):
        return 404, _refusal(path, 4, "Invalid Operation", "notSupport")
    return 200, _document(made(tables))


def _document(inner: str) -> bytes:
    first, _, rest = inner.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{first} version="2.0" xmlns="{NAMESPACE}">{rest}\n'.encode()


def _refusal(path: str, code: int, words: str, sub: str) -> bytes:
    return _document(
        f"<ResponseStatus><requestURL>{path}</requestURL><statusCode>{code}</statusCode>"
        f"<statusString>{words}</statusString><subStatusCode>{sub}</subStatusCode></ResponseStatus>"
    )


def _info(tables: Tables) -> str:
    return (
        "<DeviceInfo><deviceName>东门监控室</deviceName><deviceID>48443030-3832-3535-3235-240f9b1d2b5d</deviceID>"
        f"<model>{tables.model}</model><serialNumber>{tables.model}1620200911CCRRE12345678WCVU</serialNumber>"
        "<macAddress>24:0f:9b:1d:2b:5d</macAddress><firmwareVersion>V4.31.102</firmwareVersion>"
        f"<firmwareReleasedDate>build 210331</firmwareReleasedDate><deviceType>{tables.kind}</deviceType></DeviceInfo>"
    )


def _status(tables: Tables) -> str:
    used, free = tables.memory
    return (
        f"<DeviceStatus><currentDeviceTime>{tables.now():%Y-%m-%dT%H:%M:%S}</currentDeviceTime>"
        "<deviceUpTime>404371</deviceUpTime>"
        "<CPUList><CPU><cpuDescription>2616.00</cpuDescription><cpuUtilization>31</cpuUtilization></CPU></CPUList>"
        "<MemoryList><Memory><memoryDescription>DDR Memory</memoryDescription>"
        f"<memoryUsage>{used}</memoryUsage><memoryAvailable>{free}</memoryAvailable></Memory></MemoryList>"
        "</DeviceStatus>"
    )


def _time(tables: Tables) -> str:
    zone = f"{'-' if tables.zone < timedelta() else '+'}{abs(tables.zone) // timedelta(hours=1):02d}:00"
    told = tables.time_text or f"{tables.now():%Y-%m-%dT%H:%M:%S}{zone}"
    return f"<Time><timeMode>NTP</timeMode><localTime>{told}</localTime><timeZone>{tables.time_zone}</timeZone></Time>"


def _storage(tables: Tables) -> str:
    disks = "".join(
        f"<hdd><id>{i}</id><hddName>hdd{i}</hddName><hddPath></hddPath><hddType>SATA</hddType><status>{status}</status>"
        f"<capacity>{capacity}</capacity><freeSpace>{free}</freeSpace><property>{can}</property></hdd>"
        for i, (status, capacity, free, can) in enumerate(tables.disks, start=1)
    )
    nas = "".join(
        f"<nas><id>{i}</id><addressingFormatType>ipaddress</addressingFormatType><ipAddress>192.168.0.9</ipAddress>"
        f"<nasType>NFS</nasType><path>/rec</path><status>{status}</status><capacity>{capacity}</capacity>"
        f"<freeSpace>{free}</freeSpace><property>{can}</property><userName>pub</userName></nas>"
        for i, (status, capacity, free, can) in enumerate(tables.nas, start=9)
    )
    return f'<storage><hddList size="8">{disks}</hddList><nasList>{nas}</nasList><workMode>group</workMode></storage>'


def _channel(tables: Tables, number: int) -> str:
    online, result = tables.channels[number]
    told = "" if online is None else f"<online>{online}</online>"
    return (
        f"<InputProxyChannelStatus><id>{number}</id><sourceInputPortDescriptor><proxyProtocol>HIKVISION</proxyProtocol>"
        f"<ipAddress>192.168.1.{100 + number}</ipAddress><userName>admin</userName></sourceInputPortDescriptor>"
        f"{told}<chanDetectResult>{result}</chanDetectResult></InputProxyChannelStatus>"
    )


def _channels(tables: Tables) -> str:
    inner = "".join(_channel(tables, number) for number in tables.channels)
    return f"<InputProxyChannelStatusList>{inner}</InputProxyChannelStatusList>"


def _configured(tables: Tables) -> str:
    inner = "".join(
        f"<InputProxyChannel><id>{number}</id><name>Camera {number:02d}</name></InputProxyChannel>"
        for number in tables.channels
    )
    return f"<InputProxyChannelList>{inner}</InputProxyChannelList>"


def _inputs(tables: Tables) -> str:
    inner = "".join(
        f"<VideoInputChannel><id>{number}</id><inputPort>{number}</inputPort>"
        f"<videoInputEnabled>{str(is_on).lower()}</videoInputEnabled><name>Camera {number:02d}</name>"
        f"<videoFormat>PAL</videoFormat><resDesc>{picture}</resDesc></VideoInputChannel>"
        for number, (is_on, picture) in tables.inputs.items()
    )
    return f"<VideoInputChannelList>{inner}</VideoInputChannelList>"


def _tracks(tables: Tables) -> str:
    inner = "".join(
        f"<Track><id>{number}01</id><Channel>{number}</Channel><Enable>true</Enable>"
        f"<DefaultRecordingMode>{tables.modes.get(number, 'CMR')}</DefaultRecordingMode><Duration>P30DT0H</Duration>"
        f"<Loop>{str(tables.loop).lower()}</Loop></Track>"
        f"<Track><id>{number}02</id><Enable>false</Enable><Loop>false</Loop></Track>"
        for number in [*tables.channels, *tables.inputs]
    )
    return f"<TrackList>{inner}</TrackList>"


_DOCUMENTS = {
    INFO: _info,
    STATUS: _status,
    TIME: _time,
    STORAGE: _storage,
    CHANNELS: _channels,
    CONFIGURED: _configured,
    INPUTS: _inputs,
    TRACKS: _tracks,
}


# --- recordings -------------------------------------------------------------------------------------------------------


def _distribution(tables: Tables, track: int, body: bytes) -> bytes:
    said = ElementTree.fromstring(body)
    year, month = int(said.findtext("year", "0")), int(said.findtext("monthOfYear", "0"))
    days = {day.day for day in tables.days.get(track // 100, set()) if (day.year, day.month) == (year, month)}
    inner = "".join(
        f"<day><id>{day}</id><dayOfMonth>{day}</dayOfMonth><record>{str(day in days).lower()}</record>"
        + ("<recordType>time</recordType>" if day in days else "")
        + "</day>"
        for day in range(1, 32)
    )
    return _document(f"<trackDailyDistribution><dayList>{inner}</dayList></trackDailyDistribution>")


def _search(tables: Tables, body: bytes) -> tuple[int, bytes]:
    said = ElementTree.fromstring(body)
    track = said.findtext(f"{tables.track_list}/trackID")
    order = [one.tag for one in said]
    expected = [
        *("searchID", tables.track_list, "timeSpanList", "maxResults", "searchResultPostion", "metadataList"),
    ]
    if track is None or order != expected:
        return 400, _refusal(SEARCH, 6, "Invalid XML Content", "badXmlContent")
    begin, end = (
        datetime.strptime(said.findtext(f"timeSpanList/timeSpan/{name}", ""), "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007
        for name in ("startTime", "endTime")
    )
    position, most = int(said.findtext("searchResultPostion", "0")), int(said.findtext("maxResults", "1"))
    if end - begin > timedelta(days=1) or most > 50:
        return 400, _refusal(SEARCH, 6, "Invalid XML Content", "badParameters")
    shift = tables.zone if tables.labels_are_utc else timedelta()
    labelled = [(a - shift, b - shift) for a, b in tables.pieces.get(int(track) // 100, [])]
    found = [(a, b) for a, b in labelled if a <= end and b >= begin]
    page = found[position : position + min(most, tables.page)]
    is_last = position + len(page) >= len(found)
    word = "NO MATCHES" if not found else "OK" if is_last else "MORE"
    items = "".join(
        f"<searchMatchItem><sourceID>{{0}}</sourceID><trackID>{track}</trackID><timeSpan>"
        f"<startTime>{a:%Y-%m-%dT%H:%M:%SZ}</startTime><endTime>{b:%Y-%m-%dT%H:%M:%SZ}</endTime></timeSpan>"
        "<mediaSegmentDescriptor><contentType>video</contentType><codecType>H.264-BP</codecType>"
        "</mediaSegmentDescriptor></searchMatchItem>"
        for a, b in page
    )
    return 200, _document(
        f"<CMSearchResult><searchID>{said.findtext('searchID')}</searchID><responseStatus>true</responseStatus>"
        f"<responseStatusStrg>{word}</responseStatusStrg><numOfMatches>{len(page)}</numOfMatches>"
        f"<matchList>{items}</matchList></CMSearchResult>"
    )
