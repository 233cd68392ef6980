"""The collector program with one constant replaced: a lost broker is tried again within a second, not up to 30.

python -m tests.story.brisk_collector up --config roundsman.toml       as `roundsman up --config roundsman.toml`
"""

from roundsman_collector import cli, mqtt

if __name__ == "__main__":
    mqtt.RETRY_LAST_SECONDS = 1.0
    cli.main()
