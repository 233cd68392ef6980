"""Customers' links in the database: each works once, whoever tries, and no key is kept or logged."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roundsman_collector.store import Deed, LinkRow, Office, Store, View
from roundsman_collector.store.people import hash_of
from roundsman_collector.store.sql import run
from tests.collector.store.cast import TODAY

NOW = TODAY + 3_600_000
LATER = NOW + 1000
EXPIRES = NOW + 30 * 86_400_000
LI = Deed(who="li", at_ms=NOW, address="192.0.2.7")
CUSTOMER = Deed(who="a customer", at_ms=LATER, address="198.51.100.3")


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        yield opened


def made(office: Office, subject: str = "task:12") -> tuple[LinkRow, str]:
    return office.make_link("agree", subject, for_whom="钱女士", expires_ms=EXPIRES, deed=LI)


def told(view: View) -> list[tuple[str, str, str]]:
    return [(one.who, one.verb, one.subject) for one in reversed(view.audit()) if one.verb.startswith("link.")]


def test_a_key_leads_to_what_the_link_was_made_for(office: Office, view: View) -> None:
    row, key = made(office)

    assert view.good_link("agree", key, LATER) == row
    assert (row.purpose, row.subject, row.for_whom, row.made_by, row.used_ms) == (
        "agree",
        "task:12",
        "钱女士",
        "li",
        None,
    )
    assert row.is_good(LATER) and not row.is_good(EXPIRES)


def test_a_link_works_once(office: Office, view: View) -> None:
    row, key = made(office)

    first, second = (office.use_link("agree", key, deed=CUSTOMER) for _ in range(2))

    assert first == row._replace(used_ms=LATER)
    assert second is None
    assert view.good_link("agree", key, LATER) is None
    assert view.known_link("agree", key) == first


def test_of_many_who_use_it_at_once_one_does(office: Office) -> None:
    _, key = made(office)

    with ThreadPoolExecutor(4) as pool:
        used = list(pool.map(lambda _: office.use_link("agree", key, deed=CUSTOMER), range(8)))

    assert sum(one is not None for one in used) == 1


@pytest.mark.parametrize("wrong", ["", "nonsense", "x" * 5000, "\ud800", "钥匙"])
def test_what_is_no_key_leads_nowhere(office: Office, view: View, wrong: str) -> None:
    made(office)

    assert view.good_link("agree", wrong, LATER) is None
    assert office.use_link("agree", wrong, deed=CUSTOMER) is None
    assert told(view)[-1] == ("a customer", "link.refused", "link")


def test_a_key_is_good_for_its_purpose_alone_and_until_it_expires(office: Office, view: View) -> None:
    _, key = made(office)

    assert view.good_link("confirm", key, LATER) is None
    assert view.good_link("agree", key, EXPIRES - 1) is not None
    assert view.good_link("agree", key, EXPIRES) is None


def test_the_newest_link_of_a_subject_alone_is_good(office: Office, view: View) -> None:
    _, old = made(office)
    _, other = made(office, "task:13")
    row, new = made(office)

    assert [view.good_link("agree", key, LATER) is not None for key in (old, other, new)] == [False, True, True]
    assert [one.id for one in view.links_of("agree", "task:12")] == [row.id, 1]
    assert office.end_links("agree", "task:12", deed=CUSTOMER) == 1
    assert view.good_link("agree", new, LATER) is None


def test_every_try_is_in_the_audit_log_and_no_key_is(office: Office, view: View, store: Store) -> None:
    row, key = made(office)

    office.use_link("agree", key, deed=CUSTOMER)
    office.use_link("agree", key, deed=CUSTOMER)
    office.link_refused("agree", "guessed", deed=CUSTOMER)

    assert told(view) == [
        ("li", "link.make", row.author),
        ("a customer", "link.use", row.author),
        ("a customer", "link.refused", row.author),
        ("a customer", "link.refused", "link"),
    ]
    assert key not in str(view.audit())
    with store._read.connect() as connection:
        kept = [str(one) for one in run(connection, "SELECT * FROM customer_link")]
    assert key not in str(kept) and hash_of(key) in str(kept)
