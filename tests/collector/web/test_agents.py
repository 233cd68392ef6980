"""The pages of an agent: ask, confirm, look again, push; in both languages, and nothing of a stranger's runs."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Store, View
from roundsman_collector.web.zoned import picked
from roundsman_wire.codec import config_hash
from tests.collector.api import world
from tests.collector.api.agents_desk import BODY, born, busy
from tests.collector.api.world import MINUTE, NOW
from tests.collector.web.reading import Loads, page, words_of

AT = "/agents/kiosk-7"
REBOOT = {
    "verb": "reboot",
    "consent.device": "kiosk-7",
    "consent.who": "张店长 <b>",
    "consent.how": "phone",
    "consent.at": picked(NOW - 5 * MINUTE, "Asia/Shanghai"),
    "consent.text": "屏幕卡死",
}
TOML = "[uplink]\nbatch_s = 900\ncompress = true\n[spool]\nmax_bytes = 20_000_000\n"


@pytest.fixture
def desk(store: Store, view: View) -> Desk:
    born(store)
    return world.desk(view)


def who(desk: Desk, person: str = world.ADMIN, language: str = "en") -> TestClient:
    client = world.signed_in(desk, person, Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", language)
    return client


def form(client: TestClient, text: str, **more: str) -> tuple[int, str, str]:
    """Send the form of configurations; status, where it leads, and the page."""
    fields = {"text": text, "rollback_s": "600", "note": "", **more}
    answer = client.post(f"{AT}/configuration", data=fields, files={"file": ("", b"")})
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_a_reading_command_goes_with_one_click_and_its_page_looks_again_until_it_is_over(desk: Desk) -> None:
    client = who(desk, "dispatcher")
    answer = client.post(f"{AT}/commands", data={"verb": "log_tail", "args.log": "kiosk", "args.lines": "50"})
    shown = page(client, answer.headers["location"])

    assert answer.status_code == 303
    assert "It waits to be sent." in words_of(shown)
    assert 'hx-trigger="every 2s"' in shown
    (row,) = desk.view.asked("kiosk-7", limit=5)
    assert row.args == {"log": "kiosk", "lines": 50}


def test_a_reboot_is_asked_back_and_goes_only_when_it_is_confirmed(desk: Desk) -> None:
    client = who(desk, "dispatcher")
    question = client.post(f"{AT}/commands", data=REBOOT)
    nothing = desk.view.asked("kiosk-7", limit=5)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', question.text))
    done = client.post(f"{AT}/commands", data={**REBOOT, "confirm": hidden["confirm"]})

    assert (question.status_code, nothing) == (200, [])
    assert "Is this the right machine?" in words_of(question.text)
    assert "张店长 &lt;b&gt;" in question.text
    assert {name: text.replace("&lt;", "<").replace("&gt;", ">") for name, text in hidden.items()} == {
        **REBOOT,
        "confirm": "kiosk-7",
    }
    assert done.status_code == 303
    (row,) = desk.view.asked("kiosk-7", limit=5)
    assert (row.verb, row.device, row.asked_by) == ("reboot", "kiosk-7", "dispatcher")
    assert row.agreed is not None
    assert row.agreed["at_ms"] == NOW - 5 * MINUTE
    told = words_of(page(client, done.headers["location"]))
    assert "Who agreed 张店长 &lt;b&gt; How they agreed by phone" in told


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"consent.who": " "}, "请填写客户方同意人的姓名。"),
        ({"consent.at": "yesterday"}, "应为最近 30 天内的时间，且不晚于现在。"),
        ({"consent.device": "nvr-2"}, "请选择客户同意操作的设备。"),
        ({"consent.device": ""}, "请选择客户同意操作的设备。"),
        ({"verb": "log_tail"}, "请填写采集端配置中声明的日志名称。"),
        ({"verb": "log_tail", "args.log": "kiosk", "args.lines": "0"}, "应为 1 至 2,000 的整数。"),
        ({"verb": "shell"}, "该采集端没有开放此命令。"),
    ],
)
def test_what_cannot_be_asked_comes_back_as_written_and_marked(desk: Desk, other: dict[str, str], said: str) -> None:
    answer = who(desk, language="zh").post(f"{AT}/commands", data={**REBOOT, **other})

    assert answer.status_code == 422
    assert said in words_of(answer.text)
    assert 'value="屏幕卡死"' in answer.text or ">屏幕卡死</textarea>" in answer.text
    assert desk.view.asked("kiosk-7", limit=5) == []


def test_a_second_reboot_is_told_to_wait(desk: Desk) -> None:
    client = who(desk)
    statuses = [client.post(f"{AT}/commands", data={**REBOOT, "confirm": "kiosk-7"}).status_code for _ in range(2)]

    assert statuses == [303, 409]


def test_only_what_the_agent_offers_can_be_chosen(store: Store, desk: Desk) -> None:
    born(store, ("cmd.inspect", "cmd.birth"))
    shown = page(who(desk), AT)

    assert re.findall(r'name="verb" value="(\w+)"', shown) == ["inspect", "birth"]
    assert "It does not offer: Diagnose, Show a log, Restart the application, Reboot the machine." in words_of(shown)


def test_what_the_agent_sent_is_text_and_every_state_has_its_word(store: Store, view: View, desk: Desk) -> None:
    made = busy(store, view)
    client = who(desk, language="zh")
    log, listed = page(client, f"{AT}/commands/{made[3]}"), words_of(page(client, AT))

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in log and "<script>alert" not in log
    assert "hx-trigger" not in log
    assert all(word in listed for word in ("查看日志", "已应答", "已拒绝", "无应答", "已下发"))
    assert Loads(log).is_ours() and Loads(page(client, AT)).is_ours()


def test_a_configuration_is_shown_with_its_difference_and_pushed_when_confirmed(desk: Desk) -> None:
    client = who(desk)
    status, _, looked = form(client, TOML, note="夜间")
    nothing = desk.view.pushes("kiosk-7", limit=5)
    pushed = form(client, TOML, confirm=config_hash(BODY), note="夜间", rollback_s="300")
    shown = words_of(page(client, f"{AT}/configuration"))

    assert (status, nothing) == (200, [])
    assert "What would change" in looked and "<ins>+     &#34;batch_s&#34;: 900,</ins>" in looked
    assert pushed[:2] == (303, f"{AT}/configuration")
    (row,) = desk.view.pushes("kiosk-7", limit=5)
    assert (row.body, row.note, row.rollback_s) == (BODY, "夜间", 300)
    assert "on its way to the broker" in shown


def test_a_file_counts_instead_of_the_text(desk: Desk) -> None:
    answer = who(desk).post(
        f"{AT}/configuration",
        data={"text": "nonsense", "rollback_s": "600"},
        files={"file": ("agent.toml", TOML.encode())},
    )

    assert config_hash(BODY) in answer.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "请填写配置或选择文件。"),
        ("[uplink", "既不是 TOML 也不是 JSON"),
        ('[broker]\nhost = "evil"', "broker 属于采集端本机，不能下发"),
        (
            '[[device]]\nid="a"\n[[device.probe]]\nname="snmp"\ncommunity="hunter2"',
            "device[1].probe[1].community 不得以明文写机密",
        ),
    ],
)
def test_what_cannot_be_pushed_is_told_with_its_place(desk: Desk, text: str, said: str) -> None:
    status, _, shown = form(who(desk, language="zh"), text)

    assert status == 422
    assert said in words_of(shown)
    assert desk.view.pushes("kiosk-7", limit=5) == []


def test_a_rollback_time_that_cannot_be_is_marked_before_anything_is_shown(desk: Desk) -> None:
    status, _, shown = form(who(desk), TOML, rollback_s="5")

    assert status == 422
    assert "60 to 86,400 seconds." in words_of(shown)


def test_pushing_the_same_again_and_withdrawing_nothing_are_told(desk: Desk) -> None:
    client = who(desk)
    form(client, TOML, confirm=config_hash(BODY))
    again = form(client, TOML, confirm=config_hash(BODY))
    withdrawn = client.post(f"{AT}/configuration/withdraw")
    nothing = client.post(f"{AT}/configuration/withdraw")

    assert again[0] == 422
    assert "This very configuration is in force, or was refused." in words_of(again[2])
    assert (withdrawn.status_code, nothing.status_code) == (303, 409)


def test_the_page_of_a_device_leads_to_its_agent_for_whoever_may_command_it(desk: Desk) -> None:
    leads = {person: f'href="{AT}"' in page(who(desk, person), "/devices/kiosk-7") for person in ("admin", "engineer")}

    assert leads == {"admin": True, "engineer": False}
