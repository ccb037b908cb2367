"""Sets in a real kernel, looked at by nft."""

import errno
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_network,
    summarize_address_range,
)
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.system.namespace import a_network_of_its_own

from filterd.kernel import nft_rules
from filterd.kernel.intervals import Network
from filterd.kernel.netlink import Answer, Netlink
from filterd.kernel.nft_rules import NftChain, queue
from filterd.kernel.nft_sets import LOCKED, POOLS, SUBSCRIBERS, MissingSets, OutOfStep, PrefixSets
from filterd.kernel.prefix_columns import spans_of
from filterd.kernel.ruleset import Rules, ruleset

pytestmark = pytest.mark.kernel

LINE4, LINE6 = ip_network("192.0.2.7"), ip_network("2001:db8:7::/56")
# Few addresses of every length, so that prefixes meet, touch and cover one another; and both ends of the numbers.
SOME = st.one_of(
    st.builds(
        lambda number, length: IPv4Network((0xC6336400 | number, length), strict=False),
        st.integers(0, 255),
        st.integers(24, 32),
    ),
    st.builds(
        lambda number, length: IPv6Network(((0x20010DB8 << 96) | number << 60, length), strict=False),
        st.integers(0, 0xFFF),
        st.integers(48, 68),
    ),
    st.sampled_from([ip_network(text) for text in ("0.0.0.0/31", "255.255.255.254/31", "255.255.255.255", "ff00::/8")]),
)


def nft(*arguments: str) -> str:
    return subprocess.run(("nft", *arguments), check=True, capture_output=True, text=True).stdout


def put_rules(rules: str = "") -> None:
    subprocess.run(("nft", "-f", "-"), input=rules or ruleset(Rules()), check=True, text=True)


def held(*names: str) -> set[Network]:
    """Everything that is in the sets, in the fewest prefixes."""
    found: list[Network] = []
    for name in names:
        shown = json.loads(nft("-j", "list", "set", "inet", "filterd", name))["nftables"]
        listed = next(part["set"] for part in shown if "set" in part)
        length = int(name.rpartition("_")[2]) if "_" in name else None
        for element in listed.get("elem", ()):
            found += _prefixes(element, length)
    return {
        *collapse_addresses([each for each in found if isinstance(each, IPv4Network)]),
        *collapse_addresses([each for each in found if isinstance(each, IPv6Network)]),
    }


def _prefixes(element: Any, length: int | None) -> list[Network]:
    """An element as nft writes it: an address, a prefix or a range."""
    if isinstance(element, str):
        return [ip_network(element if length is None else f"{element}/{length}")]
    if "prefix" in element:
        return [ip_network(f"{element['prefix']['addr']}/{element['prefix']['len']}")]
    first, last = element["range"]
    if ":" in first:
        return [*summarize_address_range(IPv6Address(first), IPv6Address(last))]
    return [*summarize_address_range(IPv4Address(first), IPv4Address(last))]


def led(entrance: str = "locking") -> dict[str, str]:
    """The chains that look for locks, by the version of the packets that are led there."""
    shown = json.loads(nft("-j", "list", "chain", "inet", "filterd", entrance))["nftables"]
    rules = [part["rule"]["expr"] for part in shown if "rule" in part]
    return {rule[0]["match"]["right"]: rule[1]["goto"]["target"] for rule in rules}


def needed(prefixes: set[Network]) -> dict[str, str]:
    """What led() is to be."""
    found = {}
    for version in {each.version for each in prefixes}:
        others = {each.prefixlen for each in prefixes if each.version == version} - {4: {32}, 6: {56, 64}}[version]
        found[f"ipv{version}"] = f"locks{version}_wide" if others else f"locks{version}"
    return found


LOCKED_SETS = ("locked4", "locked4_32", "locked6", "locked6_56", "locked6_64")


