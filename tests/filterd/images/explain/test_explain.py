from pathlib import Path

import pytest
from support.images.opened import KEY, LISTS, NUMBER, Images
from support.images.prefixes import entries

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire
from filterd.images.explain.explain import explain, explain_text
from rules.base.errors import BadName


@pytest.fixture
def tables(images: Images) -> TableSet:
    return TableSet(images.names([("orders", "bad.test", Mode.SUBTREE), ("csam", "worse.test", Mode.EXACT)]))


def test_a_block_is_told_with_list_rule_and_every_match(tables: TableSet) -> None:
    found = explain_text(tables, "WWW.Bad.Test.", None, 0, "dns")

    assert (found["canonical"], found["action"], found["reason"], found["tier"]) == (
        "www.bad.test",
        "splash",
        "order",
        "order",
    )
    assert found["matches"] == [{"list": "orders", "rule": "bad.test", "mode": "subtree"}]
    assert (found["ede"], found["enforceability"]) == (16, "enforced")


def test_an_allowed_name_is_told_as_such(tables: TableSet) -> None:
    found = explain_text(tables, "notbad.test", None, 0, "dns")

    assert (found["action"], found["reason"], found["list"], found["rule"]) == ("passthru", "default", None, None)
    assert (found["ede"], found["enforceability"], found["matches"]) == (None, None, [])


def test_an_extended_error_belongs_to_dns_alone(tables: TableSet) -> None:
    assert explain_text(tables, "bad.test", None, 0, "sni")["ede"] is None


def test_the_entry_of_a_confidential_list_is_not_told(tables: TableSet) -> None:
    found = explain(tables, to_wire(b"worse.test"), None, 0, "dns")

    assert found["reason"] == "csam"
    assert found["rule"] is None
    assert "worse" not in str(found["matches"])


def test_a_url_of_nothing_but_a_host_is_its_name(tables: TableSet) -> None:
    assert explain_text(tables, "https://bad.test/#x", None, 0, None)["canonical"] == "bad.test"


def test_an_address_is_told_with_the_prefix_that_holds_it(images: Images) -> None:
    tables = TableSet(images.names([*entries("malware", "192.0.2.0/24"), *entries("csam", "192.0.2.7")]))

    found = explain_text(tables, "192.0.2.1", None, 0, None)
    assert (found["canonical"], found["action"], found["rule"]) == ("192.0.2.1", "nxdomain", "192.0.2.0/24")
    assert found["matches"] == [{"list": "malware", "rule": "192.0.2.0/24", "mode": "subtree"}]
    secret = explain_text(tables, "::ffff:192.0.2.7", None, 0, None)
    assert (secret["canonical"], secret["reason"], secret["rule"]) == ("192.0.2.7", "csam", None)
    assert explain_text(tables, "192.0.3.1", None, 0, None)["action"] == "passthru"


@pytest.fixture
def with_urls(tmp_path: Path, images: Images) -> TableSet:
    builder = UrlsBuilder(KEY, LISTS)
    builder.add(b"half.test/bad", NUMBER["orders"], Mode.SUBTREE)
    builder.add(b"half.test/worse", NUMBER["csam"], Mode.EXACT)
    with (tmp_path / "urls.img").open("wb") as out:
        builder.build(out, 1)
    return TableSet(
        images.names([("orders", "bad.test", Mode.SUBTREE)]), urls=open_image(tmp_path / "urls.img", ImageKind.URLS)
    )


def test_a_url_is_told_with_the_entry_that_covers_it(with_urls: TableSet) -> None:
    found = explain_text(with_urls, "http://Half.Test:80/bad/page?x#y", None, 0, None)

    assert (found["canonical"], found["action"], found["list"]) == ("half.test/bad/page?x", "splash", "orders")
    assert found["matches"] == [{"list": "orders", "rule": "half.test/bad", "mode": "subtree"}]
    assert (found["enforceability"], found["ede"]) == ("enforced_http_only", None)


@pytest.mark.parametrize("channel", ["dns", "sni", "quic"])
def test_a_channel_that_sees_hosts_alone_does_not_enforce_a_url_and_says_so(with_urls: TableSet, channel: str) -> None:
    found = explain_text(with_urls, "http://half.test/bad", None, 0, channel)

    assert (found["action"], found["enforceability"]) == ("passthru", "not_enforceable_at_this_layer")
    assert [match["list"] for match in found["matches"]] == ["orders"]


def test_a_url_of_a_blocked_name_is_enforced_by_its_name(with_urls: TableSet) -> None:
    found = explain_text(with_urls, "http://bad.test/page", None, 0, "sni")

    assert (found["action"], found["rule"], found["enforceability"]) == ("splash", "bad.test", "enforced")


def test_a_url_that_nothing_speaks_of_is_let_go(with_urls: TableSet) -> None:
    found = explain_text(with_urls, "http://half.test/badly", None, 0, None)

    assert (found["action"], found["enforceability"], found["matches"]) == ("passthru", None, [])


def test_a_url_of_a_confidential_list_is_not_told(with_urls: TableSet) -> None:
    found = explain_text(with_urls, "http://half.test/worse", None, 0, None)

    assert (found["reason"], found["rule"]) == ("csam", None)
    assert "worse" not in str(found["matches"])


def test_what_is_no_name_is_refused(tables: TableSet) -> None:
    with pytest.raises(BadName):
        explain_text(tables, "192.0.2", None, 0, "dns")
