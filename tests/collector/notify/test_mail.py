"""By mail: what the letter says in both languages, and how a real conversation with a server ends."""

import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from roundsman_collector.notify import dial, mail
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.mail import Server
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_wire.catalogue import Language
from tests.collector.notify.news import DIGEST, EVERY, OPENED, RESOLVED, TEST, VOIDED
from tests.collector.notify.servers import DROP, HANG, PASSWORD, USER, Letter, SmtpServer, certificate, smtp_server

SENDER = "rounds@example.com"
TO = "duty@example.com"


def rendered(facts: Facts, language: Language = "zh") -> Letter:
    raw = mail.render(facts, to=TO, sender=SENDER, language=language).as_bytes()
    return Letter("", [], raw, "", False)


def server_of(server: SmtpServer, **more: object) -> Server:
    return replace(Server(host="127.0.0.1", port=server.port, security="none", sender=SENDER), **more)  # type: ignore[arg-type]


def sent(facts: Facts, server: SmtpServer, **more: object) -> Letter:
    mail.send(mail.render(facts, to=TO, sender=SENDER, language="zh"), server_of(server, **more))
    return server.letters[-1]


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_letter_about_an_opened_ticket_says_what_where_and_since_when() -> None:
    said = rendered(OPENED)

    assert said.message["Subject"] == "【报修】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017"
    assert said.part("plain") == (
        "【报修】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017\n"
        "\n"
        "设备：自助终端 7(kiosk-7)\n"
        "点位：南山店 · 一号位\n"
        "监控分中心：south\n"
        "故障项：打印机缺纸\n"
        "级别：紧急\n"
        "故障起始：2025-11-21 10:00:00 北京时间\n"
        "工单号：2025-000017\n"
        "\n"
        "打开工单：https://rounds.example.com/tickets/2025-000017\n"
        "\n"
        "-- \n"
        "本邮件由巡检员自动发出，请勿回复。如不需要此类通知，请联系管理员。\n"
    )


def test_a_letter_about_a_resolved_ticket_says_how_long_it_lasted() -> None:
    said = rendered(RESOLVED, "en")

    assert said.message["Subject"].strip() == "[Resolved] Kiosk 7 (kiosk-7): printer out of paper (urgent) 2025-000017"
    text = said.part("plain")
    assert "Since: 2025-11-21 10:00:00 Beijing time" in text
    assert "Until: 2025-11-21 11:05:00 Beijing time" in text
    assert "Lasted: 1 h 5 min" in text
    assert "Outcome: recovered" in text


def test_a_voided_ticket_tells_who_and_why_and_no_text_becomes_a_header() -> None:
    said = rendered(VOIDED)

    assert "说明：演练 Bcc: a@example.com" in said.part("plain")
    assert "操作人：wang" in said.part("plain")
    assert said.message["Bcc"] is None


def test_a_name_with_line_ends_and_markup_stays_text() -> None:
    names = OPENED.names._replace(name_zh="<b>七</b>\r\nBcc: all@example.com")
    said = rendered(replace(OPENED, names=names))

    assert said.message["Bcc"] is None
    assert "<b>七</b> Bcc: all@example.com" in said.message["Subject"]
    assert "&lt;b&gt;七&lt;/b&gt;" in said.part("html")
    assert "<b>" not in said.part("html")


def test_a_digest_counts_and_lists() -> None:
    said = rendered(DIGEST)

    assert said.message["Subject"] == "【汇总】33 条通知"
    text = said.part("plain")
    assert "通知数：报修 31 · 已修复 2" in text
    assert "时段：2025-11-21 10:00:00 北京时间 至 2025-11-21 10:01:00 北京时间" in text
    assert "【报修】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017" in text
    assert "……另有 32 条" in text
    assert "打开工单列表：https://rounds.example.com/tickets\n" in text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("facts", EVERY, ids=lambda facts: facts.event)
def test_every_letter_reads_in_both_languages(facts: Facts, language: Language) -> None:
    said = rendered(facts, language)
    plain, html = said.part("plain"), said.part("html")

    assert "{" not in plain + html
    has_chinese_labels = "请勿回复" in plain
    assert has_chinese_labels == (language == "zh")
    assert f'<html lang="{said.message["Content-Language"]}">' in html
    assert "http://" not in html and "src=" not in html, "nothing is fetched when a letter is opened"
    assert said.message["Auto-Submitted"] == "auto-generated"


def test_a_letter_is_the_same_however_often_it_is_made_but_for_the_seam_of_its_parts() -> None:
    one, two = rendered(OPENED), rendered(OPENED)

    assert one.message["Message-ID"] == two.message["Message-ID"] == "<e1-5@example.com>"
    assert one.message["Date"] == two.message["Date"] == "Fri, 21 Nov 2025 02:00:05 +0000"
    assert one.part("plain") == two.part("plain")


def test_letters_about_one_ticket_refer_to_one_another() -> None:
    assert rendered(OPENED).message["References"] == rendered(RESOLVED).message["References"]
    assert rendered(TEST).message["References"] is None


def test_without_a_public_address_there_is_no_link() -> None:
    said = rendered(replace(OPENED, public_url=""))

    assert "打开工单" not in said.part("plain") + said.part("html")


def test_a_silent_agent_is_named_as_one() -> None:
    facts = replace(OPENED, subject="@kiosk-7", names=OPENED.names._replace(name_zh=None, name_en=None))

    assert rendered(facts).message["Subject"].startswith("【报修】采集端 kiosk-7：")
    assert rendered(facts, "en").message["Subject"].startswith("[New] agent kiosk-7:")


