from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.long_names import fits, has_long_names, with_long_names
from parental.policy.subscriber import Subscriber
from parental.store.database import open_database, writing
from parental.store.engines import Where

LONGEST = ".".join(["a"] * 14 + ["page", "example"])


@pytest.fixture
def conn(database: Where) -> Iterator[Connection]:
    engine = open_database(database)
    with writing(engine) as conn:
        yield conn
    engine.dispose()


def test_a_name_of_sixteen_labels_has_room_and_one_of_seventeen_has_none() -> None:
    assert fits("example") and fits(LONGEST) and not fits("a." + LONGEST)
    assert has_long_names({"example", "a." + LONGEST}) and not has_long_names({"example", LONGEST})


def test_profiles_with_a_name_that_is_too_long_are_found_and_no_others(conn: Connection) -> None:
    for number, names in ((7, {"a." + LONGEST, "b." + LONGEST}), (8, {LONGEST, "x" * 60 + ".example"}), (9, set())):
        store.put_subscriber(conn, Subscriber(number, "home", ()))
        rules = profiles.get_profile(conn, number)
        profiles.put_profile(conn, number, replace(rules, denied=frozenset(names)))

    assert with_long_names(conn) == with_long_names(conn, {7, 8}) == [7]
    assert with_long_names(conn, {8, 9}) == with_long_names(conn, ()) == []
