from pathlib import Path
from typing import Any

import pytest

from filterd.config import Config, read_config
from filterd.images.lists.rails import canary_of, order_rails_of, protected_of, protected_prefixes, tries_as
from mgmt.orders.base.live import Live
from mgmt.orders.base.model import EntryMode
from rules.base.hosts_of_many import UNKNOWN
from rules.base.protected import PROTECTED

SAID = b"""
dns: {upstreams: ["192.0.2.53:53", "tls://[2001:db8::53]:853#dns.test"], listen: ["192.0.2.1:53", "[::]:53"]}
splash: {address4: 192.0.2.80}
protected: {names: [bank.test], prefixes: [203.0.113.0/28], shared_hosting: [cloud.txt]}
lists:
  - {id: z, zone: z.test, primaries: ["198.51.100.53:53"], format: rpz, tier: security}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "cloud.txt").write_text("# a cloud, 2026-11-01\n198.51.100.0/28\n")
    return read_config(SAID, "test", tmp_path)


def refusal(config: Config, text: bytes) -> Any:
    return order_rails_of(config).refusal(Live(text, EntryMode.ADDRESS, 1))


def test_what_the_box_itself_needs_is_protected_beside_what_is_configured(config: Config) -> None:
    assert protected_prefixes(config) == sorted(
        ["192.0.2.1", "192.0.2.53", "192.0.2.80", "198.51.100.53", "2001:db8::53", "203.0.113.0/28"]
    )
    assert protected_of(config)


@pytest.mark.parametrize(
    "text", [b"192.0.2.53", b"192.0.2.0/24", b"2001:db8::53", b"203.0.113.15", b"198.51.100.53", b"192.0.2.80"]
)
def test_an_order_closes_none_of_it(config: Config, text: bytes) -> None:
    assert refusal(config, text) == PROTECTED


def test_a_list_of_shared_hosting_that_changes_is_read_again(config: Config, tmp_path: Path) -> None:
    assert "a cloud of 2026-11-01" in refusal(config, b"198.51.100.1")
    assert refusal(config, b"198.51.100.200") is None

    (tmp_path / "cloud.txt").write_text("# another, 2026-11-02\n198.51.100.192/26\n")
    assert "another of 2026-11-02" in refusal(config, b"198.51.100.200")

    (tmp_path / "cloud.txt").unlink()
    assert refusal(config, b"198.51.100.1") == UNKNOWN


@pytest.mark.parametrize(
    ("said", "name"),
    [("{gateway: gw1, name: gw1}", "gw1"), ("{gateway: gw1, name: gw2}", None), ("{name: gw1}", None)],
)
def test_a_gateway_tries_orders_where_the_settings_name_it(tmp_path: Path, said: str, name: str | None) -> None:
    url = "database: {url: 'postgresql://db.example/filterd'}"
    config = read_config(
        f"dns: {{upstreams: ['192.0.2.53:53']}}\n{url}\norders: {{canary: {said}}}".encode(), "x", tmp_path
    )
    assert tries_as(config) == name
    assert (canary_of(config) is None) is ("gateway" not in said)


@pytest.mark.parametrize(
    ("gate", "workers"),
    [("workers: 1", 0), ("mode: tap, tap_interfaces: [eth1]", 1), ("mode: tap, tap_interfaces: [eth1]", 0)],
)
def test_the_rails_know_what_this_box_stops(tmp_path: Path, gate: str, workers: int) -> None:
    said = f"dns: {{upstreams: ['192.0.2.53:53'], workers: {workers}}}\ngate: {{{gate}}}\n"
    rails = order_rails_of(read_config(said.encode(), "x", tmp_path))

    is_inline = "tap" not in gate
    assert (rails.has_gate, rails.stops_names) == (is_inline, is_inline or workers > 0)
