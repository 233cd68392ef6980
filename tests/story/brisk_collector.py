"""The collector program with one constant replaced: a lost broker is tried again within a second, not up to 30.

    python -m tests.story.brisk_collector up --config roundsman.toml       as `roundsman up --config roundsman.toml`

On SIGUSR1 it writes down where it is: a tale that waited in vain shows it.
"""

import faulthandler
import signal

from roundsman_collector import cli, mqtt

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    mqtt.RETRY_LAST_SECONDS = 1.0
    cli.main()
