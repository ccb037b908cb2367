"""What the locks of an instant leave open, as control asks it; tests/parental/test_precedence.py has every tier."""

import pytest
from support.images.opened import Images

from fastpath.images.tables import TableSet
from fastpath.people.left_open import behind_s, left_open
from fastpath.people.policy_writer import ProfileSpec

DAY_S, HOUR = 86_400, 60
MONDAY_S = 4 * DAY_S  # 1970-01-05
OPEN = 1 << 3 | 1 << 70
HOURS = ProfileSpec(0, ((20 * HOUR, 60),), 0, 0, soft=((16 * HOUR, 60, OPEN),))


def tables_of(images: Images, behind: int = 0) -> TableSet:
    who = images.subscribers([("192.0.2.1", 7), ("2001:db8::/64", 7), ("192.0.2.2", 8)])
    return TableSet(subscribers=who, policy=images.policy([(7, HOURS)]), behind_s=behind)


@pytest.mark.parametrize(("hour", "left"), [(15, None), (16, OPEN), (17, None), (20, 0), (21, None)])
def test_soft_hours_leave_their_categories_and_full_ones_nothing(images: Images, hour: int, left: int | None) -> None:
    tables, now_s = tables_of(images), MONDAY_S + hour * 3600

    assert [left_open(tables, address, now_s) for address in ("192.0.2.1", "2001:db8::5")] == [left, left]


@pytest.mark.parametrize("address", ["192.0.2.2", "198.51.100.1", "2001:db8:1::1"])
def test_who_has_no_hours_and_who_is_not_known_has_no_lock(images: Images, address: str) -> None:
    assert left_open(tables_of(images), address, MONDAY_S + 20 * 3600) is None


@pytest.mark.parametrize(("hour", "left"), [(16, 0), (12, OPEN), (20, 0), (13, None)])
def test_where_the_clock_was_set_back_either_time_closes(images: Images, hour: int, left: int | None) -> None:
    tables = tables_of(images, 4 * 3600)

    assert (left_open(tables, "192.0.2.1", MONDAY_S + hour * 3600), behind_s(tables)) == (left, 4 * 3600)
    assert behind_s(tables.public()) == 4 * 3600
