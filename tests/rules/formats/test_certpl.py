import json

import pytest
from support.lists.outcomes import complaints, items, rules

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.formats.certpl import IS_DELETED, NO_DOMAIN, iter_rules

LIST = """[
 {"RegisterPositionId":1,"DomainAddress":"bad.example","InsertDate":"2026-08-04T10:00:00","DeleteDate":null},
 {"RegisterPositionId":2,"DomainAddress":"gone.example","InsertDate":"2025-08-04T10:00:00","DeleteDate":"2026-01-01T00:00:00"},
 {"RegisterPositionId":3,"DomainAddress":"żółw.example","InsertDate":"2026-08-04T10:00:00"}
]"""


def test_active_domains_are_rules_and_deleted_ones_are_reported() -> None:
    found = items(iter_rules, LIST)

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("xn--w-uga1v8h.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 2, IS_DELETED)]
    assert [item.line for item in found] == [2, 3, 4]


def test_what_is_no_domain_is_reported_with_its_place() -> None:
    rows = [
        1,
        None,
        {},
        {"DomainAddress": 5},
        {"DomainAddress": "a b"},
        {"DomainAddress": "192.0.2.1"},
        {"DomainAddress": "a\u202eb.example"},
        {"DomainAddress": "a\0b.example"},
        {"DomainAddress": "\ud800.example"},
    ]

    found = items(iter_rules, "[" + ",\n".join(map(json.dumps, rows)) + "]")

    assert rules(found) == []
    assert [line for line, _, _ in complaints(found)] == list(range(1, 10))
    assert [reason for _, _, reason in complaints(found)][:4] == [NO_DOMAIN] * 4


@pytest.mark.parametrize("text", ['{"error": "unauthorized"}', "", "<html>", "null", '"x"'])
def test_what_is_no_array_is_no_list(text: str) -> None:
    with pytest.raises(BadList):
        items(iter_rules, text)
