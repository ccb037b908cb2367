"""Elements as octets, read by pyroute2; the kernel's view of them is in test_nftsets."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.nfnetlink.nftsocket import nft_set_elem_list_msg

from filterd.kernel.netlink import message
from filterd.kernel.nft_elements import DELETE_ELEMENTS, NEW_ELEMENTS, Change, NftSet

V4, V6 = NftSet("filterd", "some4", 4), NftSet("filterd", "some6", 16)


def in_a_row(where: NftSet, keys: list[int]) -> bytes:
    return b"".join(key.to_bytes(where.width) for key in keys)


def read(change: Change) -> list[tuple[bytes, bool]]:
    """(key, whether it is an interval's end) of each element of a message."""
    theirs = nft_set_elem_list_msg(message(10 << 8 | change.kind, 0, 1, 1, change.attributes))
    theirs.decode()
    assert theirs.get_attr("NFTA_SET_ELEM_LIST_TABLE") == "filterd"
    assert theirs.get_attr("NFTA_SET_ELEM_LIST_SET") in ("some4", "some6")
    return [
        (
            each.get_attr("NFTA_SET_ELEM_KEY").get_attr("NFTA_DATA_VALUE"),
            each.get_attr("NFTA_SET_ELEM_FLAGS") is not None,
        )
        for each in theirs.get_attr("NFTA_SET_ELEM_LIST_ELEMENTS") or ()
    ]


@pytest.mark.parametrize(("where", "address"), [(V4, IPv4Address), (V6, IPv6Address)], ids=["4", "6"])
@given(data=st.data())
def test_keys_are_addresses_in_network_order(
    where: NftSet, address: type[IPv4Address | IPv6Address], data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.integers(0, (1 << 8 * where.width) - 1), min_size=1, max_size=20))

    [change] = where.of_keys(NEW_ELEMENTS, in_a_row(where, keys))

    assert change.kind == NEW_ELEMENTS
    assert read(change) == [(address(key).packed, False) for key in keys]


def test_an_interval_is_its_first_address_and_the_one_behind_its_last() -> None:
    [change] = V4.of_spans(DELETE_ELEMENTS, in_a_row(V4, [0xC0000200, 0xC0000300, 1, 3]))

    assert read(change) == [
        (bytes((192, 0, 2, 0)), False),
        (bytes((192, 0, 3, 0)), True),
        (bytes((0, 0, 0, 1)), False),
        (bytes((0, 0, 0, 3)), True),
    ]


@pytest.mark.parametrize("where", [V4, V6], ids=["4", "6"])
def test_an_interval_up_to_the_last_address_has_no_end(where: NftSet) -> None:
    top = 1 << 8 * where.width
    changes = list(where.of_spans(NEW_ELEMENTS, in_a_row(where, [0, 1, top - 2, 0])))

    assert [read(change) for change in changes] == [
        [(bytes(where.width), False), (bytes(where.width - 1) + b"\1", True)],
        [(b"\xff" * (where.width - 1) + b"\xfe", False)],
    ]


@pytest.mark.parametrize("where", [V4, V6], ids=["4", "6"])
@pytest.mark.parametrize("n", [0, 1, 100, 1000, 5000])
def test_as_many_messages_as_the_elements_need_hold_them_all_in_order(where: NftSet, n: int) -> None:
    keys = [3 * number for number in range(n)]
    changes = list(where.of_keys(NEW_ELEMENTS, in_a_row(where, keys)))
    spans = list(where.of_spans(NEW_ELEMENTS, in_a_row(where, [each for key in keys for each in (key, key + 2)])))

    assert [int.from_bytes(key) for change in changes for key, _ in read(change)] == keys
    assert [int.from_bytes(key) for change in spans for key, is_end in read(change) if not is_end] == keys
    assert all(len(change.attributes) < 1 << 16 for change in (*changes, *spans))


def test_a_flush_names_no_element() -> None:
    assert read(V4.flush()) == []
    assert V4.flush().kind == DELETE_ELEMENTS