def fewest(prefixes: set[Network]) -> set[Network]:
    return {
        *collapse_addresses([each for each in prefixes if isinstance(each, IPv4Network)]),
        *collapse_addresses([each for each in prefixes if isinstance(each, IPv6Network)]),
    }


@pytest.fixture(scope="module")
def there() -> Iterator[Callable[..., Any]]:
    """call(function, *arguments) in a namespace with the rules in it."""
    with a_network_of_its_own() as call:
        call(put_rules)
        yield call


@pytest.fixture
def sets(there: Callable[..., Any]) -> Iterator[PrefixSets]:
    there(put_rules)
    with closing(PrefixSets()) as made:
        there(made.replace, LOCKED, ())
        yield made


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(SOME, max_size=12), min_size=2, max_size=4))
def test_after_every_change_exactly_what_was_asked_for_is_in_the_kernel(
    there: Callable[..., Any], turns: list[set[Network]]
) -> None:
    now = set[Network]()
    with closing(PrefixSets()) as sets:
        there(sets.replace, LOCKED, now)
        for wanted in turns:
            there(sets.change, LOCKED, wanted - now, now - wanted)
            now = wanted

            assert there(held, *LOCKED_SETS) == fewest(now)
            assert there(led) == needed(now)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(SOME, max_size=12), st.sets(SOME, max_size=12))
def test_a_replacement_leaves_nothing_of_what_was_there(
    there: Callable[..., Any], before: set[Network], after: set[Network]
) -> None:
    for prefixes in (before, after):
        with closing(PrefixSets()) as sets:
            there(sets.replace, LOCKED, prefixes)

    assert there(held, *LOCKED_SETS) == fewest(after)
    assert there(led) == needed(after)


SUBSCRIBER_SETS = ("subscribers4", "subscribers6")
POOL_SETS = ("pools4", "pools6")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(SOME, max_size=12), min_size=2, max_size=4))
def test_after_every_change_of_spans_exactly_these_are_in_the_kernel(
    there: Callable[..., Any], turns: list[set[Network]]
) -> None:
    with closing(PrefixSets()) as sets:
        there(sets.replace_spans, SUBSCRIBERS, spans_of(turns[0]))
        assert there(held, *SUBSCRIBER_SETS) == fewest(turns[0])
        for wanted in turns[1:]:
            there(sets.change_spans, SUBSCRIBERS, spans_of(wanted))

            assert there(held, *SUBSCRIBER_SETS) == fewest(wanted)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(SOME, max_size=4), min_size=2, max_size=4))
def test_packets_are_led_to_locked_pools_of_their_version_while_there_are_any(
    there: Callable[..., Any], turns: list[set[Network]]
) -> None:
    with closing(PrefixSets()) as sets:
        there(sets.replace_spans, POOLS, spans_of(turns[0]))
        for number, wanted in enumerate(turns):
            if number:
                there(sets.change_spans, POOLS, spans_of(wanted))

            assert there(held, *POOL_SETS) == fewest(wanted)
            versions = {each.version for each in wanted}
            assert there(led, "pool_locking") == {f"ipv{each}": f"pool_locks{each}" for each in versions}


def test_spans_are_not_changed_where_somebody_else_has_changed_the_rules(
    there: Callable[..., Any], sets: PrefixSets
) -> None:
    there(sets.replace_spans, SUBSCRIBERS, spans_of([LINE4]))
    there(nft, "add", "element", "inet", "filterd", "subscribers4", "{ 203.0.113.0/24 }")

    with pytest.raises(OutOfStep):
        there(sets.change_spans, SUBSCRIBERS, spans_of([LINE6]))
    with pytest.raises(OutOfStep):
        there(sets.change_spans, SUBSCRIBERS, spans_of([LINE6]))
    there(sets.replace_spans, SUBSCRIBERS, spans_of([LINE6]))

    assert there(held, *SUBSCRIBER_SETS) == {LINE6}


