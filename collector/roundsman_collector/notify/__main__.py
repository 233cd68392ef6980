"""Run the delivery of notices: `python -m roundsman_collector.notify --data FOLDER [--config FILE]`.

The collector starts this as a child. One at a time: a second one on the same data folder waits for the first to end.
"""

import argparse
import fcntl
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from roundsman_collector import clock
from roundsman_collector.config import Config, ConfigError, load, recurrence, rule_set
from roundsman_collector.notify import dingtalk, feishu, mail, webhook, wecom
from roundsman_collector.notify.delivery import Delivery, Sender
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Retry
from roundsman_collector.rules.told import labels
from roundsman_collector.store import Outbox, StoreError, WayRow

LOCK = "notify.lock"
CONFIG_ERROR = 78
NO_DATABASE = 69
TRY_LATER = 75


def main(argv: list[str] | None = None) -> int:
    """Deliver until told to stop; the exit code says what was wrong."""
    options = _options(argv)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        config = load(options.config, options.data)
        faults = labels(rule_set(config))
        with alone(config.data.folder) as is_alone:
            if not is_alone:
                print(f"another delivery runs on {config.data.folder}", file=sys.stderr)
                return TRY_LATER
            with Outbox.open(config.database) as outbox:
                Delivery(outbox, senders(config), faults, public_url(config), recurring=recurrence()).run(stopping)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG_ERROR
    except StoreError as error:
        print(error, file=sys.stderr)
        return NO_DATABASE
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m roundsman_collector.notify", description="Roundsman's delivery of notices."
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="the collector's data folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the collector's configuration")
    return parser.parse_args(argv)


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else delivers from this folder; the claim goes with the process, however it ends."""
    with (folder / LOCK).open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def senders(config: Config) -> dict[str, Sender]:
    """How each kind of way is sent, as configured."""
    server = mail_server(config)
    allow_http, ca = config.webhook.allow_http, config.webhook.ca

    def by_mail(facts: Facts, way: WayRow) -> None:
        if server is None:
            raise Retry("no mail server is configured: set host and sender in [mail], and start the collector anew")
        mail.send(mail.render(facts, to=way.target, sender=server.sender, language=way.language), server)

    def by_webhook(facts: Facts, way: WayRow) -> None:
        webhook.send(
            webhook.render(facts),
            url=way.target,
            secret=way.secret,
            event=facts.event,
            key=facts.id,
            now_ms=clock.now_ms(),
            allow_http=allow_http,
            ca=ca,
        )

    def by_wecom(facts: Facts, way: WayRow) -> None:
        message = wecom.render(facts, way.language)
        wecom.send(message, url=way.target, now_ms=clock.now_ms(), allow_http=allow_http, ca=ca)

    def by_dingtalk(facts: Facts, way: WayRow) -> None:
        message, now_ms = dingtalk.render(facts, way.language), clock.now_ms()
        dingtalk.send(message, url=way.target, secret=way.secret, now_ms=now_ms, allow_http=allow_http, ca=ca)

    def by_feishu(facts: Facts, way: WayRow) -> None:
        message, now_ms = feishu.render(facts, way.language), clock.now_ms()
        feishu.send(message, url=way.target, secret=way.secret, now_ms=now_ms, allow_http=allow_http, ca=ca)

    return {
        "mail": by_mail,
        "webhook": by_webhook,
        "wecom": by_wecom,
        "dingtalk": by_dingtalk,
        "feishu": by_feishu,
    }


def mail_server(config: Config) -> mail.Server | None:
    """The mail server that is configured; None: none is."""
    said = config.mail
    if not said.host:
        return None
    return mail.Server(
        host=said.host,
        port=said.port,
        security=said.security,
        sender=said.sender,
        user=said.user,
        password_file=said.password_file,
        ca=said.ca,
    )


def public_url(config: Config) -> str:
    """Where people find the console; empty where nobody said so."""
    return config.api.public_url


if __name__ == "__main__":
    sys.exit(main())
