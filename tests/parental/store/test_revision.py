from sqlalchemy import Connection

from parental.store.revision import current_revision, mark_revision, raise_revision


def test_numbers_of_each_name_count_up_from_one(household: Connection) -> None:
    assert [raise_revision(household, "x") for _ in range(3)] == [1, 2, 3]
    assert (current_revision(household, "x"), current_revision(household, "y")) == (3, 0)


def test_the_revision_of_a_time_is_the_last_one_that_was_noted_by_then(household: Connection) -> None:
    first = current_revision(household)
    assert mark_revision(household, 100, 0) == 0
    raise_revision(household, "parental")

    assert mark_revision(household, 200, 150) == first
    assert mark_revision(household, 300, 99) == 0
