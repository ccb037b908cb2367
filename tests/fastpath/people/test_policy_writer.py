import io

import pytest

from fastpath.people.policy_writer import ProfileSpec, pack_policy


def test_a_closed_interval_that_leaves_the_week_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the week"):
        pack_policy(io.BytesIO(), 1, 0, [ProfileSpec(0, ((10_000, 81),), 0, 0)], [])


def test_a_subscriber_without_a_profile_or_with_two_is_refused() -> None:
    profile = ProfileSpec(0, (), 0, 0)
    with pytest.raises(ValueError, match="does not exist"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 1)])
    with pytest.raises(ValueError, match="occurs twice"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 0), (7, 0)])


def test_hours_that_meet_and_a_name_of_too_many_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="closed hours that meet"):
        pack_policy(io.BytesIO(), 1, 0, [ProfileSpec(0, ((0, 60),), 0, 0, soft=((59, 5, 1),))], [])
    with pytest.raises(ValueError, match="a name of more than 16 labels"):
        pack_policy(io.BytesIO(), 1, 0, [ProfileSpec(0, (), 0, 0, denied=(b"\1a" * 17 + b"\0",))], [])
