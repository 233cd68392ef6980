"""Every metric: its name, type, labels and sentence; and the text that Prometheus reads.

text({"roundsman_agents": [((), 3)]}) -> bytes
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]
Samples = Mapping[str, Sequence[tuple[Labels, float]]]


class Named(NamedTuple):
    """A metric as it is announced."""

    name: str
    type: Literal["gauge", "counter"]
    labels: Labels
    help: str


ALONE: Labels = ()
FLEET: Labels = ("group", "kind")
FIGURE: Labels = ("group", "kind", "window")
DEVICE: Labels = ("device", "group", "kind")

METRICS: tuple[Named, ...] = (
    # --- the fleet ---
    Named("roundsman_devices", "gauge", (*FLEET, "state"), "Devices by their state word."),
    Named(
        "roundsman_availability_ratio",
        "gauge",
        FIGURE,
        "Up time by up and down time in the window, from 0 to 1; absent where nothing is known.",
    ),
    Named(
        "roundsman_coverage_ratio",
        "gauge",
        FIGURE,
        "The share of the measured time in the window of which it is known whether the devices were up.",
    ),
    Named("roundsman_up_seconds", "gauge", FIGURE, "Time in the window that devices were up, of all devices together."),
    Named("roundsman_down_seconds", "gauge", FIGURE, "Time in the window that devices were down, all together."),
    Named("roundsman_unknown_seconds", "gauge", FIGURE, "Time in the window of which nobody knows, all together."),
    Named("roundsman_excluded_seconds", "gauge", FIGURE, "Time in the window taken out of the reckoning by a person."),
    Named("roundsman_outages", "gauge", FIGURE, "Outages that reach into the window, of all devices together."),
    Named("roundsman_longest_outage_seconds", "gauge", FIGURE, "The longest of them, as far as it lies inside."),
    Named("roundsman_device_up", "gauge", DEVICE, "1: the device is up. 0: it is down. Absent: nobody knows."),
    Named(
        "roundsman_device_availability_ratio",
        "gauge",
        (*DEVICE, "window"),
        "Up time by up and down time of one device in the window; absent where nothing is known.",
    ),
    Named(
        "roundsman_device_coverage_ratio",
        "gauge",
        (*DEVICE, "window"),
        "The share of one device's measured time in the window of which it is known whether it was up.",
    ),
    Named(
        "roundsman_figures_timestamp_seconds",
        "gauge",
        (),
        "When the windows end that figures tell of; absent until they are worked out for the first time.",
    ),
    # --- tickets and notices ---
    Named("roundsman_tickets_open", "gauge", ("severity", "state"), "Tickets that are not over."),
    Named("roundsman_notices", "gauge", ("state",), "Notices in the outbox: new ones wait, dead ones were given up."),
    Named(
        "roundsman_notices_waiting_since_timestamp_seconds",
        "gauge",
        (),
        "Since when the oldest notice waits that is to be sent; absent while none waits.",
    ),
    Named("roundsman_tickets_put_off", "gauge", (), "Tickets whose clocks cannot be read; /health says why."),
    # --- what comes in ---
    Named("roundsman_agents", "gauge", (), "Agents in the register."),
    Named("roundsman_reports_total", "counter", (), "Reports written down since the database was made."),
    Named("roundsman_last_report_timestamp_seconds", "gauge", (), "When the newest report came; absent before any."),
    Named("roundsman_refused_total", "counter", ("cause",), "What was refused, by cause; see `roundsman status`."),
    Named("roundsman_duplicates_total", "counter", ("cause",), "Records that came again and were not counted twice."),
    Named("roundsman_settling_agents", "gauge", (), "Agents whose late news has not been worked into the ledger yet."),
    Named(
        "roundsman_settling_since_timestamp_seconds",
        "gauge",
        (),
        "Since when the oldest of them waits; absent while none waits.",
    ),
    Named("roundsman_commands_waiting", "gauge", (), "What people asked for and the engine has not done yet."),
    Named("roundsman_inbox_entries", "gauge", (), "Unknown agents and devices that ask to be let in."),
    Named("roundsman_quarantine_entries", "gauge", (), "Messages that could not be used and are kept to be looked at."),
    # --- the collector itself ---
    Named("roundsman_evidence_rows", "gauge", (), "Reports that are kept."),
    Named("roundsman_evidence_bytes", "gauge", (), "The bodies of the reports that are kept."),
    Named("roundsman_database_bytes", "gauge", (), "The database on its disk, with its log."),
    Named("roundsman_disk_free_bytes", "gauge", (), "Room left on the disk of the database; absent with a server's."),
    Named("roundsman_build_info", "gauge", ("version", "schema"), "Always 1: the versions of program and database."),
)


class _Told(Collector):
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for named in METRICS:
            of_it = self._samples.get(named.name, ())
            if not of_it:
                continue
            family = (GaugeMetricFamily if named.type == "gauge" else CounterMetricFamily)(
                named.name, named.help, labels=named.labels
            )
            for labels, value in of_it:
                family.add_metric(labels, value)
            yield family


def text(samples: Samples) -> bytes:
    """Samples in the text format 0.0.4; ValueError for a metric that METRICS does not know, and for NaN."""
    known = {named.name for named in METRICS}
    for name, of_it in samples.items():
        if name not in known:
            raise ValueError(f"metric {name}: expected one of names.METRICS")
        if any(not math.isfinite(value) for _, value in of_it):
            raise ValueError(f"metric {name}: a value that is no number; leave out what is not known")
    return generate_latest(_Told(samples))
