"""A collector that dies with messages in its hands gets them again, and stores each record once."""

import pytest

from tests.story.account import stored_numbers
from tests.story.site import Site
from tests.story.talker import Talker

pytestmark = pytest.mark.slow

REPORTS = 400


def test_a_collector_killed_with_unsettled_messages_in_hand_gets_them_again_and_stores_each_once(site: Site) -> None:
    site.start_collector()
    talker = Talker(site, "kiosk-7")
    talker.birth()
    first = talker.proves_alive()
    site.collector.kill9()
    talker.publish_many([talker.report(talker.sample(host__cpu_percent=1.0)) for _ in range(REPORTS)])
    newest = talker.n

    with site.explained():
        site.collector.start(fault="ingest.before_take")
        site.collector.await_kill()
        assert stored_numbers(site.database, "kiosk-7") == [first], "taken from the broker, not committed"
        site.collector.start(fault="store.in_commit:2")
        site.collector.await_kill()
        committed = [first]
        while committed == [first]:  # its first batch may hold retained births and no report
            site.collector.start(fault="ingest.before_settle")
            site.collector.await_kill()
            committed = stored_numbers(site.database, "kiosk-7")
            assert len(site.collector.diary) < 30, "committed, not acknowledged to the broker"
    site.collector.start()
    talker.await_settled(newest)
    site.until(lambda: sum(site.counted("duplicate").values()) >= len(committed) - 1, "what was committed comes again")
    site.collector.stop()

    assert stored_numbers(site.database, "kiosk-7") == list(range(1, newest + 1))
    assert site.counted("refused") == {}
