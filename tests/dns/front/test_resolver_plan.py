from dns.front.resolver_plan import DEFAULT_RESOLVER, Admission, ResolverPlan
from fastpath.images.subscribers import device_address


def test_by_default_everybody_may_ask_and_nothing_is_kept() -> None:
    assert (DEFAULT_RESOLVER.guard(), DEFAULT_RESOLVER.stream_guard(), DEFAULT_RESOLVER.cache_octets) == (None, None, 0)


def test_a_device_with_a_token_may_ask_over_a_stream_from_anywhere() -> None:
    plan = ResolverPlan(admission=Admission(["192.0.2.0/24"]))
    loop, streams = plan.guard(), plan.stream_guard()
    device = device_address("a" * 26)

    assert loop is not None and streams is not None
    assert [guard.admit("192.0.2.7", 0) for guard in (loop, streams)] == ["admitted"] * 2
    assert [guard.admit("198.51.100.7", 0) for guard in (loop, streams)] == ["not_ours"] * 2
    assert [guard.admit(device, 0) for guard in (loop, streams)] == ["not_ours", "admitted"]


def test_streams_have_the_same_rate_and_a_device_its_own() -> None:
    plan = ResolverPlan(admission=Admission(["192.0.2.0/24"], queries_per_second=1, burst=2))
    loop, streams = plan.guard(), plan.stream_guard()
    device = device_address("a" * 26)

    assert loop is not None and streams is not None
    for guard in (loop, streams):
        assert [guard.admit("192.0.2.7", 0) for _ in range(3)] == ["admitted", "admitted", "over_limit"]
    assert streams.admit(device, 0) == "admitted"


def test_who_connects_is_looked_up_by_address_alone() -> None:
    plan = ResolverPlan(admission=Admission(["192.0.2.0/24"], queries_per_second=1, burst=1))
    guard = plan.connection_guard()

    assert guard is not None and DEFAULT_RESOLVER.connection_guard() is None
    assert [guard.admit("192.0.2.7", 0) for _ in range(3)] == ["admitted"] * 3
    assert guard.admit(device_address("a" * 26), 0) == "not_ours"


def test_every_loop_counts_for_itself() -> None:
    plan = ResolverPlan(admission=Admission(["192.0.2.0/24"]))

    assert plan.guard() is not plan.guard()


def test_streams_have_a_fourth_of_the_memory() -> None:
    assert ResolverPlan(cache_octets=8 << 20).stream_cache_octets == 2 << 20
