import pytest
from support.images.order_rails import ORDER_RAILS

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire
from filterd.images.lists.order_rails import MALFORMED, OrderRails, is_well_formed
from filterd.images.lists.sources import ORDERS_LIST
from mgmt.orders.base.live import Live
from mgmt.orders.base.model import EntryMode
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import ICANN_SUFFIX
from rules.base.rule import Rule, UrlRule
from rules.lists.source import describe_source

BAD = to_wire(b"bad.example")


def test_what_an_order_holds_is_a_rule_with_the_orders_number_as_its_letter() -> None:
    assert ORDER_RAILS.rule(Live(BAD, EntryMode.EXACT, 7)) == Rule(BAD, Mode.EXACT, Action.NO_ACTION, 0, "7")
    assert ORDER_RAILS.rule(Live(b"bad.example/a", EntryMode.URL_PREFIX, 7)) == UrlRule(
        b"bad.example/a", Mode.SUBTREE, Action.NO_ACTION, 0, "7"
    )


def test_what_a_rail_refuses_is_no_rule_and_has_the_rails_reason() -> None:
    rails = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), ProtectedNames(["bad.example"]))

    assert rails.refusal(Live(BAD, EntryMode.EXACT, 7)) == PROTECTED
    assert rails.refusal(Live(to_wire(b"com"), EntryMode.SUBTREE, 7)) == ICANN_SUFFIX
    assert rails.refusal(Live(to_wire(b"com"), EntryMode.EXACT, 7)) is None
    assert rails.rule(Live(BAD, EntryMode.EXACT, 7)) is None


def test_what_two_persons_let_in_is_still_not_what_is_protected() -> None:
    rails = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), ProtectedNames(["github.io"]))

    assert rails.refusal(Live(to_wire(b"github.io"), EntryMode.SUBTREE, 7, is_approved=True)) == PROTECTED


@pytest.mark.parametrize(
    "row",
    [
        (None, EntryMode.EXACT, 1),
        ("bad.example", EntryMode.EXACT, 1),
        (b"", EntryMode.EXACT, 1),
        (b"\0", EntryMode.SUBTREE, 1),
        (b"\3BAD\7example\0", EntryMode.EXACT, 1),
        (b"\3bad", EntryMode.EXACT, 1),
        (to_wire(b"24.0.2.0.192.rpz-ip"), EntryMode.EXACT, 1),
        (BAD, EntryMode.BELOW, 1),
        (BAD, EntryMode.URL, 1),
        (BAD, None, 1),
        (BAD, EntryMode.EXACT, 0),
        (BAD, EntryMode.EXACT, 2**31),
        (BAD, EntryMode.EXACT, "1"),
        (b"bad.example/", EntryMode.URL_PREFIX, 1),
        (b"http://bad.example/a", EntryMode.URL, 1),
        (b"bad.example/a", EntryMode.EXACT, 1),
    ],
)
def test_a_row_that_no_judge_would_have_written_is_refused_and_raises_nothing(row: tuple[object, ...]) -> None:
    assert ORDER_RAILS.refusal(Live(*row)) == MALFORMED  # type: ignore[arg-type]


def test_only_a_canonical_name_or_url_is_looked_up() -> None:
    assert [is_well_formed(wire) for wire in (BAD, b"bad.example/a", b"bad.example/", b"\xff\0", b"A/b")] == [
        True,
        True,
        False,
        False,
        False,
    ]
