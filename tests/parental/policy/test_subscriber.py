import pytest

from parental.policy.subscriber import MAX_ID, Subscriber, parse_prefix
from parental.store.errors import BadSubscriber


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/25", "192.0.2.0/25"),
        ("2001:DB8:0::/48", "2001:db8::/48"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)
def test_an_address_is_the_prefix_of_itself(text: str, canonical: str) -> None:
    assert str(parse_prefix(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.1/24",
        "192.0.2.256",
        "0.0.0.0/0",
        "::/0",
        "",
        "child",
        "2001:db8::1/64",
        "fe80::1%eth0",
        "010.0.0.1",
        "224.0.0.1",
        "ff02::/16",
    ],
)
def test_what_is_no_prefix_of_one_line_is_refused(text: str) -> None:
    with pytest.raises(BadSubscriber, match=r"^prefix: .*; not accepted; "):
        parse_prefix(text)


def test_prefixes_of_one_line_may_not_lie_in_each_other() -> None:
    with pytest.raises(BadSubscriber, match=r"192\.0\.2\.64/26 lies in 192\.0\.2\.0/24"):
        Subscriber(1, "home", (parse_prefix("192.0.2.64/26"), parse_prefix("192.0.2.0/24")))


def test_neighbours_and_families_do_not_overlap() -> None:
    texts = ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::/64", "2001:db8:0:1::/64"]

    assert len(Subscriber(1, "home", tuple(map(parse_prefix, texts))).prefixes) == 4


@pytest.mark.parametrize(
    ("number", "label"),
    [(0, "x"), (MAX_ID + 1, "x"), (1, ""), (1, "a\nb"), (1, "x" * 81), (1, "\u200c"), (1, "a\u202eb")],
)
def test_an_id_the_image_cannot_hold_and_a_label_that_is_no_line_are_refused(number: int, label: str) -> None:
    with pytest.raises(BadSubscriber):
        Subscriber(number, label, ())


@pytest.mark.parametrize("text", ["mac:02:00:00:00:00:01", "cpe:SERIAL-0001"])
def test_a_device_that_a_forwarder_names_has_an_address_that_is_taken_again_as_it_is_shown(text: str) -> None:
    prefix = parse_prefix(text)

    assert prefix.is_multicast and prefix.prefixlen == 128
    assert parse_prefix(str(prefix)) == prefix


@pytest.mark.parametrize("text", ["mac:02", "cpe:", "cpe:an id with spaces"])
def test_what_is_no_device_id_is_no_prefix(text: str) -> None:
    with pytest.raises(BadSubscriber, match="not an address or prefix"):
        parse_prefix(text)


def test_a_name_may_have_joiners_within_its_words_of_urdu_and_its_emoji() -> None:
    for name in ("ماہ\u200cنور", "\U0001f468\u200d\U0001f469\u200d\U0001f467"):
        assert Subscriber(1, name, ()).label == name
