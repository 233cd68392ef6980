"""The Chinese of the pages: all of it there, none of it stale, the same places for values, the words of the trade."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from roundsman_collector.web import extract
from roundsman_collector.web.words import CHINESE_FILE, TABLES, words_of

PLACE = re.compile(r"%\((\w+)\)")


def entries() -> list[Message]:
    with CHINESE_FILE.open("rb") as opened:
        return [entry for entry in read_po(opened, locale="zh_CN") if entry.id]


def texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple | list) else [str(value)]


def test_the_file_is_what_the_code_says() -> None:
    assert extract.main(["--check"]) == 0, "run `make words`, write the Chinese, and commit the file"


def test_every_text_has_its_chinese_and_nobody_is_unsure_of_it() -> None:
    assert [entry.id for entry in entries() if not all(texts(entry.string))] == []
    assert [entry.id for entry in entries() if entry.fuzzy] == []


def test_both_languages_have_the_same_places_for_values() -> None:
    assert [
        entry.id
        for entry in entries()
        for chinese in texts(entry.string)
        if set(PLACE.findall(chinese)) != set(PLACE.findall(texts(entry.id)[-1]))
    ] == []


def test_a_literal_percent_sign_is_doubled_where_a_text_is_filled() -> None:
    for entry in entries():
        for text in [*texts(entry.id), *texts(entry.string)]:
            assert isinstance(text % dict.fromkeys(PLACE.findall(text), "x"), str), text


@pytest.mark.parametrize(
    ("table", "key", "chinese"),
    [
        ("state", "normal", "正常"),
        ("state", "warning", "告警"),
        ("state", "fault", "故障"),
        ("state", "offline", "离线"),
        ("state", "maintenance", "维护"),
        ("state", "unknown", "未知"),
        ("verb", "acknowledge", "受理"),
        ("verb", "resolve", "恢复"),
    ],
)
def test_the_words_of_the_trade_are_the_ones_that_people_use(table: str, key: str, chinese: str) -> None:
    assert words_of("zh").gettext(TABLES[table][key]) == chinese


def test_every_word_of_the_tables_has_its_chinese() -> None:
    chinese = words_of("zh")

    missing = [
        word
        for table in TABLES.values()
        for word in table.values()
        if chinese.gettext(word) == word and word not in ("UPS",)
    ]

    assert missing == []


def test_english_is_what_stands_in_the_code_and_knows_one_from_many() -> None:
    english = words_of("en")

    assert english.gettext("Open the page again") == "Open the page again"
    assert [english.ngettext("one", "many", number) for number in (0, 1, 2)] == ["many", "one", "many"]


def test_new_words_come_without_chinese_and_old_ones_go(tmp_path: Path) -> None:
    before = CHINESE_FILE.read_bytes() + '\nmsgid "Nobody says this"\nmsgstr "没人这样说"\n'.encode()

    after = extract.merged(before)

    assert after == CHINESE_FILE.read_bytes()
    assert b'msgid "Devices"\nmsgstr ""' in extract.merged(b"")
