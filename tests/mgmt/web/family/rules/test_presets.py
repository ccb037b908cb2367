from itertools import pairwise

from mgmt.web.family.rules.presets import PRESETS, ages_of, preset_of
from parental.policy.profile import SAFE_SEARCH, Profile
from rules.base.category import CATEGORIES


def test_an_older_age_closes_no_more_than_a_younger_one() -> None:
    for younger, older in pairwise(PRESETS.values()):
        assert older.closed <= younger.closed
        for each in ("safe_search", "youtube"):
            assert SAFE_SEARCH.index(getattr(older, each)) <= SAFE_SEARCH.index(getattr(younger, each))


def test_a_preset_closes_kinds_that_exist_and_no_learning_and_no_packets() -> None:
    for preset in PRESETS.values():
        assert preset.closed <= CATEGORIES.keys() - {"education", "quic", "undecidable", "video", "music"}


def test_services_own_names_and_packets_stay_as_they_are() -> None:
    before = Profile(frozenset({"tiktok", "quic", "music"}), allowed=frozenset({"a.example"}), canaries=True)
    after = PRESETS["10-12"].applied(before)

    assert {"tiktok", "quic"} <= after.blocked_categories and "music" not in after.blocked_categories
    assert after.allowed == before.allowed and after.canaries and after.safe_search == "strict"


def test_a_preset_that_is_added_opens_nothing_of_what_was_closed() -> None:
    strict = Profile(frozenset({"music", "social", "tiktok"}), safe_search="strict", youtube="strict")
    after, teen = PRESETS["16-17"].added(strict), PRESETS["16-17"]

    assert after.blocked_categories == strict.blocked_categories | teen.closed
    assert (after.safe_search, after.youtube) == ("strict", "strict")
    assert all(preset.added(Profile()) == preset.applied(Profile()) for preset in PRESETS.values())


def test_the_preset_that_holds_is_found_and_a_familys_own_rules_are_none() -> None:
    for ages, preset in PRESETS.items():
        assert preset_of(preset.applied(Profile())) == ages
    assert preset_of(Profile()) is None
    assert preset_of(Profile(frozenset({"games"}))) is None


def test_each_age_of_a_child_has_its_ages_and_an_adult_has_none() -> None:
    assert [ages_of(age) for age in (-1, 0, 6, 7, 12, 15, 17, 18)] == [
        *("0-6", "0-6", "0-6", "7-9", "10-12", "13-15", "16-17", None),
    ]
