from parental.policy.per_profile import SHARED, PerProfile
from parental.policy.profile import Profile


def test_it_is_made_once_for_one_object_and_again_for_another() -> None:
    made: list[Profile] = []

    def make(profile: Profile) -> int:
        made.append(profile)
        return len(made)

    of = PerProfile(make)
    first, second = Profile(), Profile()

    assert [of(first), of(first), of(second), of(first)] == [1, 1, 2, 1]


def test_it_remembers_no_more_than_some_profiles() -> None:
    of = PerProfile(lambda profile: profile.paused_until_s)

    assert [of(Profile(paused_until_s=number)) for number in range(3 * SHARED)] == [*range(3 * SHARED)]
    assert len(of._made) <= SHARED
