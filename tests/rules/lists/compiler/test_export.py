import io
import json
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire
from rules.base.errors import BadSource
from rules.base.prefixes import MAPPED, wires_of
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.base.urls import canonical_url
from rules.formats import native
from rules.lists.compiler.export import export_rules, export_source
from rules.lists.source import Source, parse_source

AT = datetime(2026, 8, 4, 10, tzinfo=UTC)
LABELS = st.text("abcxyz019-_", min_size=1, max_size=12)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: to_wire(".".join([*labels, "example"]).encode()))
# a mapped IPv4 prefix is never read as IPv6, so no rule is made of one
PREFIXES = (
    st.ip_addresses()
    .flatmap(
        lambda address: st.integers(16, address.max_prefixlen).map(lambda n: ip_network((address, n), strict=False))
    )
    .filter(lambda network: network.version == 4 or not network.overlaps(MAPPED))
    .map(lambda network: next(wires_of(network)))
)
# shadow is an action of whole lists, no entry says it
BLOCKS = st.sampled_from([action for action in Action if action not in (Action.LOCAL_DATA, Action.SHADOW)])
REFS = st.none() | st.text(min_size=1)
# records of a type that nothing knows, so that they may hold anything
RECORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=4).map(
    lambda rdatas: b"".join(b"\x7f\0\0\0\0\x3c" + len(rdata).to_bytes(2, "big") + rdata for rdata in rdatas)
)
MEANT = st.tuples(NAMES, st.sampled_from(Mode)) | PREFIXES
SAID = st.tuples(BLOCKS, st.just(b"")) | st.tuples(st.just(Action.LOCAL_DATA), RECORDS)
RULES = st.builds(lambda meant, said, ref: Rule(meant[0], meant[1], said[0], 1, ref, said[1]), MEANT, SAID, REFS)
URLS = st.text("ab/.%?=&'\"()[]{}*é ", min_size=1).map(lambda rest: canonical_url("bad.example/a" + rest).encode())
URL_RULES = st.builds(UrlRule, URLS, st.sampled_from([Mode.EXACT, Mode.SUBTREE]), BLOCKS, st.just(1), REFS, st.just(""))


@given(st.lists(RULES | URL_RULES, max_size=8))
def test_what_is_exported_reads_back_as_the_same_rules(items: list[Rule | UrlRule]) -> None:
    out = io.BytesIO()

    export_rules(Source("x", None), items, out, 5, AT)

    back = list(native.iter_rules([out.getvalue()], Mode.EXACT))
    assert [item._replace(line=1) for item in back if not isinstance(item, SkippedLine)] == items
    assert [item.line for item in back] == list(range(2, len(items) + 2))


def test_an_export_says_which_list_it_is_and_is_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("URL,Ref\nbad.example,L/1\nhttp://bad.example/a,L/1\nnoref\n,\n192.0.2.1,L/1\n")
    first, second = io.BytesIO(), io.BytesIO()

    report = export_source(parse_source(f"{path},list=pta"), first, 7, AT)
    export_source(parse_source(f"{path},list=pta"), second, 7, AT)

    assert first.getvalue() == second.getvalue()
    said = json.loads(first.getvalue())
    assert said == {
        "format": "cf-list/1",
        "list_id": "pta",
        "serial": 7,
        "issued_at": "2026-08-04T10:00:00Z",
        "mode": "full",
        "add": [
            {"value": "bad.example", "kind": "domain", "scope": "subtree", "order_ref": "L/1"},
            {"value": "bad.example/a", "kind": "url", "scope": "exact", "order_ref": "L/1"},
            {"value": "noref", "kind": "domain", "scope": "subtree"},
        ],
    }
    assert (report.n_name_rules, report.n_url_rules, report.n_skipped) == (2, 1, 1)


def test_a_confidential_list_is_never_exported() -> None:
    out = io.BytesIO()

    with pytest.raises(BadSource, match="'iwf': confidential; not exported"):
        export_rules(Source("iwf", None, tier=Tier.CSAM, confidential=True), [], out, 1, AT)

    assert out.getvalue() == b""
