"""Payloads: folded, split, never larger than the contract allows."""

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from roundsman_agent.batch import payloads, report
from roundsman_agent.birth import compose
from roundsman_agent.config import Config
from roundsman_wire.codec import birth_hash, rows, unpack
from roundsman_wire.report import MESSAGE_LIMIT, RECORDS_LIMIT, Record, Report
from tests.agent.cast import START, config, device, later, sample

ENVELOPE = {"v": 1, "stream": "s", "birth": "9a41c2", "sent": {"boot": "b41e", "mono": 1, "wall": 2}}


def records(count: int, size: int = 10, *, first: int = 1, name: str = "kiosk-7") -> list[Record]:
    made = [{"n": first + i, **sample(name, at=later(i), word=f"{i:x>{size}}")} for i in range(count)]
    return cast(list[Record], made)


def unpacked(payload: bytes) -> list[Record]:
    return rows(cast(Report, json.loads(unpack(payload))))


def test_two_samples_that_fold_become_columns_and_one_alone_stays_a_row() -> None:
    mixed = [*records(3), *records(1, first=4, name="nvr-2")]

    body = report(mixed, ENVELOPE)

    assert [block["n"] for block in body["columns"]] == [[1, 3]]
    assert [row["n"] for row in body["records"]] == [4]
    assert rows(cast(Report, body)) == mixed


def test_a_hole_in_the_numbers_ends_a_fold() -> None:
    body = report([*records(2), *records(2, first=9)], ENVELOPE)

    assert [block["n"] for block in body["columns"]] == [[1, 2], [9, 10]]


@pytest.mark.parametrize("compress", [False, True])
def test_whatever_does_not_fit_one_message_is_split_and_nothing_is_missing(compress: bool) -> None:
    many = records(RECORDS_LIMIT + 500, 200)

    made, too_large = payloads(many, envelope=ENVELOPE, compress=compress)

    assert too_large == []
    assert [record for _, payload in made for record in unpacked(payload)] == many
    assert [record for some, _ in made for record in some] == many
    assert max(len(payload) for _, payload in made) < MESSAGE_LIMIT
    assert all(len(some) <= RECORDS_LIMIT for some, _ in made)


def test_a_record_that_is_too_large_alone_goes_deflated() -> None:
    big = cast(list[Record], [{"n": 1, **sample(**{f"channel[{i:0>100}].online": "y" * 100 for i in range(900)})}])

    made, too_large = payloads(big, envelope=ENVELOPE)

    assert too_large == []
    assert made[0][1][0] == 1
    assert unpacked(made[0][1]) == big


def test_a_record_that_fits_nowhere_is_named() -> None:
    import random

    noise = random.Random(3)
    big = cast(list[Record], [{"n": 1, **sample(**{f"{noise.random()}": noise.random() for _ in range(9000)})}])

    assert payloads(big, envelope=ENVELOPE) == ([], big)


def born(some: Config, gone: Sequence[tuple[int, int]] = ()) -> tuple[str, list[dict[str, Any]], list[int]]:
    pages = compose(
        some, stream="s", oldest=4, newest=9, gone=gone, session=7, versions={"agent": "1"}, platform="linux", now=START
    )
    return pages.hash, [json.loads(payload) for payload in pages.payloads], [len(p) for p in pages.payloads]


def test_a_birth_names_what_is_gone_from_between_oldest_and_newest() -> None:
    _, (page,), _ = born(config("/data", device("kiosk-7", "host")), [(5, 7)])

    assert page["streams"] == [{"id": "s", "oldest": 4, "newest": 9, "gone": [[5, 7]]}]


def test_a_birth_says_who_what_and_how_far() -> None:
    name, (page,), _ = born(config("/data", device("kiosk-7", "host")))

    assert page["hash"] == name == birth_hash(page["devices"], page["config_hash"])
    assert page["streams"] == [{"id": "s", "oldest": 4, "newest": 9}]
    assert page["devices"] == [
        {"device": "kiosk-7", "kind": "kiosk", "period_s": 60, "valid_s": 90.0, "arrive_by_s": 180}
    ]
    assert (page["session"], page["page"], page["pages"], page["probes"]) == (7, 1, 1, ["host"])


def test_a_birth_that_is_too_large_has_pages_with_one_hash_over_all() -> None:
    name, pages, sizes = born(config("/data", *(device(f"camera-{i:0>50}") for i in range(2000))))

    together = [one for page in pages for one in page["devices"]]
    assert len(pages) > 1
    assert max(sizes) < MESSAGE_LIMIT
    assert {(page["hash"], page["pages"]) for page in pages} == {(name, len(pages))}
    assert name == birth_hash(together, "c0ffee123456")
    assert len(together) == 2000
