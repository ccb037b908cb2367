from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.images.opened import Entry, Images

from fastpath.images.decision import Decision
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Reason, Tier
from fastpath.people.policy_writer import ProfileSpec
from fastpath.wire.name import to_wire

KARACHI_S = 5 * 3600
NOON = int(datetime(2026, 11, 25, 12, 0, tzinfo=ZoneInfo("Asia/Karachi")).timestamp())  # a Wednesday
CHILD = "192.0.2.1"
MINUTE_OF_WEDNESDAY_NOON = 2 * 1440 + 720


def open_profile(**changes: Any) -> ProfileSpec:
    return ProfileSpec(0, (), 0, KARACHI_S)._replace(**changes)


def decide(
    images: Images,
    name: str,
    entries: Iterable[Entry],
    profile: ProfileSpec | None = None,
    now_s: int = NOON,
) -> Decision:
    profile = profile or open_profile()
    tables = TableSet(
        images.names(entries), None, images.subscribers([(CHILD, 7)]), None, images.policy([(7, profile)]), None
    )
    return tables.decide(to_wire(name.encode()), CHILD, now_s)


def test_a_name_that_no_list_holds_is_let_go(images: Images) -> None:
    decision = decide(images, "free.test", [("orders", "other.test", Mode.SUBTREE)])

    assert (decision.action, decision.reason, decision.tier) == (Action.PASSTHRU, Reason.DEFAULT, Tier.DEFAULT)
    assert (decision.list, decision.rule, decision.subscriber) == (None, None, 7)


@pytest.mark.parametrize(
    ("higher", "lower"),
    [
        ("csam", "orders"),
        ("orders", "help"),
        ("orders", "adult"),
        ("orders", "malware"),
        ("csam", "malware"),
        ("help", "adult"),
        ("help", "malware"),
        ("adult", "malware"),
    ],
)
def test_the_higher_tier_decides(images: Images, higher: str, lower: str) -> None:
    entries = [(lower, "both.test", Mode.SUBTREE), (higher, "both.test", Mode.SUBTREE)]

    assert decide(images, "both.test", entries, open_profile(categories=1 << 1)).list == higher


def test_a_category_counts_only_for_a_profile_that_blocks_it(images: Images) -> None:
    entries = [("games", "play.test", Mode.SUBTREE)]

    assert decide(images, "play.test", entries, open_profile(categories=1 << 70)).reason is Reason.CATEGORY
    assert decide(images, "play.test", entries, open_profile(categories=1 << 71 | 1 << 6)).action is Action.PASSTHRU
    assert decide(images, "play.test", entries, open_profile(categories=1 << 70)).category == 70


def test_a_category_that_nobody_blocks_is_still_recorded_as_matched(images: Images) -> None:
    assert decide(images, "play.test", [("games", "play.test", Mode.SUBTREE)]).matched == ("games",)


def test_of_two_lists_of_one_tier_the_first_configured_is_the_cause_and_both_are_recorded(images: Images) -> None:
    entries = [("orders-two", "both.test", Mode.SUBTREE), ("orders", "both.test", Mode.SUBTREE)]

    decision = decide(images, "both.test", entries)

    assert decision.list == "orders"
    assert decision.matched == ("orders", "orders-two")


def test_an_exception_silences_its_own_list_only(images: Images) -> None:
    entries: list[Entry] = [("orders", "a.test", Mode.SUBTREE), ("orders", "ok.a.test", Mode.SUBTREE, Action.PASSTHRU)]

    assert decide(images, "ok.a.test", entries).action is Action.PASSTHRU
    assert decide(images, "a.test", entries).action is Action.SPLASH
    assert decide(images, "ok.a.test", [*entries, ("orders-two", "a.test", Mode.SUBTREE)]).list == "orders-two"


def test_passthru_ends_matching_for_later_security_lists(images: Images) -> None:
    entries: list[Entry] = [("allowed", "ok.test", Mode.SUBTREE, Action.PASSTHRU), ("malware", "ok.test", Mode.SUBTREE)]

    assert decide(images, "ok.test", entries).action is Action.PASSTHRU


def test_inside_a_list_the_exact_entry_beats_the_subtree_of_the_same_name(images: Images) -> None:
    entries = [("malware", "d.test", Mode.SUBTREE, Action.NODATA), ("malware", "d.test", Mode.EXACT, Action.REFUSED)]

    assert decide(images, "d.test", entries).action is Action.REFUSED
    assert decide(images, "www.d.test", entries).action is Action.NODATA


