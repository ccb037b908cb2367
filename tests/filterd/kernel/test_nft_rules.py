"""Rules as octets, put into a real kernel and listed by nft."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support.system.namespace import a_network_of_its_own

from filterd.kernel import nft_rules
from filterd.kernel.netlink import F_ACK, F_CREATE, Answer, Netlink, message
from filterd.kernel.nft_elements import Change, NftSet
from filterd.kernel.nft_rules import DELETE_RULE, NEW_RULE, NftChain, goto, held, of_version, queue, queue_question

pytestmark = pytest.mark.kernel

CHAIN = NftChain("filterd", "some")
SET = NftSet("filterd", "addresses", 4)
TABLE = """\
table inet filterd
delete table inet filterd
table inet filterd { set addresses { type ipv4_addr; }; chain other { drop; }; chain some { }; }
"""


def put_table() -> None:
    subprocess.run(("nft", "-f", "-"), input=TABLE, check=True, text=True)


def commit(changes: Sequence[Change]) -> list[Answer]:
    """One transaction, whatever was before."""
    batch = [message(0x10, 0, 0, 0, b"", 10)]  # NFNL_MSG_BATCH_BEGIN, NFNL_SUBSYS_NFTABLES
    for number, change in enumerate(changes, 1):
        batch.append(message(10 << 8 | change.kind, F_CREATE | F_ACK, number, 1, change.attributes))
    batch.append(message(0x11, 0, len(changes) + 1, 0, b"", 10))
    with Netlink() as link:
        return link.send(b"".join(batch))


def listed() -> list[Any]:
    """The expressions of each rule, as nft reads them."""
    argv = ("nft", "-j", "list", "chain", "inet", "filterd", "some")
    shown = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)["nftables"]
    return [part["rule"]["expr"] for part in shown if "rule" in part]


@pytest.fixture
def there() -> Iterator[Callable[..., Any]]:
    """call(function, *arguments) in a namespace with an empty chain in it."""
    with a_network_of_its_own() as call:
        call(put_table)
        yield call


def matches(version: str) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": version}}


@pytest.mark.parametrize("version", [4, 6])
def test_packets_of_one_version_are_sent_to_a_chain(there: Callable[..., Any], version: int) -> None:
    answers = there(commit, [CHAIN.add([*of_version(version), *goto("other")])])

    assert answers == [Answer(1, 0)]
    assert there(listed) == [[matches(f"ipv{version}"), {"goto": {"target": "other"}}]]


@pytest.mark.parametrize("offset", [36, 26])
def test_octets_anywhere_in_a_header_are_looked_for_among_addresses(there: Callable[..., Any], offset: int) -> None:
    answers = there(commit, [CHAIN.add([*held(offset, SET), *goto("other")])])

    assert answers == [Answer(1, 0)]
    octets = {"payload": {"base": "nh", "offset": 8 * offset, "len": 32}}
    found = {"match": {"op": "==", "left": octets, "right": "@addresses"}}
    assert there(listed) == [[found, {"goto": {"target": "other"}}]]


@pytest.mark.parametrize(
    ("first", "n_queues", "is_open", "shown"),
    [(0, 1, True, "queue num 0 bypass"), (65535, 1, False, "queue num 65535"), (4, 3, True, "queue num 4-6 bypass")],
)
def test_packets_are_queued(there: Callable[..., Any], first: int, n_queues: int, is_open: bool, shown: str) -> None:
    assert there(commit, [CHAIN.add(queue(first, n_queues, is_open))]) == [Answer(1, 0)]
    argv = ("nft", "list", "chain", "inet", "filterd", "some")
    listed_text = there(subprocess.run, argv, -1, None, None, subprocess.PIPE).stdout.decode()

    assert [line.strip() for line in listed_text.splitlines() if "queue" in line] == [shown]


def test_the_kernel_tells_whether_it_has_the_target_of_a_queue(
    there: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> int:
        with Netlink() as link:
            return link.ask(queue_question()).kind

    assert there(ask) == 11 << 8  # NFNL_SUBSYS_NFT_COMPAT, NFNL_MSG_COMPAT_GET
    monkeypatch.setattr(nft_rules, "TARGET_REVISION", 200)
    with pytest.raises(OSError, match="not supported"):
        there(ask)


def test_a_rule_stands_before_those_that_were_there(there: Callable[..., Any]) -> None:
    there(commit, [CHAIN.add(goto("other")), CHAIN.add(of_version(6))])

    assert there(listed) == [[matches("ipv6")], [{"goto": {"target": "other"}}]]


def test_all_rules_of_a_chain_are_replaced_in_one_transaction(there: Callable[..., Any]) -> None:
    there(commit, [CHAIN.add(goto("other")), CHAIN.add(goto("other"))])

    answers = there(commit, [CHAIN.flush(), CHAIN.add(of_version(4))])

    assert answers == [Answer(1, 0), Answer(2, 0)]
    assert there(listed) == [[matches("ipv4")]]


def test_a_chain_that_is_not_there_is_told(there: Callable[..., Any]) -> None:
    missing = NftChain("filterd", "missing")

    assert [answer.fault for answer in there(commit, [missing.flush()])] == [2]  # ENOENT
    assert [answer.fault for answer in there(commit, [CHAIN.add(goto("missing"))])] == [2]
    assert there(listed) == []


def test_what_a_change_does_is_its_kind() -> None:
    assert (CHAIN.flush().kind, CHAIN.add([]).kind) == (DELETE_RULE, NEW_RULE)
