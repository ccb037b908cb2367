import json

import pytest
from support.images.opened import Images

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec
from filterd.images.explain.bulk import BulkQuery
from filterd.images.explain.explain import explain_text
from rules.base.errors import BadName

LINES = [
    b"good.test",
    b"WWW.Good.Test.",
    b"bad.test",
    b"www.BAD.test.",
    b"192.0.2.1",
    b"http://bad.test/x",
    b"a..b",
    "bücher.test".encode(),
    b"worse.test",
    b"other.test:443",
    b"\xff",
    b"",
    b'a"b.test',
    b"good.test",
    b'http://good.test/"a\\b?c=%22',
    b"good.test/x#y",
    b"http://good.test/%ff\x01",
    b"http://good.test/\xff",
]


@pytest.fixture
def tables(images: Images) -> TableSet:
    return TableSet(
        images.names([("orders", "bad.test", Mode.SUBTREE), ("csam", "worse.test", Mode.EXACT)]),
        subscribers=images.subscribers([("192.0.2.7/32", 7)]),
        policy=images.policy([(7, ProfileSpec(0, (), 2**62, 0))]),
    )


@pytest.mark.parametrize("address", [None, "192.0.2.7"])
def test_the_answers_are_those_of_explain_in_the_order_of_the_questions(tables: TableSet, address: str | None) -> None:
    asking = BulkQuery(tables, address, 0, "sni", "A", json.dumps)

    found = [json.loads(line) for line in asking.answers(LINES).splitlines()]

    assert len(found) == len(LINES)
    for line, answer in zip(LINES, found, strict=True):
        given = line.decode("utf-8", "backslashreplace")
        try:
            expected = json.loads(json.dumps(explain_text(tables, given, address, 0, "sni")))
        except BadName as bad:
            expected = {"input": given, "canonical": None, "error": bad.reason}
        assert answer == expected


def test_a_lock_speaks_of_names_that_are_on_no_list(tables: TableSet) -> None:
    asking = BulkQuery(tables, "192.0.2.7", 0, None, "A", json.dumps)

    assert {json.loads(line)["reason"] for line in asking.answers([b"a.test", b"b.test"]).splitlines()} == {"pause"}


def test_what_a_query_is_answered_with_is_told_of_names_and_not_of_urls(tables: TableSet) -> None:
    asking = BulkQuery(tables, None, 0, None, "A", json.dumps)

    found = [json.loads(line) for line in asking.answers([b"good.test", b"bad.test", b"bad.test/x"]).splitlines()]

    assert [answer.get("answer", "-") for answer in found] == [None, "splash address", "-"]


def test_lines_that_are_no_names_are_counted(tables: TableSet) -> None:
    asking = BulkQuery(tables, None, 0, None, "A", json.dumps)
    asking.answers(LINES)

    assert asking.n_refused == sum(b'"error"' in line.encode() for line in asking.answers(LINES).splitlines())


def test_a_form_without_the_text_as_given_is_told_too(tables: TableSet) -> None:
    asking = BulkQuery(tables, None, 0, "dns", "A", lambda found: f"{found['canonical']} {found.get('action')}")

    assert asking.answers([b"Good.test", b"more.test.", b"bad.test"]) == (
        "good.test passthru\nmore.test passthru\nbad.test splash\n"
    )
