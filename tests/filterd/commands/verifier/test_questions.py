"""What is asked of the traffic for an order."""

from filterd.commands.verifier.questions import (
    DNS_UDP,
    HTTP,
    QUIC,
    TLS,
    EntryInForce,
    Question,
    Way,
    neighbours,
    questions,
)
from mgmt.orders.base.cover import Cover
from mgmt.orders.base.judge import judge_entry
from rules.base.protected import ProtectedNames

WAYS = [Way(DNS_UDP, 4), Way(TLS, 4), Way(QUIC, 6), Way(HTTP, 4)]


def asked(*values: str, scope: str = "subtree") -> list[Question]:
    """The questions of an order with these entries."""
    judged = [judge_entry(number, value, scope, ProtectedNames(), True) for number, value in enumerate(values, 1)]
    entries = [EntryInForce(each.number, each.wire, each.mode) for each in judged if each.wire and each.mode]
    return questions(entries, WAYS, Cover((each.wire, each.mode) for each in entries))


def names(kind: str, several: list[Question]) -> list[tuple[str, str, str]]:
    return [(str(each.way), each.name, each.target) for each in several if each.kind == kind]


def test_a_name_is_asked_over_every_channel_and_version_of_ip() -> None:
    assert names("entry", asked("bad.example")) == [
        ("dns-udp-4", "bad.example", "/"),
        ("tls-4", "bad.example", "/"),
        ("quic-6", "bad.example", "/"),
        ("http-4", "bad.example", "/"),
    ]


def test_a_url_is_asked_over_http_with_its_path_and_the_rest_of_its_site_must_be_open() -> None:
    found = asked("http://shared.example:8080/a?b=1", "http://shared.example/dir/*")

    assert names("entry", found) == [("http-4", "shared.example:8080", "/a?b=1"), ("http-4", "shared.example", "/dir/")]
    beside = [(way, name) for way, name, _ in names("neighbour", found)]
    assert beside[:4] == [
        ("http-4", "shared.example:8080"),
        ("dns-udp-4", "shared.example"),
        ("tls-4", "shared.example"),
        ("quic-6", "shared.example"),
    ]


def test_an_address_is_not_asked_since_the_sink_has_another() -> None:
    assert names("entry", asked("203.0.113.9")) == []


def test_an_entry_of_no_mode_that_there_is_is_asked_as_a_name_and_covers_none() -> None:
    entries = [EntryInForce(1, b"\x03bad\x07example\0", None)]
    cover = Cover((each.wire, each.mode) for each in entries)

    found = questions(entries, WAYS, cover)

    assert [name for _, name, _ in names("entry", found)] == ["bad.example"] * len(WAYS)
    assert not cover.has_name("bad.example")


def test_neutral_names_come_before_and_after_everything_else_on_channels_of_packets_alone() -> None:
    found = asked("bad.example")

    neutral = [each for each in found if each.kind == "neutral"]
    assert [(each.way.channel, each.name.split(".")[0]) for each in (*found[:3], *found[-3:])] == [
        (channel, when) for when in ("before", "after") for channel in (TLS, QUIC, HTTP)
    ]
    assert len(neutral) == 6
    assert [each.at for each in found] == list(range(len(found)))


def test_neighbours_are_beside_a_name_and_above_it_but_never_a_public_suffix() -> None:
    beside, above = neighbours("www.bad.example", is_exact=False)
    assert beside.endswith("-www.bad.example") and above == "bad.example"
    assert [each.split("-")[-1] for each in neighbours("bad.com.pk", is_exact=False)] == ["bad.com.pk"]
    assert neighbours("bad.example", is_exact=True)[-1].endswith(".bad.example")


def test_a_name_of_the_greatest_length_has_neighbours_that_are_names() -> None:
    label = "a" * 63
    for each in neighbours(f"{label}.{label}.example", is_exact=False):
        assert all(len(part) <= 63 for part in each.split("."))


def test_what_another_entry_of_the_order_covers_is_no_neighbour() -> None:
    both = asked("bad.example", "http://bad.example/page")
    beside = names("neighbour", both)
    assert {name.partition("-")[2] for _, name, _ in beside} == {"bad.example"}, "only names beside the host are left"
    assert names("entry", both)[-1] == ("http-4", "bad.example", "/page")

    above = names("neighbour", asked("bad.example", "www.bad.example"))
    assert {name.partition("-")[2] for _, name, _ in above} == {"bad.example"}, "the name above is the order's own"


def test_a_host_that_is_closed_by_itself_alone_leaves_the_name_below_it_a_neighbour() -> None:
    exact = asked("bad.example", "http://www.bad.example/page", scope="exact")
    assert ("dns-udp-4", "www.bad.example", "/") in names("neighbour", exact)
