"""Which step comes next: for each state the likeliest first, what is lacking before what follows it."""

import pytest

from roundsman_collector.api.ticket_steps import SHAPES
from roundsman_collector.core.lifecycle import STATES, STEPS, Standing, offered
from roundsman_collector.web.next_step import likeliest
from roundsman_collector.web.step_forms import FORMS
from roundsman_collector.web.words import VERBS

BOTH = frozenset({"customer", "service"})


@pytest.mark.parametrize(
    ("standing", "first"),
    [
        (Standing(state="open"), "acknowledge"),
        (Standing(state="open", acknowledged_ms=1), "plan"),
        (Standing(state="planned", acknowledged_ms=1), "dispatch"),
        (Standing(state="dispatched"), "depart"),
        (Standing(state="dispatched", waiting="customer_absent"), "resume"),
        (Standing(state="departed"), "arrive"),
        (Standing(state="on_site", visits=1), "fix"),
        (Standing(state="fixed", visits=1), "sign"),
        (Standing(state="verified", visits=1, signed=frozenset({"customer"})), "sign"),
        (Standing(state="verified", visits=1, signed=BOTH), "confirm"),
        (Standing(state="confirmed", visits=1, signed=BOTH), "report"),
        (Standing(state="confirmed", visits=1, signed=BOTH, is_reported=True), "follow_up"),
        (Standing(state="followed_up", visits=1, signed=BOTH, is_reported=True, is_followed_up=True), "close"),
        (Standing(state="resolved", ending="phone"), "follow_up"),
        (Standing(state="resolved", ending="by_itself"), "close"),
        (Standing(state="closed"), "note"),
    ],
)
def test_the_likeliest_step_comes_first(standing: Standing, first: str) -> None:
    assert likeliest(standing, offered(standing.state))[0] == first


@pytest.mark.parametrize("state", STATES)
def test_every_step_that_a_state_offers_can_be_reached_but_for_answers_to_what_was_not_asked(state: str) -> None:
    unasked = {"resume", "bring_back", "loan_back"}

    order = likeliest(Standing(state=state), offered(state))

    assert set(order) == set(offered(state)) - unasked
    assert len(order) == len(set(order))


def test_what_was_taken_away_or_lent_can_be_brought_back() -> None:
    standing = Standing(state="on_site", taken_away=frozenset({"printer"}), loans=frozenset({7}))

    assert {"bring_back", "loan_back"} <= set(likeliest(standing, offered("on_site")))


def test_what_is_seldom_right_stands_last() -> None:
    assert likeliest(Standing(state="open"), offered("open"))[-3:] == ("transfer", "override", "void")


def test_what_only_some_service_levels_ask_for_comes_first_where_they_do_until_it_is_done() -> None:
    replied = Standing(state="acknowledged", acknowledged_ms=1)
    looked_into = Standing(state="acknowledged", acknowledged_ms=1, is_examined=True)
    followed_up = Standing(state="followed_up", visits=1, signed=BOTH, is_reported=True, is_followed_up=True)

    assert likeliest(replied, offered("acknowledged"))[0] == "plan"
    assert likeliest(replied, offered("acknowledged"), {"examine", "review"})[0] == "examine"
    assert likeliest(looked_into, offered("acknowledged"), {"examine", "review"})[0] == "plan"
    assert likeliest(followed_up, offered("followed_up"), {"examine", "review"})[0] == "review"


def test_every_step_that_people_take_has_a_form() -> None:
    assert {verb for state in STATES for verb in offered(state)} == set(FORMS)


ASKED_AS_ONE = {"spare": {"item", "location"}, "place": {"lat", "lon", "accuracy_m"}, "text": set(), "kind": set()}


@pytest.mark.parametrize("verb", FORMS)
def test_a_form_asks_for_what_its_step_may_say_and_for_nothing_else(verb: str) -> None:
    asked = {name for one in FORMS[verb] for name in ASKED_AS_ONE.get(one.name, {one.name})}

    assert asked == set(SHAPES[verb].model_fields if verb in SHAPES else ())


def test_every_line_of_a_log_has_its_word() -> None:
    assert set(VERBS) == set(STEPS)
