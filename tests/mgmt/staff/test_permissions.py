import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from mgmt.staff.permissions import (
    HOUSEHOLD_ROLES,
    PERMISSIONS,
    REGULATOR,
    ROLES,
    Reach,
    permissions_of,
    reach_of,
)


def test_every_role_may_do_something_and_every_permission_is_of_a_role_of_the_table() -> None:
    assert {role for row in PERMISSIONS.values() for role in row} <= set(ROLES)
    assert all(PERMISSIONS.values())
    assert [role for role in ROLES if not permissions_of([role])] == []


def test_a_household_and_a_regulator_reach_what_is_their_own_and_nothing_else() -> None:
    for role in (*HOUSEHOLD_ROLES, REGULATOR):
        assert set(permissions_of([role]).values()) == {Reach.OWN}, role


def test_several_roles_together_have_the_farther_reach() -> None:
    assert reach_of("orders.push", ["regulator", "compliance"]) is Reach.ALL
    assert reach_of("orders.push", ["regulator", "auditor"]) is Reach.OWN
    assert reach_of("orders.push", ["auditor"]) is None


def test_an_unknown_permission_is_an_error() -> None:
    with pytest.raises(KeyError):
        reach_of("everything", ROLES)


def test_the_page_of_the_package_has_the_same_table() -> None:
    page = (Path(__file__).parents[3] / "mgmt/README.md").read_text()

    assert re.findall(r"^\| `([a-z.]+)` \| (.+) \|$", page, re.MULTILINE) == [
        (permission, in_words(row)) for permission, row in PERMISSIONS.items()
    ]


def in_words(row: Mapping[str, Reach]) -> str:
    """The roles of a permission as the page writes them: those that reach all, then those that reach their own."""
    reaches_all, own = ([role for role in row if row[role] is reach] for reach in (Reach.ALL, Reach.OWN))
    return "; ".join([*filter(None, [", ".join(reaches_all)]), *([f"own: {', '.join(own)}"] if own else [])])
