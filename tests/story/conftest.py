"""A site on each broker, for the tales."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import BROKERS
from tests.story.site import Site


@pytest.fixture(params=BROKERS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site on the broker that Roundsman ships, then on Debian's mosquitto."""
    with Site.on(request.param, tmp_path) as runs:
        yield runs
