"""A reboot in two steps and a configuration with its difference, as somebody does it with a browser."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Heard, Running, Visit

Shots = Callable[[Page, str], None]
TOML = "[uplink]\nbatch_s = 300\ncompress = true\n"


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_a_reboot_names_who_agreed_and_is_confirmed(visit: Visit, console: Running, heard: Heard, shots: Shots) -> None:
    page = visit(who="dispatcher", width="phone")

    page.goto(f"{console.origin}/devices/bus-31")
    page.locator(".facts-line a", has_text="bus-31").click()
    page.get_by_label("重启设备主机").check()
    page.get_by_label("客户同意人").fill("李队长")
    page.get_by_label("同意方式").select_option("phone")
    page.get_by_label("同意内容").fill("车已回场，可以重启")
    page.get_by_role("button", name="下一步").click()
    shots(page, "command-confirm-zh-phone")
    expect(page.get_by_role("heading", level=2)).to_contain_text("请核对")
    assert serious(page) == []
    page.get_by_role("button", name="重启设备主机").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("等待发送")
    expect(page.locator(".facts")).to_contain_text("李队长")
    shots(page, "command-zh-phone")
    assert serious(page) == []
    assert heard.errors == []


def test_an_answer_is_read_on_its_own_page(visit: Visit, console: Running, heard: Heard, shots: Shots) -> None:
    page = visit(lang="en")

    page.goto(f"{console.origin}/agents/kiosk-7")
    page.get_by_role("link", name="Show a log").nth(1).click()

    expect(page.locator("pre")).to_contain_text("<script>alert(1)</script>")
    shots(page, "command-en-wide")
    assert heard.errors == []


def test_a_configuration_is_looked_at_before_it_is_pushed(
    visit: Visit, console: Running, heard: Heard, shots: Shots
) -> None:
    page = visit(theme="dark")

    page.goto(f"{console.origin}/agents/gateway-2/configuration")
    page.get_by_label("TOML 或 JSON").fill('[broker]\nhost = "elsewhere"\n')
    page.get_by_role("button", name="查看差异").click()
    expect(page.get_by_role("alert")).to_contain_text("属于采集端本机")
    page.get_by_label("TOML 或 JSON").fill(TOML)
    page.get_by_role("button", name="查看差异").click()
    expect(page.locator(".diff")).to_contain_text('+     "batch_s": 300')
    shots(page, "configuration-looked-zh-wide-dark")
    assert serious(page) == []
    page.get_by_role("button", name="下发", exact=True).click()

    expect(page.locator("#pushed")).to_contain_text("正在下发")
    assert [one for one in heard.errors if "422" not in one] == []