def test_a_paused_subscriber_is_locked_until_the_instant_and_not_after(images: Images) -> None:
    profile = open_profile(paused_until=NOON + 60)

    assert decide(images, "any.test", [], profile, NOON + 59).reason is Reason.PAUSE
    assert decide(images, "any.test", [], profile, NOON + 60).action is Action.PASSTHRU


def test_a_schedule_locks_from_second_zero_of_its_first_minute_to_its_last(images: Images) -> None:
    profile = open_profile(closed=((MINUTE_OF_WEDNESDAY_NOON, 2),))

    assert decide(images, "any.test", [], profile, NOON - 1).action is Action.PASSTHRU
    assert decide(images, "any.test", [], profile, NOON).reason is Reason.SCHEDULE
    assert decide(images, "any.test", [], profile, NOON + 119).reason is Reason.SCHEDULE
    assert decide(images, "any.test", [], profile, NOON + 120).action is Action.PASSTHRU


def test_the_zone_offset_changes_at_its_instant(images: Images) -> None:
    profile = open_profile(
        closed=((MINUTE_OF_WEDNESDAY_NOON, 60),), next_offset_at=NOON + 600, next_utc_offset_s=KARACHI_S + 3600
    )

    assert decide(images, "any.test", [], profile, NOON + 599).reason is Reason.SCHEDULE
    assert decide(images, "any.test", [], profile, NOON + 600).action is Action.PASSTHRU


@pytest.mark.parametrize("list_id", ["csam", "orders", "help"])
def test_what_outranks_a_lock_decides_before_it(images: Images, list_id: str) -> None:
    decision = decide(images, "n.test", [(list_id, "n.test", Mode.SUBTREE)], open_profile(paused_until=NOON + 60))

    assert decision.list == list_id


def test_a_lock_outranks_categories_and_names_no_list(images: Images) -> None:
    decision = decide(
        images, "n.test", [("adult", "n.test", Mode.SUBTREE)], open_profile(categories=2, paused_until=NOON + 60)
    )

    assert (decision.reason, decision.list, decision.rule, decision.category) == (Reason.PAUSE, None, None, 0)


def test_orders_hold_for_an_address_that_belongs_to_no_subscriber(images: Images) -> None:
    tables = TableSet(
        images.names([("orders", "n.test", Mode.SUBTREE)]), None, images.subscribers([]), None, images.policy([]), None
    )

    decision = tables.decide(to_wire(b"n.test"), "203.0.113.9", NOON)

    assert (decision.reason, decision.subscriber) == (Reason.ORDER, None)


def test_without_a_name_only_a_lock_speaks(images: Images) -> None:
    tables = TableSet(
        images.names([("orders", "n.test", Mode.SUBTREE)]),
        None,
        images.subscribers([(CHILD, 7)]),
        None,
        images.policy([(7, open_profile(paused_until=NOON + 60))]),
        None,
    )

    assert tables.decide(None, CHILD, NOON).reason is Reason.PAUSE
    assert tables.decide(None, "203.0.113.9", NOON).action is Action.PASSTHRU


def test_a_policy_delta_replaces_a_subscribers_profile(images: Images) -> None:
    base = images.policy([(7, open_profile()), (8, open_profile(paused_until=NOON + 60))])
    delta = images.policy([(7, open_profile(paused_until=NOON + 60))], base)
    tables = TableSet(None, None, images.subscribers([(CHILD, 7), ("192.0.2.8", 8)]), None, base, delta)

    assert tables.decide(None, CHILD, NOON).reason is Reason.PAUSE
    assert tables.decide(None, "192.0.2.8", NOON).reason is Reason.PAUSE


# ------------------------------------------------------------------------------------------------- lists in the shadow


@pytest.mark.parametrize("tried", ["orders", "adult", "allowed", "malware"])
@pytest.mark.parametrize("action", [Action.NO_ACTION, Action.NXDOMAIN, Action.DROP, Action.SPLASH])
def test_a_list_in_the_shadow_is_named_and_decides_nothing(images: Images, tried: str, action: Action) -> None:
    images.try_out(tried)

    decision = decide(images, "www.a.test", [(tried, "a.test", Mode.SUBTREE, action)], open_profile(categories=1 << 1))

    assert (decision.action, decision.reason, decision.tier) == (Action.PASSTHRU, Reason.DEFAULT, Tier.DEFAULT)
    assert (decision.list, decision.rule, decision.matched, decision.shadow) == (None, None, (), tried)


