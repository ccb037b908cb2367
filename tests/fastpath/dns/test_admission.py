"""Admission and rates of clients; the ACL is compared with the standard library's ipaddress."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.dns.admission import MAX_RATE, ClientGuard

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

S = 1_000_000_000
ALL = ("0.0.0.0/0", "::/0")
NETWORKS = st.one_of(
    st.builds(
        lambda address, bits: ipaddress.IPv4Network((address, bits), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda address, bits: ipaddress.IPv6Network((address, bits), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)


def served(guard: ClientGuard, client: str, n: int, now_ns: int = S, cookie_is_good: bool = False) -> int:
    """How many of `n` queries at one moment are admitted."""
    return [guard.admit(client, now_ns, cookie_is_good) for _ in range(n)].count("admitted")


# ------------------------------------------------------------------------------------------------------ ACL


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("192.0.2.0", "admitted"),
        ("192.0.2.255", "admitted"),
        ("192.0.1.255", "not_ours"),
        ("192.0.3.0", "not_ours"),
        ("203.0.113.7", "admitted"),
        ("203.0.113.8", "not_ours"),
        ("2001:db8::", "admitted"),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "admitted"),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "not_ours"),
        ("2001:db9::", "not_ours"),
        ("::1", "not_ours"),
        ("::192.0.2.1", "not_ours"),
    ],
)
def test_whoever_is_outside_of_the_prefixes_is_not_ours(client: str, said: str) -> None:
    guard = ClientGuard(["203.0.113.7/32", "192.0.2.0/24", "2001:db8::/32"], 1000, 10, 10)

    assert guard.admit(client, S) == said


def test_without_prefixes_nobody_is_ours() -> None:
    guard = ClientGuard([])

    assert (guard.admit("127.0.0.1", S), guard.admit("::1", S)) == ("not_ours", "not_ours")


@given(st.lists(NETWORKS, max_size=12), st.data())
def test_the_prefixes_hold_what_the_standard_library_says(networks: list[Network], data: st.DataObject) -> None:
    guard = ClientGuard([str(network) for network in networks])
    clients = [data.draw(st.ip_addresses()) for _ in range(3)]
    for network in networks:
        first, last = network.network_address, network.broadcast_address
        clients += [first, last]
        clients += [type(first)(int(first) - 1)] if int(first) else []
        clients += [type(last)(int(last) + 1)] if int(last) + 1 < 1 << network.max_prefixlen else []

    for client in clients:
        is_in = any(client in network for network in networks if client.version == network.version)
        assert guard.admit(str(client), S) == ("admitted" if is_in else "not_ours")


@pytest.mark.parametrize("wrong", ["192.0.2.1/24", "192.0.2.0/33", "isp.example", ""])
def test_what_is_no_prefix_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        ClientGuard([wrong])


def test_a_rate_that_no_clock_tells_is_refused() -> None:
    with pytest.raises(ValueError, match="write 0 for no limit"):
        ClientGuard(ALL, MAX_RATE + 1)


# ------------------------------------------------------------------------------------------------------ rates


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1"])
def test_a_client_has_its_burst_at_once_and_then_its_rate(client: str) -> None:
    guard = ClientGuard(ALL, 100, 30)

    assert served(guard, client, 50) == 30
    assert served(guard, client, 50, S + S // 100) == 1
    assert served(guard, client, 50, S + S // 2) == 30, "never more than the burst"
    assert served(guard, client, 50, 3600 * S) == 30


def test_over_ten_seconds_a_flood_gets_the_rate_and_one_burst() -> None:
    guard = ClientGuard(ALL, 100, 30)

    n = sum(served(guard, "192.0.2.1", 1, S + i * S // 1000) for i in range(10_000))

    assert n in range(1000, 1000 + 30 + 1)


def test_a_refused_query_costs_the_client_nothing() -> None:
    guard = ClientGuard(ALL, 10, 1)

    assert served(guard, "192.0.2.1", 1000) == 1
    assert served(guard, "192.0.2.1", 1, S + S // 10) == 1


def test_without_a_rate_everything_is_admitted() -> None:
    assert served(ClientGuard(ALL), "192.0.2.1", 10_000) == 10_000


def test_clients_do_not_share_a_rate() -> None:
    guard = ClientGuard(ALL, 10, 5)

    assert [served(guard, f"192.0.2.{i}", 9) for i in range(20)] == [5] * 20


def test_an_ipv6_client_is_a_56() -> None:
    guard = ClientGuard(ALL, 10, 5)

    assert served(guard, "2001:db8:0:1::1", 3) + served(guard, "2001:db8:0:ff:1:2:3:4", 9) == 5
    assert served(guard, "2001:db8:0:100::1", 9) == 5
    assert served(guard, "2001:db9:0:1::1", 9) == 5


def test_who_forges_an_address_takes_nothing_from_its_owner_with_a_cookie() -> None:
    guard = ClientGuard(ALL, 10, 5)

    assert served(guard, "192.0.2.1", 100) == 5
    assert served(guard, "192.0.2.1", 100, cookie_is_good=True) == 5
    assert served(guard, "2001:db8::1", 100) == 5
    assert served(guard, "2001:db8::1", 100, cookie_is_good=True) == 5


def test_a_full_table_forgets_and_counts_and_never_refuses_a_new_client() -> None:
    guard = ClientGuard(ALL, 1, 1)
    for i in range(300_000):
        assert guard.admit(str(ipaddress.IPv4Address(0x0A000000 + i)), S) == "admitted"

    assert guard.n_forgotten >= 300_000 - 4 * 65536


def test_a_bucket_that_is_paid_gives_way_without_a_word() -> None:
    guard = ClientGuard(ALL, 1000, 1)
    for i in range(300_000):
        guard.admit(str(ipaddress.IPv4Address(0x0A000000 + i)), S + i * S)

    assert guard.n_forgotten == 0


# ------------------------------------------------------------------------------------------------------ large answers


def sent(guard: ClientGuard, client: str, n: int, now_ns: int = S, question: int = 77, octets: int = 1200) -> list[str]:
    return [guard.admit_answer(client, now_ns, question, octets) for _ in range(n)]


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1"])
def test_of_identical_large_answers_beyond_the_rate_every_second_one_slips(client: str) -> None:
    said = sent(ClientGuard(ALL, large_answers_per_second=20), client, 200)

    assert said[:100] == ["admitted"] * 100, "five seconds of them at once"
    assert said[100:] == ["slipped", "over_limit"] * 50


def test_the_rate_of_identical_large_answers_is_kept_up() -> None:
    guard = ClientGuard(ALL, large_answers_per_second=20)
    sent(guard, "192.0.2.1", 100)

    n = sum(sent(guard, "192.0.2.1", 1, S + i * S // 1000).count("admitted") for i in range(10_000))

    assert n in range(198, 202)


@pytest.mark.parametrize(("octets", "is_large"), [(12, False), (512, False), (513, True), (1232, True)])
def test_an_answer_of_512_octets_is_not_large(octets: int, is_large: bool) -> None:
    guard = ClientGuard(ALL, large_answers_per_second=1)

    assert (set(sent(guard, "192.0.2.1", 20, octets=octets)) != {"admitted"}) == is_large


def test_another_answer_and_another_client_have_a_rate_of_their_own() -> None:
    guard = ClientGuard(ALL, 10, 5, large_answers_per_second=1)

    for question in range(50):
        assert sent(guard, "192.0.2.1", 6, question=question).count("admitted") == 5
        assert sent(guard, f"192.0.3.{question}", 6).count("admitted") == 5
    assert served(guard, "192.0.2.1", 9) == 5, "and queries have theirs"


def test_without_a_rate_of_large_answers_all_are_admitted() -> None:
    assert set(sent(ClientGuard(ALL, 10, 5), "192.0.2.1", 1000)) == {"admitted"}


# ------------------------------------------------------------------------------------------------------ cost


@pytest.mark.parametrize("clients", [1, 1000, 100_000])
def test_a_query_is_admitted_in_a_fraction_of_a_microsecond(clients: int) -> None:
    guard = ClientGuard(["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"], 1000, 100, 20)

    assert min(guard.measure(clients, 20_000) for _ in range(50)) < 200, "20 ns are usual; shared machines are slower"
