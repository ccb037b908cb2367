import io

import pytest

from fastpath.images import key_builder, names_builder, policy_writer
from fastpath.images.policy_writer import ProfileSpec, pack_policy


def test_builders_are_known_by_the_name_of_the_writers_module() -> None:
    assert (policy_writer.NamesBuilder, policy_writer.ListSpec) == (names_builder.NamesBuilder, key_builder.ListSpec)


def test_a_closed_interval_that_leaves_the_week_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the week"):
        pack_policy(io.BytesIO(), 1, 0, [ProfileSpec(0, ((10_000, 81),), 0, 0)], [])


def test_a_subscriber_without_a_profile_or_with_two_is_refused() -> None:
    profile = ProfileSpec(0, (), 0, 0)
    with pytest.raises(ValueError, match="does not exist"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 1)])
    with pytest.raises(ValueError, match="occurs twice"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 0), (7, 0)])