@pytest.mark.parametrize(
    ("tried", "enforced"),
    [
        ("orders", "orders-two"),
        ("orders", "adult"),
        ("orders", "malware"),
        ("allowed", "malware"),
        ("adult", "malware"),
    ],
)
def test_a_list_in_the_shadow_masks_none_that_enforces(images: Images, tried: str, enforced: str) -> None:
    entries = [(tried, "both.test", Mode.EXACT), (enforced, "both.test", Mode.SUBTREE)]
    images.try_out(tried)

    decision = decide(images, "both.test", entries, open_profile(categories=1 << 1))

    assert (decision.list, decision.matched, decision.shadow) == (enforced, (enforced,), tried)


@pytest.mark.parametrize(
    ("tried", "enforced"),
    [("orders-two", "orders"), ("malware", "orders"), ("orders", "csam"), ("malware", "adult"), ("malware", "help")],
)
def test_what_would_have_decided_all_the_same_leaves_no_shadow(images: Images, tried: str, enforced: str) -> None:
    entries = [(tried, "both.test", Mode.EXACT), (enforced, "both.test", Mode.SUBTREE)]
    images.try_out(tried)

    decision = decide(images, "both.test", entries, open_profile(categories=1 << 1))

    assert (decision.list, decision.shadow) == (enforced, None)


def test_an_order_in_the_shadow_would_close_the_help_corridor(images: Images) -> None:
    images.try_out("orders")

    decision = decide(images, "h.test", [("orders", "h.test", Mode.EXACT), ("help", "h.test", Mode.EXACT)])

    assert (decision.action, decision.list, decision.shadow) == (Action.PASSTHRU, "help", "orders")


def test_of_several_lists_in_the_shadow_the_one_that_would_be_the_cause_is_named(images: Images) -> None:
    images.try_out("orders", "orders-two", "adult", "allowed", "malware")
    said = [
        ("malware", Mode.EXACT),
        ("allowed", Mode.SUBTREE),
        ("adult", Mode.SUBTREE),
        ("orders-two", Mode.EXACT),
        ("orders", Mode.SUBTREE),
    ]

    def named(first: int, name: str = "a.test") -> str | None:
        entries = [(list_id, "a.test", mode) for list_id, mode in said[:first]]
        return decide(images, name, entries, open_profile(categories=1 << 1)).shadow

    assert [named(n) for n in range(6)] == [None, "malware", "allowed", "adult", "orders-two", "orders"]
    assert [named(n, "www.a.test") for n in range(6)] == [None, None, "allowed", "adult", "adult", "orders"]


def test_a_category_in_the_list_counts_only_for_a_profile_that_closes_it(images: Images) -> None:
    images.try_out("games")
    entries = [("games", "play.test", Mode.SUBTREE)]

    assert decide(images, "play.test", entries).shadow is None
    assert decide(images, "play.test", entries, open_profile(categories=1 << 70)).shadow == "games"


def test_exceptions_of_a_list_in_the_shadow_silence_that_list_alone(images: Images) -> None:
    images.try_out("allowed")
    entries: list[Entry] = [
        ("allowed", "a.test", Mode.SUBTREE),
        ("allowed", "ok.a.test", Mode.SUBTREE, Action.PASSTHRU),
        ("malware", "a.test", Mode.SUBTREE),
    ]

    decision = decide(images, "ok.a.test", entries)
    assert (decision.list, decision.shadow) == ("malware", None)
    assert decide(images, "ok.a.test", entries[:2]).tier is Tier.DEFAULT


def test_an_exception_that_is_enforced_ends_the_matching_of_later_lists_in_the_shadow(images: Images) -> None:
    images.try_out("malware")
    entries: list[Entry] = [("allowed", "ok.test", Mode.SUBTREE, Action.PASSTHRU), ("malware", "ok.test", Mode.SUBTREE)]

    assert decide(images, "ok.test", entries).shadow is None


def test_tcp_only_blocks_nothing_so_it_leaves_no_shadow(images: Images) -> None:
    images.try_out("malware")

    assert decide(images, "a.test", [("malware", "a.test", Mode.SUBTREE, Action.TCP_ONLY)]).shadow is None


@pytest.mark.parametrize(("tried", "named"), [("orders", "orders"), ("adult", None), ("malware", None)])
def test_a_lock_outranks_the_same_lists_in_the_shadow(images: Images, tried: str, named: str | None) -> None:
    images.try_out(tried)
    profile = open_profile(categories=1 << 1, paused_until=NOON + 60)

    decision = decide(images, "a.test", [(tried, "a.test", Mode.SUBTREE)], profile)

    assert (decision.reason, decision.shadow) == (Reason.PAUSE, named)
