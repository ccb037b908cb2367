import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.phone import add_child

from mgmt.web.family.whose import about, named, require_own
from parental.store.database import reading
from parental.store.errors import NoPerson


def test_a_childs_profile_is_the_childs_and_a_lines_own_is_the_lines(engine: Engine) -> None:
    profile = add_child(engine)

    with reading(engine) as conn:
        assert named(conn, profile).name == "Ayesha" and set(about(conn, profile)) == {"child"}
        assert (named(conn, 7).name, named(conn, 7).child, about(conn, 7)) == ("Home 7", None, {"line": 7})


def test_a_profile_of_another_household_or_of_no_one_is_refused(conn: Connection) -> None:
    require_own(conn, 7, 7)
    for account, profile in ((7, 8), (8, 7), (7, 0)):
        with pytest.raises(NoPerson):
            require_own(conn, account, profile)
    with pytest.raises(NoPerson):
        named(conn, 12345)
