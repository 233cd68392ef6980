"""What leaves a device with its log, and what does not."""

import time

import pytest

from roundsman_agent.masked import masked


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("tel 13812345678 called", "tel *********** called"),
        ("call 138-1234-5678", "call *************"),
        ("iccid=89860012345678901234", "iccid=********************"),
        ("id 11010519491231002X ok", "id ****************** ok"),
        ("jt808 terminal 013812345678", "jt808 terminal ************"),
        ("车牌 京A12345 进站", "车牌 ******* 进站"),
        ("password=geheim next", "password=*** next"),
        ('{"passwd": "a b c", "x": 1}', '{"passwd": ***, "x": 1}'),
        ("密码:geheim", "密码:***"),
        ("mqtt_password: geheim", "mqtt_password: ***"),
        ("mqtt://me:geheim@host/x", "mqtt://***@host/x"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("using Bearer abcdefghijkl now", "using Bearer *** now"),
        ("snmp said broker-secret-1", "snmp said ***"),
        ("bell \x07 and \x1b[31mred", "bell ? and ?[31mred"),
        ("20261122044516 start", "20261122044516 start"),
        ("at 1795257540000 ms", "at 1795257540000 ms"),
        ("order 1234567890", "order 1234567890"),
        ("打印机缺纸 code=12", "打印机缺纸 code=12"),
    ],
)
def test_people_sim_cards_and_secrets_stay_on_the_device_and_times_do_not(line: str, shown: str) -> None:
    assert masked(line, known=("broker-secret-1", "x")) == shown


def test_a_private_key_is_left_out_even_if_its_end_is_missing() -> None:
    assert masked("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc") == "a\n(private key)"


@pytest.mark.parametrize("evil", ["passwd" * 40_000, "9" * 250_000, "a." * 120_000, "eyJ" * 80_000, "token " * 40_000])
def test_a_log_made_to_hold_us_up_does_not(evil: str) -> None:
    began = time.monotonic()

    masked(evil)

    assert time.monotonic() - began < 5
