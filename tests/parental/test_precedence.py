"""Profiles in an image against an oracle of the tiers: every tier against every other one, at instants around now."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import precedence
from oracle.precedence import Hours, Verdict, Wishes
from support.images.opened import Images

from fastpath.images.image import Image
from fastpath.images.key_builder import ListSpec
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Reason, Tier
from fastpath.people.left_open import left_open
from fastpath.wire.name import to_wire
from parental.policy.compile import profile_spec
from parental.policy.profile import CLOSURES, OPENS, Profile, Span, allowed_at, lock_reason
from parental.policy.schedule import Interval, Schedule
from rules.base.category import NUMBERS

NOW = datetime(2026, 8, 3, 12, 0, 30, tzinfo=UTC)  # a Monday
NOW_S = int(NOW.timestamp())
CHILD = "192.0.2.1"
LISTS = (
    ListSpec("csam", Tier.CSAM, 0, Action.SPLASH, True),
    ListSpec("orders", Tier.ORDER, 0, Action.SPLASH, False),
    ListSpec("help", Tier.HELP, 0, Action.PASSTHRU, False),
    ListSpec("youtube", Tier.SERVICE, NUMBERS["youtube"], Action.SPLASH, False),
    ListSpec("zoom", Tier.SERVICE, NUMBERS["zoom"], Action.SPLASH, False),
    ListSpec("games", Tier.CATEGORY, NUMBERS["games"], Action.SPLASH, False),
    ListSpec("education", Tier.CATEGORY, NUMBERS["education"], Action.SPLASH, False),
    ListSpec("malware", Tier.SECURITY, 0, Action.NXDOMAIN, False),
)
IDS = tuple(spec.id for spec in LISTS)
NAMED = ("youtube", "zoom", "games", "education")
SUBSETS = [frozenset(chosen) for n in range(len(IDS) + 1) for chosen in combinations(IDS, n)]
NAMES = {held: f"n{sum(1 << IDS.index(each) for each in held)}.test" for held in SUBSETS}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A name for each set of lists that may hold one."""
    images = Images(tmp_path_factory.mktemp("names"))
    images.lists = LISTS
    return images.names([(each, name, Mode.SUBTREE) for held, name in NAMES.items() for each in held])


