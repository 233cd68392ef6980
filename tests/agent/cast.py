"""What the agent's tests share: a clock that is told the time, samples of the cast, probes that do as they are told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from roundsman_agent.clock import Moment
from roundsman_agent.config import Broker, Config, DeviceConfig, ProbeUse, SpoolLimits, UplinkSettings
from roundsman_agent.probe import Answer, Probe

BOOT = "b41e0000cafe"
T0 = 1_795_257_540_000
START = Moment(wall=T0, mono=1_000_000, boot=BOOT, ntp=True)


def later(seconds: float, since: Moment = START) -> Moment:
    """The moment some seconds after another one."""
    return replace(since, wall=since.wall + int(seconds * 1000), mono=since.mono + int(seconds * 1000))


class ToldClock:
    """A clock that shows what it was told."""

    def __init__(self, moment: Moment = START) -> None:
        self.moment = moment

    def now(self) -> Moment:
        return self.moment

    def advance(self, seconds: float) -> Moment:
        self.moment = later(seconds, self.moment)
        return self.moment


def sample(device: str = "kiosk-7", at: Moment = START, **readings: Any) -> dict[str, Any]:
    """A sample without its number."""
    return {
        "kind": "sample",
        "boot": at.boot,
        "mono": at.mono,
        "t": at.wall,
        "device": device,
        "valid_s": 90,
        "readings": readings or {"host.cpu_percent": 12.5},
    }


def probe(name: str, fetch: Callable[[], Mapping[str, Any]], *, timeout_s: float = 5.0) -> Probe:
    """A probe whose fetch gives the readings themselves."""
    return Probe(
        name=name,
        platforms=frozenset({"linux"}),
        settings=(),
        fetch=lambda _: fetch(),
        parse=lambda raw, _: Answer(readings=raw),  # type: ignore[arg-type]
        default_timeout_s=timeout_s,
    )


def device(name: str = "kiosk-7", *probes: str, period_s: float = 60, timeout_s: float = 5) -> DeviceConfig:
    return DeviceConfig(
        id=name,
        kind="kiosk",
        model=None,
        local=False,
        period_s=period_s,
        valid_s=period_s * 1.5,
        arrive_by_s=180,
        behind={},
        probes=tuple(
            ProbeUse(name=one, label=one, every_s=period_s, timeout_s=timeout_s, settings={})
            for one in probes or ("host",)
        ),
    )


def config(data: str, *devices: DeviceConfig, port: int = 1, **uplink: Any) -> Config:
    """A configuration that nobody checked; the broker listens on loopback."""
    settings: dict[str, Any] = {
        "reconnect_min_s": 0.1,
        "reconnect_max_s": 1.0,
        "reconnect_jitter": 0.5,
        "reconnect_spread_s": 0.0,
        "batch_s": 0.0,
        "compress": False,
        "backlog_records_per_s": 10_000.0,
        "ack_expected_s": 10.0,
        "epoch_jitter_s": 0.0,
    }
    return Config(
        id="gw-2",
        group="south",
        data=data,
        broker=Broker(
            host="127.0.0.1",
            port=port,
            user="",
            password="",
            password_file="",
            tls=False,
            ca="",
            cert="",
            key="",
            keepalive_s=60,
        ),
        spool=SpoolLimits(max_bytes=50_000_000, free_floor_bytes=0, fsync_s=10),
        uplink=UplinkSettings(**{**settings, **uplink}),
        devices=devices or (device(),),
        hash="c0ffee123456",
    )