def test_a_prefix_in_the_middle_is_unlocked_and_its_neighbours_are_not(
    there: Callable[..., Any], sets: PrefixSets
) -> None:
    parts: list[Network] = list(ip_network("198.51.100.0/24").subnets(new_prefix=28))
    there(sets.change, LOCKED, parts, ())
    assert there(held, "locked4") == {ip_network("198.51.100.0/24")}

    there(sets.change, LOCKED, (), [parts[5]])

    assert there(held, "locked4") == fewest({*parts} - {parts[5]})


def test_a_prefix_that_another_one_covers_may_go_and_stays_locked(there: Callable[..., Any], sets: PrefixSets) -> None:
    wide, narrow = ip_network("198.51.100.0/24"), ip_network("198.51.100.64/26")
    there(sets.change, LOCKED, [wide, narrow], ())
    there(sets.change, LOCKED, (), [narrow])
    assert there(held, "locked4") == {wide}

    there(sets.change, LOCKED, [narrow], [wide])

    assert there(held, "locked4") == {narrow}


def test_packets_look_for_locks_from_the_first_to_the_last_of_their_version(
    there: Callable[..., Any], sets: PrefixSets
) -> None:
    assert there(led) == {}
    there(sets.change, LOCKED, [LINE4, ip_network("192.0.2.8")], ())
    assert there(led) == {"ipv4": "locks4"}
    there(sets.change, LOCKED, [LINE6, ip_network("198.51.100.0/28")], ())
    assert there(led) == {"ipv4": "locks4_wide", "ipv6": "locks6"}
    there(sets.change, LOCKED, (), [LINE4, ip_network("198.51.100.0/28"), LINE6])
    assert there(led) == {"ipv4": "locks4"}
    there(sets.change, LOCKED, (), [ip_network("192.0.2.8")])
    assert there(led) == {}


