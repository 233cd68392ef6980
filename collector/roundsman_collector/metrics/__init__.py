"""What Prometheus reads at /metrics: the fleet's uptime as the collector reckons it, and how the collector does.

    names.py      every metric: name, type, labels, sentence; docs/metrics.md is compared with it
    fleet.py      states and figures of the fleet, by group and kind
    collector.py  tickets, evidence, outbox, database: what store.tallies counts
    serving.py    the address: who may read it, what is kept for how long

The rules: what nobody knows has no sample (never NaN, never 0); a ratio stands beside the seconds it is made of; labels
hold ids of the register and words of ours, and no more of them than LABEL_LIMIT.
"""
