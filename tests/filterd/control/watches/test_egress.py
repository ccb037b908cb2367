"""The addresses from which this gateway asks DNS."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import SAID, make
from support.present import present

from dns.base.endpoints import Endpoint
from filterd.config import Config, load
from filterd.control.watches import egress
from filterd.control.watches.egress import gateway_of, look, source
from mgmt.registers.egress.statement import Source
from mgmt.registers.egress.store import newest
from parental.store.database import reading

UPSTREAMS = 'upstreams: ["192.0.2.53:53", "tls://[2001:db8::53]:853", "127.0.0.1:5353"]'


def config_of(place: Path, dns: str) -> Config:
    (place / "f.yaml").write_text(SAID.replace('upstreams: ["192.0.2.53:53"]', dns))
    return load(place / "f.yaml")


def routed(upstream: Endpoint) -> str:
    return {"192.0.2.53": "192.0.2.1", "2001:db8::53": "2001:db8::1"}.get(upstream.host, "127.0.0.1")


def test_each_upstream_has_the_address_that_the_kernel_routes_it_by(place: Path) -> None:
    found = gateway_of(config_of(place, UPSTREAMS.replace(', "127.0.0.1:5353"', "")), "gw1", routed)

    assert found.sources == [Source("192.0.2.1", "route"), Source("2001:db8::1", "route")] and found.is_whole


def test_a_resolver_on_the_same_box_needs_a_declaration(place: Path) -> None:
    alone = gateway_of(config_of(place, UPSTREAMS), "gw1", routed)
    declared = gateway_of(config_of(place, UPSTREAMS + ', egress: ["198.51.100.0/28"]'), "gw1", routed)

    assert not alone.is_whole and Source("127.0.0.1", "route") not in alone.sources
    assert declared.is_whole and Source("198.51.100.0/28", "declared") in declared.sources


def test_a_box_without_dns_has_none(place: Path) -> None:
    config = config_of(place, 'upstreams: ["192.0.2.53:53"]')
    (place / "f.yaml").write_text((place / "f.yaml").read_text().replace("workers: 1}", "workers: 0}", 1))

    assert config.dns.workers == 1 and gateway_of(load(place / "f.yaml"), "gw1", routed).sources == []


def test_the_kernel_is_asked_without_a_packet() -> None:
    assert source(Endpoint("127.0.0.1", 9)) == "127.0.0.1"
    with pytest.raises(OSError, match="the register stays as it was"):
        source(Endpoint("fe80::1", 9))  # of a link that is not named


def test_what_is_found_is_signed_and_a_route_that_is_away_changes_nothing(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make(place, engine).context
    monkeypatch.setattr(egress, "source", lambda upstream: "192.0.2.1")
    look(context)

    def fail(upstream: Endpoint) -> str:
        raise OSError(f"{upstream}: no route")

    monkeypatch.setattr(egress, "source", fail)
    with pytest.raises(OSError, match="no route"):
        look(context)
    with reading(engine) as conn:
        (gateway,) = json.loads(present(newest(conn)).text)["gateways"]
    assert gateway["sources"] == [{"address": "192.0.2.1", "how": "route"}]
