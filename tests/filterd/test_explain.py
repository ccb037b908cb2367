import pytest

from fastpath.name import to_wire
from fastpath.tables import TableSet
from fastpath.verdict import Mode
from filterd.explain import explain, explain_text, host_of
from rules.errors import BadName


@pytest.fixture
def tables(images):
    return TableSet(images.names([("orders", "bad.test", Mode.SUBTREE), ("csam", "worse.test", Mode.EXACT)]))


def test_a_block_is_told_with_list_rule_and_every_match(tables):
    found = explain_text(tables, "WWW.Bad.Test.", None, 0, "dns")

    assert (found["canonical"], found["action"], found["reason"], found["tier"]) == (
        "www.bad.test", "splash", "order", "order",
    )  # fmt: skip
    assert found["matches"] == [{"list": "orders", "rule": "bad.test", "mode": "subtree"}]
    assert (found["ede"], found["enforceability"]) == (16, "enforced")


def test_an_allowed_name_is_told_as_such(tables):
    found = explain_text(tables, "notbad.test", None, 0, "dns")

    assert (found["action"], found["reason"], found["list"], found["rule"]) == ("passthru", "default", None, None)
    assert (found["ede"], found["enforceability"], found["matches"]) == (None, None, [])


def test_an_extended_error_belongs_to_dns_alone(tables):
    assert explain_text(tables, "bad.test", None, 0, "sni")["ede"] is None


def test_the_entry_of_a_confidential_list_is_not_told(tables):
    found = explain(tables, to_wire(b"worse.test"), None, 0, "dns")

    assert found["reason"] == "csam"
    assert found["rule"] is None
    assert "worse" not in str(found["matches"])


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("bad.test", "bad.test"),
        ("https://bad.test/x/y?z#f", "bad.test"),
        ("http://me:secret@bad.test:8080/", "bad.test:8080"),
        ("bad.test/path", "bad.test"),
        ("https://bad.test?x=/y", "bad.test"),
    ],
)
def test_of_a_url_the_host_is_asked_for(given, host):
    assert host_of(given) == host


def test_what_is_no_name_is_refused(tables):
    with pytest.raises(BadName):
        explain_text(tables, "192.0.2.1", None, 0, "dns")
