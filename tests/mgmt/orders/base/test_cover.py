"""What the entries of an order cover."""

import pytest

from mgmt.orders.base.cover import Cover
from mgmt.orders.base.judge import judge_entry
from rules.base.protected import ProtectedNames


def cover(*values: str, scope: str = "subtree") -> Cover:
    judged = [judge_entry(number, value, scope, ProtectedNames(), True) for number, value in enumerate(values, 1)]
    return Cover((each.wire, each.mode) for each in judged if each.wire is not None and each.mode is not None)


def test_a_name_covers_what_is_below_it_on_label_boundaries_and_an_exact_one_itself_alone() -> None:
    below = cover("bad.example")
    assert below.has_name("bad.example") and below.has_name("a.b.bad.example")
    assert not below.has_name("notbad.example") and not below.has_name("example")
    exact = cover("bad.example", scope="exact")
    assert exact.has_name("bad.example") and not exact.has_name("www.bad.example")


@pytest.mark.parametrize(
    ("host", "target", "is_covered"),
    [
        ("shared.example", "/a", True),
        ("shared.example", "/a/b", False),
        ("shared.example", "/dir/x", True),
        ("shared.example", "/dir", False),
        ("shared.example:8080", "/a", False),
        ("bad.example:8080", "/any", True),
    ],
)
def test_a_url_is_covered_by_its_host_by_itself_and_by_a_prefix(host: str, target: str, is_covered: bool) -> None:
    held = cover("bad.example", "http://shared.example/a", "http://shared.example/dir/*")
    assert held.has_url(host, target) is is_covered


def test_an_address_is_covered_by_its_prefix_and_a_name_is_none() -> None:
    held = cover("203.0.113.0/28", "2001:db8::1")
    assert held.has_address("203.0.113.9") and held.has_address("2001:db8::1")
    assert not held.has_address("203.0.113.99") and not held.has_address("bad.example.")


def test_nothing_covers_nothing() -> None:
    held = cover()
    assert not (held.has_name("bad.example") or held.has_url("bad.example", "/") or held.has_address("192.0.2.1"))