def test_rules_that_were_put_anew_look_for_whom_they_lock(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(put_rules, ruleset(Rules(), [LINE4, LINE6]))
    assert there(led) == {"ipv4": "locks4_wide", "ipv6": "locks6_wide"}

    there(sets.replace, LOCKED, [LINE4])

    assert there(led) == {"ipv4": "locks4"}


def test_the_way_to_the_locks_that_somebody_took_out_comes_back(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.change, LOCKED, [LINE4], ())
    there(nft, "flush", "chain", "inet", "filterd", "locking")

    with pytest.raises(OutOfStep):
        there(sets.change, LOCKED, (), ())
    there(sets.replace, LOCKED, [LINE4])

    assert there(led) == {"ipv4": "locks4"}


def test_a_refused_change_leaves_the_way_to_the_locks_and_what_is_known_of_them(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(sets.change, LOCKED, [LINE4], ())
    with monkeypatch.context() as patched:
        patched.setattr(Netlink, "send", lambda link, messages: [Answer(1, errno.ENOMEM)])
        with pytest.raises(RuntimeError, match="the sets stay as they were"):
            there(sets.change, LOCKED, (), [LINE4])
    assert there(led) == {"ipv4": "locks4"}

    there(sets.change, LOCKED, (), [LINE4])

    assert there(led) == {}


def test_a_table_of_an_older_version_is_one_that_is_not_there(there: Callable[..., Any], sets: PrefixSets) -> None:
    older = ruleset(Rules()).replace("    jump locking\n", "").replace("chain locking", "chain other")
    there(put_rules, older)

    with pytest.raises(MissingSets):
        there(sets.replace, LOCKED, [LINE4])


def test_one_address_a_56_and_a_64_are_in_hash_sets(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.change, LOCKED, [LINE4, LINE6, ip_network("2001:db8:8::/64"), ip_network("2001:db8:9::/60")], ())

    assert there(held, "locked4_32") == {LINE4}
    assert there(held, "locked6_56") == {LINE6}
    assert there(held, "locked6_64") == {ip_network("2001:db8:8::/64")}
    assert there(held, "locked6") == {ip_network("2001:db8:9::/60")}
    assert there(held, "locked4") == set()


def test_thousands_go_into_one_transaction_and_out_again(there: Callable[..., Any], sets: PrefixSets) -> None:
    lines = [IPv4Network((0x0A000000 + number, 32)) for number in range(5000)]
    nets = [IPv4Network((0x0B000000 + 2 * 256 * number, 24)) for number in range(5000)]
    wide6 = [IPv6Network(((0x20010DB8 << 96) + (2 * number << 80), 48)) for number in range(3000)]
    generation = there(nft, "-j", "list", "ruleset")

    there(sets.change, LOCKED, [*lines, *nets, *wide6], ())

    assert len(there(held, "locked4", "locked6")) == 8000
    assert there(held, "locked4_32") == fewest({*lines})
    there(sets.change, LOCKED, (), [*lines, *nets, *wide6])
    assert there(nft, "-j", "list", "ruleset") == generation


def test_the_same_twice_is_like_once(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.replace, LOCKED, [LINE4, LINE4, LINE6])
    there(sets.replace, LOCKED, [LINE4, LINE6])
    there(sets.change, LOCKED, [LINE4, ip_network("198.51.100.0/24")], ())

    assert there(held, *LOCKED_SETS) == {LINE4, LINE6, ip_network("198.51.100.0/24")}


def test_what_somebody_else_has_changed_is_found_and_replaced(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.replace, SUBSCRIBERS, [LINE4])
    there(sets.change, LOCKED, [LINE4], ())
    there(nft, "add", "element", "inet", "filterd", "locked4", "{ 203.0.113.0/24 }")

    with pytest.raises(OutOfStep, match="another program has changed the rules; nothing was changed"):
        there(sets.change, LOCKED, [LINE6], ())
    assert there(held, *LOCKED_SETS) == {LINE4, ip_network("203.0.113.0/24")}
    there(sets.replace, LOCKED, [LINE4, LINE6])

    assert there(held, *LOCKED_SETS) == {LINE4, LINE6}
    there(sets.change, LOCKED, (), [LINE4])
    with pytest.raises(OutOfStep, match="not known"):  # may have been changed, too
        there(sets.change, SUBSCRIBERS, [LINE6], ())


def test_a_look_alone_finds_it_too(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.change, LOCKED, (), ())
    there(nft, "add", "table", "inet", "somebody_elses")
    try:
        with pytest.raises(OutOfStep):
            there(sets.change, LOCKED, (), ())
    finally:
        there(nft, "delete", "table", "inet", "somebody_elses")


def test_an_element_that_is_not_there_is_no_reason_to_lose_the_others(
    there: Callable[..., Any], sets: PrefixSets
) -> None:
    there(sets.change, LOCKED, [LINE4], ())

    with pytest.raises(OutOfStep):
        there(sets.change, LOCKED, [ip_network("198.51.100.0/24")], [ip_network("192.0.2.8")])

    assert there(held, *LOCKED_SETS) == {LINE4}


def test_a_table_that_was_flushed_is_told(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(nft, "delete", "table", "inet", "filterd")

    with pytest.raises(OutOfStep):
        there(sets.change, LOCKED, [LINE4], ())
    with pytest.raises(MissingSets, match="table inet filterd is missing"):
        there(sets.replace, LOCKED, [LINE4])


def test_two_groups_stay_in_step_with_one_another(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.replace, SUBSCRIBERS, [LINE4])
    for prefix in (ip_network("198.51.100.0/28"), ip_network("198.51.100.16/28")):
        there(sets.change, LOCKED, [prefix], ())
        there(sets.change, SUBSCRIBERS, [prefix], ())

    assert there(held, "locked4") == {ip_network("198.51.100.0/27")}
    assert there(held, "subscribers4") == {LINE4, ip_network("198.51.100.0/27")}


def test_a_socket_that_failed_is_given_back_and_the_kernel_is_asked_again(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overrun(link: Netlink, messages: bytes) -> list[Answer]:
        raise OSError(errno.ENOBUFS, "more was said than we could hold")

    with monkeypatch.context() as patched:
        patched.setattr(Netlink, "send", overrun)
        with pytest.raises(OutOfStep):
            there(sets.change, LOCKED, [LINE4], ())
        with pytest.raises(RuntimeError, match=r"No buffer space available; the sets stay as they were"):
            there(sets.replace, LOCKED, [LINE4])
    there(sets.replace, LOCKED, [LINE4])

    assert there(held, *LOCKED_SETS) == {LINE4}


def test_a_chain_is_filled_anew_and_the_sets_are_as_they_were(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.replace, LOCKED, [LINE4])
    for first in (3, 5):
        there(sets.fill, NftChain("filterd", "queueing"), [queue(first, 1, False)])
    there(sets.change, LOCKED, [LINE6], ())

    shown = there(nft, "list", "chain", "inet", "filterd", "queueing")
    assert [line.strip() for line in shown.splitlines() if "queue" in line][1:] == ["queue num 5"]
    assert there(held, *LOCKED_SETS) == {LINE4, LINE6}


def test_a_chain_that_is_gone_is_told(there: Callable[..., Any], sets: PrefixSets) -> None:
    with pytest.raises(MissingSets):
        there(sets.fill, NftChain("filterd", "no_such_chain"), [])


def test_a_kernel_that_has_no_queue_is_told_of(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(sets.need_queue)
    monkeypatch.setattr(nft_rules, "TARGET", b"NO_SUCH\0")

    with pytest.raises(RuntimeError, match=r"^NFQUEUE: No such file or directory; rules stay as they were; load xt_NF"):
        there(sets.need_queue)


def test_a_rule_that_queues_is_tried_and_leaves_nothing(there: Callable[..., Any], sets: PrefixSets) -> None:
    there(sets.replace, LOCKED, [LINE4])
    before = there(nft, "list", "ruleset")

    there(sets.need_queue)

    assert there(nft, "list", "ruleset") == before
    there(sets.change, LOCKED, [LINE6], ())
    assert there(held, *LOCKED_SETS) == {LINE4, LINE6}


def test_a_kernel_that_has_a_queue_but_takes_no_rule_for_it_is_told_of(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, question = there(nft, "list", "ruleset"), nft_rules.queue_question()
    monkeypatch.setattr("filterd.kernel.nft_sets.queue_question", lambda: question)
    monkeypatch.setattr(nft_rules, "TARGET", b"NO_SUCH\0")

    with pytest.raises(RuntimeError, match=r"^NFQUEUE: trial rule refused .*; rules stay as they were; "):
        there(sets.need_queue)
    assert there(nft, "list", "ruleset") == before


def test_a_kernel_that_tells_nothing_is_told_of(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(link: Netlink, request: bytes) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(Netlink, "ask", refuse)

    with pytest.raises(RuntimeError, match=r"^nft: Invalid argument; nothing was changed; run"):
        there(sets.change, LOCKED, (), ())


def test_a_kernel_that_is_out_of_breath_is_asked_again(
    there: Callable[..., Any], sets: PrefixSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, faults = Netlink.send, [errno.EINTR, errno.ERESTART, errno.ENOBUFS]

    def interrupted(link: Netlink, messages: bytes) -> list[Answer]:
        return [Answer(1, faults.pop())] if faults else send(link, messages)

    monkeypatch.setattr(Netlink, "send", interrupted)
    there(sets.replace, LOCKED, [LINE4])

    assert faults == []
    assert there(held, *LOCKED_SETS) == {LINE4}


def test_before_the_first_replacement_nothing_is_changed(there: Callable[..., Any]) -> None:
    with pytest.raises(OutOfStep, match="not known"):
        there(PrefixSets().change, LOCKED, [LINE4], ())
