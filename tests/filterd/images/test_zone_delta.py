"""A zone's changes in the delta are what compiling the changed zone would make of them."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from support.dns.played_primary import APEX, soa
from support.images.order_rails import ORDER_RAILS

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.wire.name import to_wire
from filterd.images.compile import NamesBase
from filterd.images.lists.sources import ORDERS_LIST
from filterd.images.live_delta import LiveDelta
from filterd.images.zone_delta import is_by_itself, take_differences
from parental.store.database import opened, reading
from rules.base.prefixes import wire_of_text
from rules.base.protected import ProtectedNames
from rules.lists.compiler.compile import compile_sources, list_specs
from rules.lists.source import describe_source
from rules.lists.zone_copy import SILENT, Difference, apply, head, record_line

KEY = bytes(16)
OWNERS = [
    *("a", "*.a", "b.a", "*.b.a", "c.b.a", "d", "*.d", "e.d", "x.suffix", "kept.isp"),
    "32.1.2.0.192.rpz-ip",
    "24.0.2.0.192.rpz-ip",
    "32.zz.db8.2001.rpz-ip",
    "8.0.0.0.10.rpz-ip",
    "24.1.2.0.192.rpz-ip",
    "com",
]
TARGETS = [b"\0", b"\1*\0", b"\x0crpz-passthru\0", b"\x08rpz-drop\0", b"\6garden\4test\0"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "10.0.0.1"]
ASKED = [
    f"{name}.test"
    for name in (
        "a",
        "z.a",
        "b.a",
        "z.b.a",
        "c.b.a",
        "z.c.b.a",
        "d",
        "z.d",
        "e.d",
        "z.e.d",
        "x.suffix",
        "z.x.suffix",
        "kept.isp",
        "z.kept.isp",
        "none",
    )
]
PROTECTED = ProtectedNames(["kept.isp.test"])


def soa_line(serial: int) -> Any:
    return record_line(APEX, APEX, 6, 60, soa(serial).rdata)


def line(owner: Any, target: Any) -> Any:
    name = owner if "rpz-ip" in owner or owner == "com" else owner + ".test"
    return record_line(APEX, to_wire_any(name) + APEX, 5, 60, target)


def to_wire_any(name: str) -> Any:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))


class Place:
    """Compiles a copy, and makes the delta beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_images = folder, 0
        self.copy = folder / "copy-0"

    def write(self, lines: Any) -> None:
        self.copy.write_bytes(head(APEX, soa_line(1)) + b"".join(lines))

    def source(self) -> Any:
        from dataclasses import replace

        return replace(describe_source("z", self.copy, {"format": "rpz", "tier": "security"}), is_zone=True)

    def compile(self) -> Any:
        self.n_images += 1
        sources = [self.source(), describe_source(ORDERS_LIST, None, {"tier": "order"})]
        compile_sources(sources, self.folder, KEY, self.n_images, protected=PROTECTED)
        return NamesBase(self.n_images, [], list_specs(sources), {"lists": []}, 0), self.base()

    def base(self) -> Any:
        names, urls = (
            open_image(self.folder / f"{kind.name.lower()}-{self.n_images}.img", kind)
            for kind in (ImageKind.NAMES, ImageKind.URLS)
        )
        return TableSet(names, urls=urls)

    def with_delta(self, orders: Any) -> Any:
        self.n_images += 1
        path = self.folder / f"names-{self.n_images}.img"
        orders.write_names(KEY, path, self.n_images)
        return TableSet(orders.base.images[0], open_image(path, ImageKind.NAMES))

    def apply(self, difference: Any) -> None:
        lines: list[bytes] = []
        apply(self.copy, [difference], lines.append)
        (self.folder / "copy-1").write_bytes(b"".join(lines))
        self.copy = self.folder / "copy-1"


def decided(tables: Any) -> Any:
    found = {}
    for name in ASKED + ADDRESSES:
        decision = tables.decide(wire_of_text(name) or to_wire(name.encode()), None, 0)
        found[name] = (decision.action, decision.reason, decision.list)
    return found


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_delta_decides_as_the_changed_zone_would(data: Any) -> None:
    zone = data.draw(st.dictionaries(st.sampled_from(OWNERS), st.sampled_from(TARGETS)))
    new = data.draw(st.dictionaries(st.sampled_from(OWNERS), st.sampled_from(TARGETS)))
    removed = [line(*each) for each in zone.items() if new.get(each[0]) != each[1]]
    added = [line(*each) for each in new.items() if zone.get(each[0]) != each[1]]
    difference = Difference(1, 2, soa_line(2), removed, added)
    with TemporaryDirectory() as folder, opened(Path(folder) / "db") as engine, reading(engine) as conn:
        place = Place(Path(folder))
        place.write(line(*each) for each in zone.items())
        compiled, base = place.compile()
        orders = LiveDelta(base, compiled, conn, ORDER_RAILS)
        take_differences(orders, place.source(), PROTECTED, [difference])
        by_delta = decided(place.with_delta(orders))
        place.apply(difference)
        assert by_delta == decided(place.compile()[1])


def test_a_change_and_its_contrary_leave_no_trace(tmp_path: Path, engine: Engine) -> None:
    place = Place(tmp_path)
    place.write([line("a", TARGETS[0])])
    compiled, base = place.compile()
    there = Difference(1, 2, soa_line(2), [line("a", TARGETS[0])], [line("b.a", TARGETS[1])])
    back = Difference(2, 3, soa_line(3), [line("b.a", TARGETS[1])], [line("a", TARGETS[0])])
    with reading(engine) as conn:
        orders = LiveDelta(base, compiled, conn, ORDER_RAILS)

    take_differences(orders, place.source(), PROTECTED, [there])
    assert orders.n_names == 2
    take_differences(orders, place.source(), PROTECTED, [back])
    assert orders.n_names == 0


def test_what_a_rail_stops_is_counted_and_not_in_force(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path)
    place.write([])
    compiled, base = place.compile()
    with reading(engine) as conn:
        orders = LiveDelta(base, compiled, conn, ORDER_RAILS)
    added = [line("kept.isp", TARGETS[0]), line("8.0.0.0.10.rpz-ip", TARGETS[0]), line("d", TARGETS[0])]

    take_differences(orders, place.source(), PROTECTED, [Difference(1, 2, soa_line(2), [], added)])

    assert orders.n_names == 1
    assert "2 new records are not enforced" in caplog.text
    assert "kept" not in caplog.text


@pytest.mark.parametrize(("rtype", "rdata", "is_one"), [(5, b"\0", True), (1, bytes(4), False), (16, b"\1a", False)])
def test_only_an_alias_is_a_rule_by_itself(rtype: int, rdata: Any, is_one: bool) -> None:
    assert is_by_itself(record_line(APEX, b"\1a" + APEX, rtype, 60, rdata)) == is_one
    assert 5 not in SILENT


@pytest.mark.parametrize(
    ("owner", "is_one"),
    [
        ("24.0.2.0.192.rpz-ip", True),
        ("25.0.2.0.192.rpz-ip", False),
        ("36.zz.db8.2001.rpz-ip", True),
        ("33.zz.db8.2001.rpz-ip", False),
        ("24.1.2.0.192.rpz-ip", True),
        ("x.rpz-ip", True),
    ],
)
def test_a_prefix_that_shares_its_names_with_others_is_none(owner: str, is_one: bool) -> None:
    assert is_by_itself(line(owner, TARGETS[0])) == is_one
