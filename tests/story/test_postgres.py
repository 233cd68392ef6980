"""A collector on PostgreSQL: killed, cut off, its server killed; nothing is lost, nothing taken twice."""

from collections.abc import Iterator
from pathlib import Path
from signal import SIGQUIT

import pytest

from tests.postgres import Server
from tests.story.site import Site
from tests.story.test_kills import COLLECTOR_POINTS

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]
CUTS = 8

SERVER_POINTS = [point for point in COLLECTOR_POINTS if point.startswith(("store.", "ingest.before_settle"))]
"""Where the server's state matters; the others are the same on every database (test_kills.py)."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this tale alone: it is killed."""
    with Server.started() as started:
        yield started


def test_a_collector_killed_at_any_point_of_a_batch_goes_on_from_what_the_server_has(
    server: Server, tmp_path: Path
) -> None:
    with Site.on("nats", tmp_path, server.database()) as site:
        site.start()
        site.collector.kill9()

        for point in SERVER_POINTS:
            site.collector.start(fault=point)
            with site.explained():
                site.collector.await_kill()
        site.collector.start()
        site.await_records(20)
        site.settle()

        site.account().assert_whole()


IN_DOUBT = "cannot be told whether it did"
"""What a collector says that ends because the line broke while it stored and the server is not there to be asked."""


def test_a_server_that_dies_and_lines_that_break_under_load_lose_nothing(server: Server, tmp_path: Path) -> None:
    url = server.database()
    with Site.on("nats", tmp_path, url) as site:
        site.start()

        server.stop(SIGQUIT)  # as in a power cut
        site.until(
            lambda: "tried again" in site.collector.words() or IN_DOUBT in site.collector.words(),
            "the collector waits for its server, or ends because nobody can tell whether it has stored",
        )
        server.start()
        if IN_DOUBT in site.collector.words():
            site.until(lambda: not site.collector.runs, "the collector ends")
            site.start_collector()  # as its supervisor would
        first = site.collector.pid
        site.await_records(20)
        for _ in range(CUTS):
            server.sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.name_of(url)}'"
            )
            site.await_records(3)
        assert site.collector.pid == first, "it went on, and was not started anew"
        site.settle()

        site.account().assert_whole()
