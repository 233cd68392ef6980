"""The REST API: what the database knows, as JSON, for people's programs and for our own pages.

    python -m roundsman_collector.web --data FOLDER --port N        a process of its own, on loopback only

It reads through store.View and writes nothing but commands, which the engine answers. docs/api.md is its manual.
"""
