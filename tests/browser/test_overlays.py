"""Two people in two browsers: one proposes, the author cannot approve, the other approves, and the change is told."""

from playwright.sync_api import expect

from tests.browser.conftest import Heard, Running, Visit


def test_one_proposes_and_another_approves(visit: Visit, console: Running, heard: Heard) -> None:
    author, second = visit(who="dispatcher", lang="en"), visit(lang="zh", width="phone")

    author.goto(f"{console.origin}/devices/kiosk-4?window=30d")
    author.locator("#overlays ~ a", has_text="Propose").click()
    author.get_by_label("Correction").check()
    author.get_by_role("button", name="Next").click()
    author.get_by_label("From").fill("2024-10-03T10:00")
    author.get_by_label("To", exact=True).fill("2024-10-03T11:00")
    author.get_by_label("It really was").select_option("down")
    author.get_by_label("Reason").select_option("found_off")
    author.get_by_label("Why").fill("found switched off by the clerk")
    author.get_by_role("button", name="Propose").click()

    expect(author.get_by_role("heading", level=1)).to_contain_text("to be approved")
    expect(author.get_by_role("button", name="Approve it")).to_have_count(0)

    second.goto(author.url)
    second.get_by_label("说明").fill("已核对值班记录")
    second.get_by_role("button", name="批准").click()

    expect(second.get_by_role("heading", level=1)).to_contain_text("生效")
    expect(second.locator(".course")).to_contain_text("已核对值班记录")

    second.goto(f"{console.origin}/changes?known=2024-10-05T01:59:59&device=kiosk-4")
    expect(second.locator("table.changes")).to_contain_text("更正获批")
    assert heard.errors == []
