"""Agents of the world of world.py that say what they can be asked, and what was asked of them and pushed to them."""

from roundsman_collector.core.asking import Consent
from roundsman_collector.store import AskWish, Batch, Born, Deed, ErrandAnswer, Office, PushWish, Store, View
from roundsman_wire.codec import config_hash
from tests.collector.api.world import MINUTE, NOW

CAPABLE = ("cmd.birth", "cmd.inspect", "cmd.diagnose", "cmd.log_tail", "cmd.restart_app", "cmd.reboot", "deflate")
AGENTS = {1: "kiosk-7", 2: "gateway-2", 3: "bus-31"}
CONSENT = {"who": "张店长", "how": "phone", "at": NOW - 5 * MINUTE, "device": "kiosk-7", "text": "屏幕卡死，同意重启"}
BODY = {"uplink": {"batch_s": 900, "compress": True}, "spool": {"max_bytes": 20_000_000}}
LOG = "2024-10-05 01:58:12 kiosk[812]: 打印机缺纸\n2024-10-05 01:58:40 kiosk[812]: <script>alert(1)</script>\n"


def born(store: Store, capabilities: tuple[str, ...] = CAPABLE, config_hash: str = "4be1c07d9a22") -> None:
    """Every agent has said what it is."""
    store.commit(
        Batch(
            now_ms=NOW - MINUTE,
            births=[
                Born(no, NOW - MINUTE, 1, "b1", "linux-aarch64", {"agent": "0.3.0"}, capabilities, config_hash)
                for no in AGENTS
            ],
        )
    )


def busy(store: Store, view: View) -> list[str]:
    """Commands in every state, and two configurations; returns the ids of the commands, the oldest first."""
    born(store)
    made = []
    reboot = Consent(who="张店长", how="phone", at_ms=NOW - 25 * MINUTE, device="kiosk-7", text="屏幕卡死，同意重启")
    wishes = (
        AskWish(verb="diagnose", args={"checks": "spool,clock"}),
        AskWish(verb="reboot", args={}, consent=reboot),
        AskWish(verb="inspect", args={}),
        AskWish(verb="log_tail", args={"log": "kiosk", "lines": 50}),
        AskWish(verb="log_tail", args={"log": "nginx"}),
    )
    with Office(view._place) as office:
        for place, wish in enumerate(wishes):
            deed = Deed(who="dispatcher", at_ms=NOW - (20 - place) * MINUTE if place else NOW - 40 * MINUTE)
            made.append(office.ask_agent("kiosk-7", wish, deed=deed))
        store.expire_asked(NOW - 21 * MINUTE)
        for minutes, body in ((120, {"uplink": {"batch_s": 60}}), (3, BODY)):
            wish_ = PushWish(body=body, note="夜间少用流量" if body is BODY else "")
            office.push_config("kiosk-7", wish_, deed=Deed(who="admin", at_ms=NOW - minutes * MINUTE))
            push = view.pushes("kiosk-7", limit=1)[0]
            store.commit(Batch(now_ms=push.made_ms + 900, pushes_sent=[push.id]))
            if body is not BODY:
                said = "refused: uplink.batch_s = 60: expected at least 300 with the profile metered"
                answer = ErrandAnswer(f"config:{config_hash(body)}", 1, False, said, push.made_ms + 4000)
                store.commit(Batch(now_ms=answer.at_ms, errand_answers=[answer]))
    store.commit(Batch(now_ms=NOW - 18 * MINUTE, errands_sent=made[1:]))
    store.commit(
        Batch(
            now_ms=NOW - 10 * MINUTE,
            errand_answers=[
                ErrandAnswer(made[1], 1, True, "the machine was started again 74 s later", NOW - 17 * MINUTE),
                ErrandAnswer(made[3], 1, True, "the last 2 lines of kiosk", NOW - 12 * MINUTE, LOG),
                ErrandAnswer(made[4], 1, False, "there is no log nginx; there is kiosk", NOW - 11 * MINUTE),
            ],
        )
    )
    return made
