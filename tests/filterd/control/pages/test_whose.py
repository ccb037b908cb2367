from sqlalchemy import Engine

from filterd.control.pages.whose import HouseholdProfile, whose
from parental.people import children
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import writing


def test_a_profile_is_a_lines_or_a_childs_or_no_ones(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        child = children.add_child(conn, 7, {"nickname": "Ayesha"}, Profile())

        assert whose(conn, 7) == HouseholdProfile(7, 7, None) and HouseholdProfile(7, 7, None).about() == {"line": 7}
        assert whose(conn, child.profile) == HouseholdProfile(child.profile, 7, child.id)
        assert HouseholdProfile(child.profile, 7, child.id).about() == {"child": child.id}
        assert whose(conn, None) is None and whose(conn, 99) is None
