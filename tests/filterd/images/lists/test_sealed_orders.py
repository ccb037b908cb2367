from pathlib import Path

import pytest
from support.lists.one_list import config_of

from fastpath.images.verdict import Action, Tier
from filterd.images.lists.sealed_orders import Bundle, SealedOrder, bundle_of, bundle_source, unpacked
from filterd.images.lists.sources import config_sources
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from rules.base.errors import BadList

ONE, OTHER = SealedOrder(1, "plain", b"\x01message"), SealedOrder(2, "csv", b"\x02message")


def test_a_bundle_is_another_file_once_it_holds_other_orders_and_none_where_it_holds_none(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "lists/sealed-orders")

    assert bundle.path() is None and not bundle.put([])
    assert bundle.put([ONE]) and not bundle.put([ONE])
    first = bundle.path()
    assert bundle.put([ONE, OTHER]) and bundle.path() != first
    assert len(list(bundle.folder.iterdir())) == 1 and bundle.folder.stat().st_mode & 0o77 == 0
    assert bundle.put([]) and bundle.path() is None


def test_what_a_crash_left_of_the_bundle_before_is_taken_away(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.put([ONE])
    first = bundle.path()
    assert first is not None
    octets = first.read_bytes()
    bundle.put([OTHER])
    (tmp_path / first.name).write_bytes(octets)

    bundle.put([OTHER, ONE])

    assert len(list(tmp_path.iterdir())) == 1


def test_the_bundle_is_a_sealed_list_of_tier_csam_before_the_lists_without_a_source(tmp_path: Path) -> None:
    config = config_of(tmp_path, "file: pta.txt, format: plain")
    bundle_of(config).put([ONE])

    ids = [source.id for source in config_sources(config)]
    source = bundle_source(config, "splash")

    assert ids[-11:] == ["sealed-orders", "help-corridor", "orders", *SHADOW_LISTS]
    assert source is not None and source.is_sealed and source.confidential
    assert (source.tier, source.action) == (Tier.CSAM, Action.SPLASH)


def test_each_message_is_a_file_for_the_reader_in_its_own_format(tmp_path: Path) -> None:
    config = config_of(tmp_path, "file: pta.txt, format: plain")
    bundle_of(config).put([ONE, OTHER])
    source = bundle_source(config, "nxdomain")
    assert source is not None

    found = unpacked(source, tmp_path)

    assert found.numbers == [1, 2]
    assert [(copy.read_bytes(), each.id, each.format) for copy, each in found.copies] == [
        (b"\x01message", "order-1", "plain"),
        (b"\x02message", "order-2", "csv"),
    ]


def test_a_bundle_that_cannot_be_read_is_no_list_and_none_of_it_is_told(tmp_path: Path) -> None:
    config = config_of(tmp_path, "file: pta.txt, format: plain")
    bundle_of(config).put([ONE])
    source = bundle_source(config, "splash")
    assert source is not None and source.path is not None
    source.path.write_bytes(b"[{}]")

    with pytest.raises(BadList, match=r"list 'sealed-orders': .*ValidationError; not compiled"):
        unpacked(source, tmp_path)
