import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from support.images.opened import KEY

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire
from filterd.images.compile import NamesBase, OrdersInForce, ShadowOrders
from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from filterd.images.live_delta import LiveDelta
from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.live import Live, live_entries_of, names_changed_since, orders_revision
from mgmt.orders.base.model import SCOPES, Entry, EntryMode, EntryStatus, Order
from mgmt.orders.decisions import mark_enforced
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.store import counts_of, get_order, put_order, withdraw_entries, withdraw_order
from mgmt.staff.approvals.rules import Signatory
from parental.store.database import opened, reading, writing
from rules.base.protected import ProtectedNames
from rules.lists.compiler.compile import compile_sources, list_specs
from rules.lists.source import describe_source

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
BASE_URLS = 6  # of TableSet.images


@pytest.fixture
def place(tmp_path: Path, engine: Engine) -> Any:
    return Place(tmp_path, engine)


class Place:
    """Compiles, pushes and withdraws."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        (folder / "pta.txt").write_text("listed.test\nboth.test\n")
        self.folder, self.engine, self.n_images, self.n_orders = folder, engine, 0, 0
        self.sources = [
            describe_source("pta", folder / "pta.txt", {"tier": "order"}),
            describe_source(ORDERS_LIST, None, {"tier": "order"}),
            *(describe_source(each, None, {"tier": "order", "action": "shadow"}) for each in SHADOW_LISTS),
        ]

    def rails(self, protected: Any = (), canary: Policy | None = None) -> OrderRails:
        return OrderRails(self.sources[1], ProtectedNames(protected), canary=canary)

    def compile(self, protected: Any = ()) -> Any:
        self.n_images += 1
        orders = OrdersInForce(self.engine, self.rails(protected))
        report = compile_sources(
            self.sources,
            self.folder,
            KEY,
            self.n_images,
            protected=ProtectedNames(protected),
            live={ORDERS_LIST: orders, **self.counted(protected)},
            number_order=lambda source, ref: int(ref),
        )
        return NamesBase(report.generation, [], list_specs(self.sources), {"lists": []}, orders.revision)

    def counted(self, protected: Any) -> Any:
        rails = self.rails(protected)
        return {each: ShadowOrders(self.engine, rails, at) for at, each in enumerate(SHADOW_LISTS, 1)}

    def beside(self, compiled: NamesBase, protected: Any = (), canary: Policy | None = None) -> Any:
        names, urls = (
            open_image(self.folder / f"{kind.name.lower()}-{compiled.generation}.img", kind)
            for kind in (ImageKind.NAMES, ImageKind.URLS)
        )
        base = TableSet(names, urls=urls)
        self.rails(protected, canary).settle_all(self.engine, NOW_S)
        with reading(self.engine) as conn:
            return LiveDelta(base, compiled, conn, self.rails(protected, canary))

    def tables(self, delta: Any) -> Any:
        self.n_images += 1
        names, urls = (self.folder / f"{kind}-{self.n_images}.img" for kind in ("names", "urls"))
        delta.write_names(KEY, names, self.n_images)
        delta.write_urls(KEY, urls, self.n_images)
        return TableSet(
            delta.base.images[0],
            open_image(names, ImageKind.NAMES),
            urls=delta.base.images[BASE_URLS],
            urls_delta=open_image(urls, ImageKind.URLS),
        )

    def push(self, *names: Any, mode: EntryMode = EntryMode.SUBTREE, is_shadow: bool = False) -> Any:
        self.n_orders += 1
        entries = [
            Entry(
                number,
                f"{name}*" if mode == EntryMode.URL_PREFIX else name,
                name.encode() if "/" in name else to_wire(name.encode()),
                mode,
                EntryStatus.PENDING,
                None,
            )
            for number, name in enumerate(names, 1)
        ]
        with writing(self.engine) as conn:
            order = Order("PTA", str(self.n_orders), "", mode, None, False, (), is_shadow=is_shadow)
            return put_order(conn, order, entries, b"", NOW, CONTROL)

    def withdraw(self, order: Any, *numbers: Any) -> Any:
        with writing(self.engine) as conn:
            if numbers:
                return withdraw_entries(conn, order, numbers, "", NOW, CONTROL)
            return withdraw_order(conn, order, "", NOW, CONTROL)

    def catch_up(self, delta: Any) -> None:
        with writing(self.engine) as conn:
            delta.rails.settle(conn, delta.orders_revision, NOW_S)
            delta.catch_up(conn)


def test_a_base_includes_the_orders_of_its_moment_and_the_delta_is_empty(place: "Place") -> None:
    order = place.push("ordered.test")
    delta = place.beside(place.compile())

    assert delta.n_names == 0
    assert delta.base.decide(to_wire(b"www.ordered.test"), None, 0).order == order


def test_an_order_in_the_base_that_is_withdrawn_is_gone_with_the_delta_and_the_lists_stay(place: "Place") -> None:
    order = place.push("ordered.test", "both.test")
    delta = place.beside(place.compile())
    place.withdraw(order)
    place.catch_up(delta)
    tables = place.tables(delta)

    assert tables.matches(to_wire(b"ordered.test")) == []
    assert [match.list for match in tables.matches(to_wire(b"both.test"))] == ["pta"]


@pytest.mark.parametrize("is_in_base", [True, False])
def test_an_order_in_shadow_decides_nothing_and_is_named_as_what_would_have(
    place: "Place", *, is_in_base: bool
) -> None:
    def push() -> Any:
        return place.push("ordered.test", "both.test", is_shadow=True)

    order = push() if is_in_base else None
    if is_in_base:
        place.beside(place.compile())  # control gives it its place
    delta = place.beside(place.compile())
    order = order or push()
    place.catch_up(delta)
    assert (delta.n_names == 0) is is_in_base
    tables = place.tables(delta)

    decision = tables.decide(to_wire(b"www.ordered.test"), None, 0)
    assert (decision.action, decision.list, decision.shadow) == (Action.PASSTHRU, None, SHADOW_LISTS[0])
    listed = tables.decide(to_wire(b"both.test"), None, 0)
    assert (listed.list, listed.shadow) == ("pta", None), "what is blocked already is not counted for it"
    with writing(place.engine) as conn:
        agree_to_enforce(conn, order)
    place.catch_up(delta)
    decision = place.tables(delta).decide(to_wire(b"www.ordered.test"), None, 0)
    assert (decision.list, decision.order, decision.shadow) == (ORDERS_LIST, order, None)


def test_an_order_in_shadow_that_is_withdrawn_is_gone_from_base_and_delta(place: "Place") -> None:
    order = place.push("ordered.test", is_shadow=True)
    place.beside(place.compile())
    delta = place.beside(place.compile())
    place.withdraw(order)
    place.catch_up(delta)

    assert place.tables(delta).matches(to_wire(b"ordered.test")) == []


def test_beside_a_base_of_an_earlier_release_an_order_in_shadow_waits_for_the_next_one(place: "Place") -> None:
    place.sources = place.sources[:2]
    delta = place.beside(place.compile())
    place.push("ordered.test", is_shadow=True)
    place.push("other.test")
    place.catch_up(delta)
    tables = place.tables(delta)

    assert tables.matches(to_wire(b"ordered.test")) == []
    assert tables.decide(to_wire(b"other.test"), None, 0).list == ORDERS_LIST


def agree_to_enforce(conn: Any, order: int) -> None:
    said = Proposal(kind="enforce", number=None, reason="r", reference="WA/9", collateral="c")
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    approve(conn, propose(conn, get_order(conn, order), said, first, NOW), second, NOW)


def test_a_name_that_a_second_order_holds_stays_under_its_number(place: "Place") -> None:
    first, second = place.push("ordered.test"), place.push("ordered.test")
    delta = place.beside(place.compile())
    place.withdraw(first)
    place.catch_up(delta)

    assert place.tables(delta).decide(to_wire(b"ordered.test"), None, 0).order == second


def test_one_more_order_costs_a_look_at_its_own_names_only(place: "Place", monkeypatch: pytest.MonkeyPatch) -> None:
    place.push(*(f"n{number}.test" for number in range(50)))
    delta = place.beside(place.compile())
    place.push("late.test")
    read: list[bytes] = []

    def noting(conn: Connection, wires: Sequence[bytes], canary: str | None) -> Iterator[Live]:
        read.extend(wires)
        return live_entries_of(conn, wires, canary)

    monkeypatch.setattr("filterd.images.live_delta.live_entries_of", noting)
    monkeypatch.delattr("filterd.images.live_delta.live_entries")
    place.catch_up(delta)

    assert read == [to_wire(b"late.test")]
    assert place.tables(delta).decide(to_wire(b"late.test"), None, 0).list == ORDERS_LIST


def test_what_came_while_the_base_was_compiled_is_in_the_delta(place: "Place") -> None:
    gone = place.push("gone.test")
    compiled = place.compile()
    place.withdraw(gone)
    place.push("late.test")
    tables = place.tables(place.beside(compiled))

    assert tables.decide(to_wire(b"late.test"), None, 0).list == ORDERS_LIST
    assert tables.matches(to_wire(b"gone.test")) == []


def test_an_order_that_a_rail_kept_out_of_the_base_stays_out_and_asks_for_no_merge(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 0)
    place.push("rail.test")
    delta = place.beside(place.compile(protected=["rail.test"]), protected=["rail.test"])

    assert place.tables(delta).matches(to_wire(b"rail.test")) == []
    assert not delta.is_overgrown
    place.push("late.test")
    place.catch_up(delta)
    assert delta.is_overgrown


def test_what_is_tried_is_in_the_delta_of_the_canary_gateway_and_in_no_base_and_calls_for_none(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 0)
    first, other = (Policy("first", here, 600, 0) for here in ("first", "other"))
    order = place.push("tried.test")
    found: dict[str, Any] = {}
    undecided = place.compile()  # before control has looked at it
    for compiled in (undecided, None):
        compiled = compiled or place.compile()
        found = {each.here: place.beside(compiled, canary=each) for each in (other, first)}
        asked = {name: place.tables(each).decide(to_wire(b"tried.test"), None, 0) for name, each in found.items()}
        assert {name: decision.order for name, decision in asked.items()} == {"first": order, "other": 0}
    assert found["first"].base.matches(to_wire(b"tried.test")) == []
    assert not found["first"].is_overgrown


def test_a_url_comes_and_goes_and_is_merged_as_a_name_is(place: "Place") -> None:
    def found(tables: Any, url: Any) -> Any:
        return tables.decide_url(None, url, None, 0).order

    delta = place.beside(place.compile())
    exact, prefix = place.push("a.test/x", mode=EntryMode.URL), place.push("a.test/y/", mode=EntryMode.URL_PREFIX)
    place.catch_up(delta)
    tables = place.tables(delta)
    asked = (b"a.test/x", b"a.test/x/1", b"a.test/y/1", b"a.test/")
    assert [found(tables, url) for url in asked] == [exact, 0, prefix, 0]

    merged = place.beside(place.compile())
    assert (delta.n_names, merged.n_names) == (2, 0)
    assert found(merged.base, b"a.test/y/1") == prefix
    place.withdraw(prefix)
    place.catch_up(merged)
    assert [found(place.tables(merged), url) for url in (b"a.test/x", b"a.test/y/1")] == [exact, 0]


def test_a_name_pushed_and_withdrawn_again_leaves_no_trace(place: "Place") -> None:
    delta = place.beside(place.compile())
    place.withdraw(place.push("ordered.test"))
    place.catch_up(delta)

    assert delta.n_names == 0


PROTECTED = ("bank.test", "www.school.test")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(to_wire(name.encode()) for name in ("com", "com.pk", "pk", "school.test", "a.bank.test", "ok.test")),
                *(to_wire(name.encode()) for name in ("bank.test", "sch.uk", "github.io", "x.github.io", "7.rpz-ip")),
                *(b"a.test/x", b"bank.test/x", b"com/", b"com.pk", b"A.test/y", b"a.test/../y", b"http://a.test/z"),
                *(
                    b"",
                    b"\0",
                    b"\x03com",
                    b"\x03COM\0",
                    b"\x40com\0",
                    b"\x03com\0\0",
                    b"\xc0\x00",
                    "com",
                    "ok.test",
                    7,
                    None,
                ),
            ]
        ),
        st.sampled_from(
            ["subtree", "exact", "below", EntryMode.URL, EntryMode.URL_PREFIX, "SUBTREE", "", None, 3, b"subtree"]
        ),
        st.sampled_from(["pending", "enforced", "enforced_http_only", "refused_protected"]),
        st.sampled_from([1, 0, -1, 2**40, "x"]),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(before=ROWS, after=ROWS)
def test_base_and_delta_never_hold_what_a_rail_refuses_whoever_wrote_the_rows(before: Any, after: Any) -> None:
    with TemporaryDirectory() as folder, opened(Path(folder) / "db") as engine:
        place = Place(Path(folder), engine)
        write_as_the_web_role_could(place, before, 1)
        delta = place.beside(place.compile(PROTECTED), PROTECTED)
        write_as_the_web_role_could(place, after, 1000)
        place.rails(PROTECTED).settle_all(engine, NOW_S)
        place.catch_up(delta)

        for name in (
            b"com",
            b"x.com",
            b"x.com.pk",
            b"x.pk",
            b"x.sch.uk",
            b"x.github.io",
            b"www.school.test",
            b"bank.test",
        ):
            held = [match.rule for match in place.tables(delta).matches(to_wire(name)) if match.list == ORDERS_LIST]
            assert held in ([], [name.decode()]), name  # a rule of just this name, where it is no protected one
            assert not held or name not in (b"www.school.test", b"bank.test")
        of_url = [match.rule for match in place.tables(delta).url_matches(b"com/x")]
        assert of_url in ([], ["com"])  # by a rule of just that name, as above; never by one of the URL


def write_as_the_web_role_could(place: "Place", rows: Any, first: int) -> None:
    """Whatever a process may write that holds the database, keys and types unchecked."""
    with sqlite3.connect(place.folder / "db") as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        conn.execute("DROP TRIGGER IF EXISTS entries_on_insert")
        for number, (wire, mode, status, order) in enumerate(rows, first):
            said = (order, number, "", wire, mode, status, None, 10**9 + number)
            columns = '"order", number, value, wire, mode, status, reason, revision'
            conn.execute(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", said)
    conn.close()


def test_the_row_of_what_control_refuses_says_so_and_comes_into_force_when_it_no_longer_does(place: "Place") -> None:
    order = place.push("rail.test", "ok.test")
    place.rails(["rail.test"]).settle_all(place.engine, NOW_S)
    with reading(place.engine) as conn:
        assert counts_of(conn, order) == {"pending": 1, "refused_protected": 1}
        assert mark_enforced_at(place) == 1
    delta = place.beside(place.compile(["rail.test"]), ["rail.test"])
    assert place.tables(delta).matches(to_wire(b"rail.test")) == []

    place.rails().settle_all(place.engine, NOW_S)
    delta.rails = place.rails()
    place.catch_up(delta)
    with reading(place.engine) as conn:
        assert counts_of(conn, order) == {"pending": 1, "enforced": 1}
    assert place.tables(delta).decide(to_wire(b"rail.test"), None, 0).order == order


def mark_enforced_at(place: "Place") -> int:
    with writing(place.engine) as conn:
        return mark_enforced(conn, orders_revision(conn), 9, NOW)


NAMES = ("listed.test", "both.test", "a.test", "b.a.test", "c.b.a.test", "d.test")
PUSH = st.tuples(st.just("push"), st.sets(st.sampled_from(NAMES), min_size=1, max_size=3), st.sampled_from(SCOPES))
WITHDRAW = st.tuples(st.just("withdraw"), st.integers(0, 9), st.sampled_from([(), (1,)]))
MERGE = st.tuples(st.just("merge"), st.sampled_from(NAMES), st.integers(0, 9))


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(PUSH | WITHDRAW | MERGE, max_size=12))
def test_decisions_are_the_databases_before_and_after_a_merge_whatever_is_pushed_and_withdrawn(steps: Any) -> None:
    with TemporaryDirectory() as folder, opened(Path(folder) / "db") as engine:
        place = Place(Path(folder), engine)
        delta, held = place.beside(place.compile()), []
        for what, one, two in steps:
            if what == "push":
                held.append(place.push(*sorted(one), mode=two))
            elif what == "withdraw" and held:
                place.withdraw(held[one % len(held)], *two)
            elif what == "merge":
                compiled = place.compile()  # and more comes and goes before it is in force
                held.append(place.push(one))
                place.withdraw(held[two % len(held)])
                before = answers(place, delta)
                delta = place.beside(compiled)
                assert answers(place, delta) == before
            assert answers(place, delta) == expected(place)


def answers(place: "Place", delta: Any) -> Any:
    place.catch_up(delta)
    tables = place.tables(delta)
    return {
        name: sorted((m.mode, m.order) for m in tables.matches(to_wire(name.encode())) if m.list == ORDERS_LIST)
        for name in NAMES
    }


def expected(place: "Place") -> Any:
    """By the database alone."""
    with reading(place.engine) as conn:
        live = list(live_entries_of(conn, names_changed_since(conn, 0)))
    said = {}
    for name in NAMES:
        wire, rows = to_wire(name.encode()), []
        for entry in live:
            mode = Mode[entry.mode.upper()]
            if entry.wire == wire or (mode is Mode.SUBTREE and wire.endswith(entry.wire)):
                rows.append((mode, entry.order))
        said[name] = sorted(rows)
    return said