def test_a_zone_that_nobody_knows_is_no_reason_not_to_tell() -> None:
    odd = rendered(replace(OPENED, names=OPENED.names._replace(time_zone="Mars/Olympus")))
    far = rendered(replace(OPENED, names=OPENED.names._replace(time_zone="Europe/Berlin")))

    assert "2025-11-21 10:00:00 北京时间" in odd.part("plain")
    assert "2025-11-21 03:00:00 UTC+01:00" in far.part("plain")


# --- a conversation --------------------------------------------------------------------------------------------------


def test_a_server_takes_the_letter_as_it_was_made() -> None:
    with smtp_server() as server:
        letter = sent(OPENED, server)

    assert letter.to == [TO]
    assert letter.sender.upper().startswith(f"MAIL FROM:<{SENDER.upper()}>")
    assert letter.message["To"] == TO
    assert letter.message["From"].addresses[0].display_name == "Roundsman 巡检员"
    assert "打印机缺纸" in letter.part("plain")
    assert letter.raw.isascii()


def test_a_password_goes_by_tls_only_and_is_read_when_it_is_used(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path)
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    with smtp_server(context) as server:
        letter = sent(OPENED, server, security="starttls", ca=ca, user=USER, password_file=secret)

        assert (letter.is_tls, letter.user) == (True, USER)

        secret.write_text("wrong")
        with pytest.raises(Retry, match=r"refuses user or password: 535 .*see \[mail\]"):
            sent(OPENED, server, security="starttls", ca=ca, user=USER, password_file=secret)
        with pytest.raises(Retry, match=r"password_file .* cannot be read"):
            sent(OPENED, server, security="starttls", ca=ca, user=USER, password_file=tmp_path / "gone")


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path)
    with smtp_server(context, is_implicit=True) as server:
        assert sent(OPENED, server, security="tls", ca=ca).is_tls


def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with smtp_server(context) as server:
        with pytest.raises(Retry, match="certificate verify failed"):
            sent(OPENED, server, security="starttls")
        assert server.letters == []


def test_starttls_is_never_given_up_for_plain_text() -> None:
    with smtp_server() as server:
        with pytest.raises(Retry, match="STARTTLS"):
            sent(OPENED, server, security="starttls")
        assert server.letters == []


@pytest.mark.parametrize(
    ("verb", "answer", "wanted", "said"),
    [
        ("RCPT", "550 5.1.1 no such user", Reject, "refuses the recipient: 550 5.1.1 no such user"),
        ("RCPT", "450 4.2.1 greylisted", Retry, "refuses the recipient: 450"),
        ("MAIL", "553 not allowed", Reject, "refuses the sender rounds@example.com: 553"),
        ("MAIL", "451 try later", Retry, "refuses the sender rounds@example.com: 451"),
        ("DATA", "554 spam", Reject, "refuses the letter: 554"),
        ("BODY", "552 too large", Reject, "refuses the letter: 552"),
        ("BODY", "452 disk full", Retry, "refuses the letter: 452"),
        ("CONNECT", "554 no service here", Retry, "takes no mail: 554"),
        ("CONNECT", "421 busy", Retry, "takes no mail: 421"),
        ("CONNECT", DROP, Retry, "broke off"),
        ("RCPT", DROP, Retry, "broke off"),
        ("BODY", DROP, Retry, "broke off"),
    ],
)
def test_five_hundreds_are_for_good_and_everything_else_may_pass(
    verb: str, answer: str, wanted: type[Exception], said: str
) -> None:
    with smtp_server() as server:
        server.answers[verb] = answer
        with pytest.raises(wanted, match=said):
            sent(OPENED, server)


def test_nobody_there_is_a_reason_to_try_again() -> None:
    with smtp_server() as server:
        port = server.port
    with pytest.raises(Retry, match=f"127.0.0.1:{port} cannot be reached: "):
        mail.send(rendered_message(), Server(host="127.0.0.1", port=port, security="none", sender=SENDER))
    with pytest.raises(Retry, match=r"address of nowhere\.invalid cannot be found"):
        mail.send(rendered_message(), Server(host="nowhere.invalid", port=25, security="none", sender=SENDER))


def rendered_message() -> mail.EmailMessage:
    return mail.render(OPENED, to=TO, sender=SENDER, language="zh")


@pytest.mark.parametrize("verb", ["CONNECT", "RCPT", "BODY"])
def test_a_server_that_hangs_is_cut_off(verb: str) -> None:
    with smtp_server() as server:
        server.answers[verb] = HANG
        begun = time.monotonic()
        with pytest.raises(Retry, match="broke off"), short_line():
            sent(OPENED, server)

        assert time.monotonic() - begun < 5


def short_line() -> mock._patch:  # type: ignore[type-arg]
    """Lines of half a second instead of half a minute."""

    def brief(host: str, port: int, **more: object) -> object:
        return dial.dialled(host, port, total_s=0.5, **more)  # type: ignore[arg-type]

    return mock.patch.object(mail, "dialled", brief)


def test_what_the_server_took_is_sent_even_if_it_never_says_goodbye() -> None:
    with smtp_server() as server:
        server.answers["QUIT"] = DROP
        sent(OPENED, server)

    assert len(server.letters) == 1
