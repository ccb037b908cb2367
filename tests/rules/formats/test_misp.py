import json
from typing import Any

import pytest
from support.lists.outcomes import complaints, items, rules, urls

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.formats.misp import IS_DELETED, NO_VALUE, NOT_FOR_DETECTION, OTHER_TYPE, iter_rules, read_manifest

UUID = "5c5be78a-3908-47ec-b3a2-4cb5c0a8ab16"


def test_domains_hostnames_and_urls_that_are_for_detection_are_rules() -> None:
    found = items(
        iter_rules,
        event(
            attribute("domain", "bad.example"),
            attribute("hostname", "www.bad.example"),
            attribute("url", "http://bad.example/a"),
            attribute("domain|ip", "worse.example|192.0.2.1"),
        ),
    )

    assert rules(found) == [
        ("bad.example", Mode.SUBTREE),
        ("www.bad.example", Mode.EXACT),
        ("worse.example", Mode.SUBTREE),
    ]
    assert urls(found) == [("bad.example/a", Mode.EXACT)]
    assert [item.line for item in found] == [2, 3, 4, 5]


def test_a_hostname_with_a_port_means_what_is_at_this_port_and_not_the_host() -> None:
    found = items(
        iter_rules,
        event(attribute("hostname|port", "host.example|8080"), attribute("hostname|port", "web.example|443")),
    )

    assert urls(found) == [("host.example:8080/", Mode.SUBTREE)]
    assert rules(found) == [("web.example", Mode.EXACT)]  # as every URL of nothing but a host and its usual port


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"to_ids": False}, NOT_FOR_DETECTION),
        ({"to_ids": None}, NOT_FOR_DETECTION),
        ({"deleted": True}, IS_DELETED),
        ({"deleted": "1"}, IS_DELETED),
        ({"type": "ip-dst"}, OTHER_TYPE),
        ({"type": "link"}, OTHER_TYPE),
        ({"type": ["domain"]}, OTHER_TYPE),
        ({"value": 5}, NO_VALUE),
        ({"value": "a b"}, "has a character that is not allowed in a host name"),
        ({"type": "hostname|port", "value": "host.example|"}, "has a port that is no number"),
        ({"type": "hostname|port", "value": "host.example|80|x"}, "has a port that is no number"),
    ],
)
def test_other_attributes_are_reported(fields: dict[str, Any], reason: str) -> None:
    found = items(iter_rules, event(attribute("domain", "bad.example") | fields))

    assert complaints(found) == [(2, 1, reason)]
    assert rules(found) == []


def test_attributes_of_objects_count_too() -> None:
    text = json.dumps(
        {
            "Event": {
                "Object": [{"name": "x", "Attribute": [attribute("domain", "bad.example")]}],
                "Galaxy": [{"Attribute": [attribute("domain", "not.example")]}],
            }
        }
    )

    assert rules(items(iter_rules, text)) == [("bad.example", Mode.SUBTREE)]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a: {"response": [{"Event": {"Attribute": [a]}}]},
        lambda a: {"response": {"Attribute": [a]}},
        lambda a: {"Attribute": [a]},
        lambda a: {"Event": [{"Attribute": [a]}]},
    ],
)
def test_answers_of_the_api_are_events_too(wrap: Any) -> None:
    text = json.dumps(wrap(attribute("domain", "bad.example")))

    assert rules(items(iter_rules, text)) == [("bad.example", Mode.SUBTREE)]


@pytest.mark.parametrize(
    "text", ['{"message": "forbidden"}', "{}", "[]", "", '{"Event": 5}', '{"Event": {"Attribute": {}}}']
)
def test_what_is_no_event_is_no_list(text: str) -> None:
    with pytest.raises(BadList):
        items(iter_rules, text)


def test_a_manifest_names_its_events_in_its_order() -> None:
    other = UUID.replace("5c", "6d")

    assert read_manifest([json.dumps({other: {"info": "x"}, UUID: {}}).encode()]) == [f"{other}.json", f"{UUID}.json"]


@pytest.mark.parametrize("key", ["../../etc/passwd", "x", UUID + "/..", ""])
def test_a_manifest_that_leads_elsewhere_is_refused(key: str) -> None:
    with pytest.raises(BadList, match="not a UUID"):
        read_manifest([json.dumps({key: {}}).encode()])


def attribute(kind: str, value: str) -> dict[str, Any]:
    return {"type": kind, "value": value, "to_ids": True, "deleted": False, "uuid": UUID}


def event(*attributes: dict[str, Any]) -> str:
    return (
        '{"Event": {"info": "x", "Tag": [{"name": "tlp:clear"}], "Attribute": [\n'
        + ",\n".join(map(json.dumps, attributes))
        + "]}}"
    )
