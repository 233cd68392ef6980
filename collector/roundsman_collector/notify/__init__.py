"""Telling people: what waits in the outbox goes out by mail and webhook, from a process of its own.

    python -m roundsman_collector.notify --data FOLDER        started by the collector as soon as somebody wants to know

    outbox -> pacing -> facts -> render (pure) -> send -> sent | again | dead
              one at a time, or a digest          raises Retry or Reject

A way is a kind (mail.py, webhook.py) with a target. Each way has a thread of its own while something is due on it: a
server that hangs holds up nobody else, and never a report. Told at least once: what was sent and not marked, because
the power went, is sent again under the same Message-ID or Idempotency-Key.
"""
