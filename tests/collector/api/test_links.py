"""Customers' links at the door: one answer to whatever is no good, and who guesses waits."""

import pytest

from roundsman_collector.api import links
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import Problem
from roundsman_collector.store import Deed, View
from tests.collector.api import world

HOME, AWAY = "192.0.2.7", "198.51.100.9"


@pytest.fixture
def desk(view: View) -> Desk:
    return world.desk(view)


def key_of(desk: Desk) -> str:
    link, _ = links.made(desk, Deed(who="li", at_ms=world.NOW), "agree", "task:12", "/agree/", for_whom="钱女士")
    assert link.startswith(f"http://127.0.0.1:{desk.port}/agree/")
    return link.rpartition("/")[2]


def refusal(wanted: object) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        wanted()  # type: ignore[operator]
    return refused.value.status, refused.value.code


def test_a_link_opens_until_it_is_spent_and_its_holder_hears_of_it_afterwards(desk: Desk) -> None:
    key = key_of(desk)

    opened = links.opened(desk, "agree", key, HOME)
    spent = links.spent(desk, "agree", key, HOME)

    assert (opened.subject, opened.for_whom) == ("task:12", "钱女士")
    assert spent.used_ms == world.NOW
    assert links.held(desk, "agree", key, HOME) == spent
    assert refusal(lambda: links.opened(desk, "agree", key, HOME)) == (404, "no_link")
    assert refusal(lambda: links.spent(desk, "agree", key, HOME)) == (404, "no_link")


def test_who_guesses_waits_and_nobody_else_does(desk: Desk) -> None:
    key = key_of(desk)
    for guess in range(desk.links.most):
        assert refusal(lambda guess=guess: links.opened(desk, "agree", f"guess-{guess}", HOME)) == (404, "no_link")

    assert refusal(lambda: links.opened(desk, "agree", key, HOME)) == (429, "too_many_tries")
    assert refusal(lambda: links.spent(desk, "agree", key, HOME)) == (429, "too_many_tries")
    assert links.opened(desk, "agree", key, AWAY).subject == "task:12"
    assert [one.verb for one in desk.view.audit(limit=500)].count("link.refused") == desk.links.most
