"""The agent: polls devices through probes, spools what it read until the collector has settled it, reports by MQTT.

    probes/  ->  poll (who is due)  ->  isolate (deadlines)  ->  spool (disk)  ->  outbox  ->  uplink (MQTT)

One process, one thread; threads live in isolate.py alone. The agent reads and never changes a device.
"""

__version__ = "0.1.0"
