"""Each tier in one sentence of both languages."""

from itertools import product

import pytest

from fastpath.images.decision import Decision
from fastpath.images.verdict import Action, Reason, Tier
from filterd.images.explain.sentences import sentences

LOCKS = (Reason.PAUSE, Reason.QUOTA, Reason.SCHEDULE, Reason.SOFT_LOCK)
TIERS = [(tier, Reason.DEFAULT) for tier in Tier if tier is not Tier.LOCK] + [(Tier.LOCK, reason) for reason in LOCKS]


def decision(tier: Tier, reason: Reason, action: Action = Action.SPLASH) -> Decision:
    return Decision(action, reason, tier, 65, "some-list", "a.example", None, 4711, 7, (), None)


@pytest.mark.parametrize(("tier", "reason"), TIERS)
def test_a_tier_has_a_sentence_of_its_own_in_both_languages_which_names_no_list(tier: Tier, reason: Reason) -> None:
    said = sentences(decision(tier, reason))

    assert set(said) == {"en", "ur"}
    assert all(sentence.endswith(end) for sentence, end in zip(said.values(), ".۔", strict=True))
    others = [sentences(decision(*other)) for other in TIERS if other != (tier, reason)]
    assert said not in others
    assert not any(word in sentence for word, sentence in product(("some-list", "4711", "{"), said.values()))


def test_a_household_is_told_its_own_name_and_a_service_by_its_own() -> None:
    assert sentences(decision(Tier.DENIED, Reason.HOUSEHOLD))["en"] == (
        "Closed: the family keeps \u2068a.example\u2069 closed."
    )
    assert "ٹک ٹاک" in sentences(decision(Tier.SERVICE, Reason.CATEGORY))["ur"]


def test_an_exception_of_a_security_list_is_no_block() -> None:
    opened = sentences(decision(Tier.SECURITY, Reason.SECURITY, Action.PASSTHRU))
    assert opened["en"] == "A list of the operator excepts it."
