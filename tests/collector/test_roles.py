"""Roles, rights and scopes: two tables and what they mean."""

from typing import get_args

import pytest

from roundsman_collector.roles import EVERYTHING, NOTHING, OVER_ALL, RIGHTS, ROLE_NAMES, ROLES, Right, Role, Scope, Who


def who(role: Role, scope: Scope = EVERYTHING) -> Who:
    return Who(id="li.na", name="李娜", role=role, scope=scope)


# The law, written out once more: who may do what.
TABLE = {
    "see": {"viewer", "engineer", "storekeeper", "dispatcher", "manager", "administrator"},
    "act": {"engineer", "dispatcher", "manager", "administrator"},
    "round": {"engineer", "dispatcher", "manager", "administrator"},
    "command": {"dispatcher", "manager", "administrator"},
    "stock": {"storekeeper", "manager", "administrator"},
    "overrule": {"manager", "administrator"},
    "configure": {"administrator"},
    "place": {"dispatcher", "manager", "administrator"},
    "tell": {"dispatcher", "manager", "administrator"},
    "system": {"administrator"},
    "people": {"administrator"},
}


@pytest.mark.parametrize("right", get_args(Right))
@pytest.mark.parametrize("role", get_args(Role))
def test_a_role_gives_its_rights_and_no_more(role: Role, right: Right) -> None:
    assert who(role).may(right) == (role in TABLE[right])


def test_every_right_and_role_has_a_name_in_both_languages() -> None:
    assert set(RIGHTS) == set(get_args(Right)) == set(TABLE)
    assert set(ROLES) == set(ROLE_NAMES) == set(get_args(Role))
    assert all(chinese and english for chinese, english in [*RIGHTS.values(), *ROLE_NAMES.values()])


@pytest.mark.parametrize("right", get_args(Right))
def test_who_does_not_reach_everything_cannot_use_what_goes_beyond_a_scope(right: Right) -> None:
    narrow = who("administrator", Scope(groups=frozenset({"south"})))

    assert narrow.may(right) == (right not in OVER_ALL)


@pytest.mark.parametrize(
    ("scope", "group", "customer", "is_held"),
    [
        (EVERYTHING, None, None, True),
        (NOTHING, "south", "metro", False),
        (Scope(groups=frozenset({"south"})), "south", None, True),
        (Scope(groups=frozenset({"south"})), "north", "metro", False),
        (Scope(customers=frozenset({"metro"})), "north", "metro", True),
        (Scope(customers=frozenset({"metro"})), "metro", None, False),
    ],
)
def test_a_scope_holds_what_it_names(scope: Scope, group: str | None, customer: str | None, is_held: bool) -> None:
    assert scope.holds(group, customer) == is_held