def listed(held: frozenset[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {tier: set() for tier in ("csam", "order", "help", "service", "category", "security")}
    for spec in LISTS:
        if spec.id in held:
            found[Tier(spec.tier).name.lower()].add(spec.id)
    return found


def profile_of(wishes: Wishes) -> Profile:
    spans = [Span(*span) for span in wishes.spans]
    return Profile(
        wishes.closes,
        Schedule(tuple(Interval(*each) for each in wishes.hours), wishes.zone),
        allowed=wishes.allowed,
        denied=wishes.denied,
        closures=tuple(span for span in spans if span.kind in CLOSURES),
        grants=tuple(span for span in spans if span.kind in OPENS),
    )


def tables_of(images: Images, names: Image, profile: Profile, made: datetime = NOW) -> TableSet:
    policy = images.policy([(7, profile_spec(profile, made))])
    return TableSet(names, None, images.subscribers([(CHILD, 7)]), None, policy, None)


def decided(tables: TableSet, name: str, at: datetime) -> Verdict:
    found = tables.decide(to_wire(name.encode()), CHILD, int(at.timestamp()))
    return Verdict(found.action is Action.PASSTHRU, found.tier.name.lower(), found.reason.name.lower())


categories = st.frozensets(st.sampled_from(NAMED), max_size=3)
hours = st.lists(
    st.builds(
        Hours,
        st.integers(0, 6),
        st.integers(0, 1439),
        st.sampled_from([1, 60, 700, 1440, 5000, 10080]),
        st.none() | categories,
    ),
    max_size=3,
    unique_by=lambda each: each[:3],
).map(tuple)
spans = st.lists(
    st.builds(
        lambda begins, lasts, kind: precedence.Span(NOW_S + begins, NOW_S + begins + lasts, kind),
        st.integers(-100, 100),
        st.integers(1, 200),
        st.sampled_from([*CLOSURES, *OPENS]),
    ),
    max_size=4,
).map(tuple)
own_names = st.sampled_from([*NAMES.values(), "www." + NAMES[SUBSETS[5]]])
own = st.tuples(st.frozensets(own_names, max_size=9), st.frozensets(own_names, max_size=9)).map(
    lambda two: {"allowed": two[0], "denied": two[1] - two[0]}
)
wishes = st.builds(
    lambda own, **others: Wishes(**others, **own),
    own,
    closes=categories,
    hours=hours,
    zone=st.sampled_from(["UTC", "Asia/Karachi", "America/St_Johns"]),
    spans=spans,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes, st.integers(0, 150), st.sampled_from(["", "www.", "a.b.c."]))
def test_every_name_gets_the_oracles_verdict(
    images: Images, names: Image, wishes: Wishes, later_s: int, below: str
) -> None:
    at = NOW + timedelta(seconds=later_s)
    tables = tables_of(images, names, profile_of(wishes))

    for held, name in NAMES.items():
        expected = precedence.decide(below + name, listed(held), wishes, at)
        assert decided(tables, below + name, at) == expected, (held, name)


@settings(deadline=None, max_examples=200)
@given(wishes, st.integers(-150, 150))
def test_the_kernels_lock_and_the_image_are_of_one_mind(wishes: Wishes, later_s: int) -> None:
    at, profile = NOW + timedelta(seconds=later_s), profile_of(wishes)
    nothing: dict[str, set[str]] = listed(frozenset())

    expected = precedence.decide("unlisted.test", nothing, wishes, at)

    assert (lock_reason(profile, at).name.lower() == expected.reason) == (
        expected.tier == "lock" and expected.reason != "soft_lock"
    ) or expected.tier != "lock"
    assert (allowed_at(profile, at) is not None) == (expected.reason == "soft_lock")


@pytest.mark.parametrize(("closure", "grant"), list(product([*CLOSURES, "schedule"], OPENS)))
def test_a_grant_opens_the_locks_of_its_kind_and_no_other(
    images: Images, names: Image, closure: str, grant: str
) -> None:
    hours = (Hours(0, 0, 1440, None),) if closure == "schedule" else ()
    shut = () if closure == "schedule" else (precedence.Span(NOW_S, NOW_S + 60, closure),)
    wishes = Wishes(hours=hours, spans=(*shut, precedence.Span(NOW_S, NOW_S + 30, grant)))

    tables = tables_of(images, names, profile_of(wishes))

    is_opened = closure in precedence.OPENED_BY[grant]
    assert decided(tables, "free.test", NOW).is_open is is_opened
    assert decided(tables, "free.test", NOW).tier == ("grant" if is_opened else "lock")
    assert not decided(tables, "free.test", NOW + timedelta(seconds=30)).is_open


def test_a_clock_that_is_set_back_opens_nothing(images: Images, names: Image) -> None:
    shut = Span(NOW_S - 60, NOW_S + 600, "closed_until")
    over = Span(NOW_S - 600, NOW_S, "plus")
    always = Schedule((Interval(0, 0, 10080),), "UTC")
    closed = tables_of(images, names, Profile(closures=(shut,)))
    granted = tables_of(images, names, Profile(schedule=always, grants=(over,)))

    for earlier in (NOW - timedelta(seconds=90), NOW - timedelta(days=3)):
        assert not decided(closed, "free.test", earlier).is_open
        assert not decided(granted, "free.test", earlier).is_open


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes, st.integers(-150, 150), st.sampled_from([0, 60, 3600, 40_000, 700_000]))
def test_what_the_image_leaves_open_is_what_the_locks_of_both_times_leave(
    images: Images, names: Image, wishes: Wishes, later_s: int, behind_s: int
) -> None:
    at, profile = NOW + timedelta(seconds=later_s), profile_of(wishes)
    tables = TableSet(*tables_of(images, names, profile, at).images, behind_s=behind_s)

    left = left_open(tables, CHILD, int(at.timestamp()))

    reason, allowed = lock_reason(profile, at, behind_s), allowed_at(profile, at, behind_s)
    assert left == (0 if reason is not Reason.DEFAULT else None if allowed is None else bits(allowed))
    assert left_open(tables, "198.51.100.1", int(at.timestamp())) is None
    for held, name in NAMES.items():
        if not held & {"csam", "orders", "help"}:
            is_left = left is None or bool(left & bits(held & {*NAMED}))
            assert (tables.decide(to_wire(name.encode()), CHILD, int(at.timestamp())).tier is Tier.LOCK) != is_left


@settings(deadline=None, max_examples=200)
@given(wishes, st.integers(-150, 150), st.sampled_from([60, 3600, 40_000, 700_000]))
def test_what_either_time_closes_is_closed_while_the_clock_is_doubted(
    wishes: Wishes, later_s: int, behind_s: int
) -> None:
    at, schedule = NOW + timedelta(seconds=later_s), profile_of(wishes).schedule
    profile, times = Profile(schedule=schedule), (at, at + timedelta(seconds=behind_s))

    locked = [lock_reason(profile, each) is not Reason.DEFAULT for each in times]
    soft = [each for each in (allowed_at(profile, each) for each in times) if each is not None]

    assert (lock_reason(profile, at, behind_s) is not Reason.DEFAULT) == any(locked)
    if not any(locked):
        assert allowed_at(profile, at, behind_s) == (frozenset.intersection(*soft) if soft else None)


def bits(names: frozenset[str]) -> int:
    return sum(1 << NUMBERS[each] for each in names)
