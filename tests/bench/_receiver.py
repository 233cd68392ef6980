"""The limit that ingest is compared with: the same subscription, messages taken and settled, and nothing else.

python -m tests.bench._receiver CONFIG TALLY
"""

import signal
import sys
from pathlib import Path

from roundsman_collector import app, config
from roundsman_collector.mqtt import Subscription, wait
from roundsman_wire import topics
from tests.bench._tally import Tally

CLIENT_ID = "bench-receiver"


def main(config_path: Path, tally_path: Path) -> None:
    """Receive until told to stop."""
    settings = config.load(config_path)
    live = Subscription(app.external_line(settings), client_id=CLIENT_ID, filters=topics.LIVE_FILTERS)
    tally = Tally(tally_path)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    while not stopping:
        wait([live], 0.2)
        live.settle(live.take(0, settings.collector.batch_max))
        tally.write(live.counters.settled)
    live.close()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:3]))
