from ipaddress import IPv4Address, IPv6Address

import pytest

from dns.base.extended_errors import NO_EDE
from dns.front.answers import AnswerPolicy, Splash
from dns.front.structured import StructuredErrors
from fastpath.images.verdict import Action, Reason

SPLASH = Splash(IPv4Address("192.0.2.80"), IPv6Address("2001:db8::80"))
POLICE = Splash(IPv4Address("192.0.2.81"))


@pytest.mark.parametrize(
    ("reason", "ede"),
    [
        (Reason.CSAM, 16),
        (Reason.ORDER, 16),
        (Reason.PAUSE, 17),
        (Reason.SCHEDULE, 17),
        (Reason.QUOTA, 17),
        (Reason.SOFT_LOCK, 17),
        (Reason.HOUSEHOLD, 17),
        (Reason.CATEGORY, 17),
        (Reason.SECURITY, 15),
        (Reason.DEFAULT, NO_EDE),
        (Reason.HELP, NO_EDE),
    ],
)
def test_each_reason_has_its_extended_error(reason: Reason, ede: int) -> None:
    assert AnswerPolicy().specs()[reason].ede == ede


def test_there_is_one_spec_a_reason_and_locks_live_shorter() -> None:
    specs = AnswerPolicy(ttl_s=30, lock_ttl_s=5).specs()

    locks = (Reason.PAUSE, Reason.SCHEDULE, Reason.QUOTA, Reason.SOFT_LOCK)
    assert [spec.ttl_s for spec in specs] == [5 if reason in locks else 30 for reason in Reason]


@pytest.mark.parametrize("order_action", [Action.SPLASH, Action.NXDOMAIN, Action.NODATA, Action.REFUSED])
def test_csam_is_answered_exactly_as_an_order_is(order_action: Action) -> None:
    policy = AnswerPolicy(SPLASH, {Reason.ORDER: POLICE, Reason.CSAM: SPLASH}, order_action=order_action)

    csam, order = policy.specs()[Reason.CSAM], policy.specs()[Reason.ORDER]

    assert csam.action == order_action
    assert csam._replace(action=Action.NO_ACTION) == order


@pytest.mark.parametrize("structured", [None, StructuredErrors("Example ISP", "help@isp.example")])
def test_csam_says_exactly_what_an_order_says(structured: StructuredErrors | None) -> None:
    specs = AnswerPolicy(SPLASH, structured=structured).specs()

    assert specs[Reason.CSAM].text == specs[Reason.ORDER].text
    assert bool(specs[Reason.ORDER].text) == (structured is not None)


def test_other_reasons_leave_the_action_to_the_list() -> None:
    specs = AnswerPolicy().specs()

    assert {specs[reason].action for reason in Reason if reason != Reason.CSAM} == {Action.NO_ACTION}


def test_a_reason_can_have_a_splash_of_its_own() -> None:
    specs = AnswerPolicy(SPLASH, {Reason.ORDER: POLICE}).specs()

    assert (specs[Reason.ORDER].splash4, specs[Reason.ORDER].splash6) == (IPv4Address("192.0.2.81").packed, b"")
    assert specs[Reason.CATEGORY].splash6 == IPv6Address("2001:db8::80").packed


@pytest.mark.parametrize("wrong", [{"ttl_s": 61}, {"ttl_s": -1}, {"lock_ttl_s": 11}])
def test_a_time_to_live_beyond_the_semantics_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="block answers live 0 to"):
        AnswerPolicy(**wrong)  # type: ignore[arg-type]  # the table has times to live alone


@pytest.mark.parametrize("action", [Action.PASSTHRU, Action.DROP, Action.TCP_ONLY, Action.NO_ACTION])
def test_an_order_action_that_gives_no_answer_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="gives no answer"):
        AnswerPolicy(order_action=action)
