"""What notices of recurrence say: in words, in a digest, to a webhook; and the delivery looks for them."""

import json
from pathlib import Path
from typing import Any

from roundsman_collector.core.recurrence import Rule, Rules
from roundsman_collector.notify import webhook
from roundsman_collector.notify.delivery import Delivery
from roundsman_collector.notify.facts import Facts, letter
from roundsman_collector.store import Batch, Names, Outbox
from roundsman_wire.catalogue import Label
from tests.collector.store.cast import TODAY, staffed, ticket

FAULTS = {"printer.jam": Label(zh="卡纸", en="paper jam")}
WARNING = {
    "id": 7,
    "level": "quarter",
    "about": "device",
    "same": "fault",
    "key": "kiosk-7",
    "what": "printer.jam",
    "period": "2026-Q4",
    "faults": 5,
    "devices": 1,
    "months": 2,
}
FOUND = {"cause": "process", "text": "nobody cleans it", "who": "chen"}


def facts(event: str = "recurred", found: dict[str, str] | None = None, **warning: Any) -> Facts:
    said = {**WARNING, **warning}
    body: dict[str, Any] = {"warning": said, "found": found, "who": "", "text": ""}
    subject = "kiosk-7" if said["about"] == "device" else ""
    return Facts(
        id="e-1",
        event=event,
        subject=subject,
        body=body,
        made_ms=TODAY,
        way="desk",
        names=Names(name_zh="自助终端 7", name_en="Kiosk 7"),
        faults=FAULTS,
        public_url="https://r.example",
    )


def test_a_warning_says_what_recurs_how_often_and_where_to_look() -> None:
    zh, en = letter(facts(), "zh"), letter(facts(), "en")

    assert zh.title == "【本季预警】自助终端 7(kiosk-7)：卡纸 2026-Q4 共 5 次"
    assert en.title == "[warning of the quarter] Kiosk 7 (kiosk-7): paper jam, 5 times in 2026-Q4"
    assert dict(zh.rows)["连续月数"] == "2"
    assert zh.link == "https://r.example/statistics/recurrence/7"


def test_a_model_is_named_and_a_class_by_its_name() -> None:
    said = letter(facts(about="model", key="DR-58", same="class", what="printer", devices=4), "zh")

    assert said.title == "【本季预警】型号 DR-58：打印 2026-Q4 共 5 次"
    assert (dict(said.rows)["故障类别"], dict(said.rows)["设备数"]) == ("打印", "4")


def test_what_is_at_the_root_names_whom_it_concerns() -> None:
    said = letter(facts(found=FOUND), "zh")

    assert said.title == "【重复故障原因】自助终端 7(kiosk-7)：卡纸 2026-Q4，服务：服务流程"
    assert dict(said.rows)["交由"] == "服务部：熟悉服务流程"
    assert dict(said.rows)["说明"] == "nobody cleans it"


def test_a_digest_tells_warnings_beside_tickets() -> None:
    entry = {"event": "recurred", "subject": "kiosk-7", **facts().body}
    body = {
        "count": 1,
        "from_ms": TODAY,
        "to_ms": TODAY,
        "is_daily": True,
        "by_event": {"recurred": 1},
        "entries": [entry],
    }
    digest = Facts(id="e-2", event="digest", subject="", body=body, made_ms=TODAY, way="desk", faults=FAULTS)

    assert letter(digest, "en").lines == ("[warning of the quarter] kiosk-7: paper jam, 5 times in 2026-Q4",)
    assert json.loads(webhook.render(digest))["entries"][0]["warning"]["id"] == 7


def test_a_webhook_is_told_the_warning_and_its_root() -> None:
    said = json.loads(webhook.render(facts(found=FOUND)))

    assert (said["event"], said["warning"], said["found"]) == ("recurred", WARNING, FOUND)
    assert said["device"] == {"id": "kiosk-7", "name_zh": "自助终端 7", "name_en": "Kiosk 7"}


def test_the_delivery_looks_for_what_recurs(tmp_path: Path) -> None:
    where = tmp_path / "roundsman.sqlite3"
    rules = Rules(rules=(Rule(level="month", of="device", same="fault", faults=1),))
    with staffed(where) as store, Outbox.open(where) as outbox:
        store.commit(Batch(now_ms=TODAY + 10, tickets=[ticket()]))
        delivery = Delivery(outbox, {}, {}, now_ms=lambda: TODAY + 1000, recurring=rules)

        delivery._warn()
        looking = delivery._warning
        assert looking is not None
        looking.join(30)
        delivery._warn()

        assert delivery._warning is looking, "not before another hour"
        assert not looking.is_alive()
        assert outbox.warn(rules, TODAY + 1000) == 0, "it was told"
