"""From the rows of an order to what is asked."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filterd.config.load import read_config
from filterd.errors import Refused
from filterd.verifier.verification import MAX_ASKED, NEWEST, Place, _sample, place_of, verify

BOX = b"""
isp: {name: n, url: "https://isp.example", contact: c}
dns: {listen: ["0.0.0.0:53"], upstreams: ["192.0.2.53:53"]}
splash: {address4: 192.0.2.80}
"""
PROBED = BOX + b"verifier: {probe: /run/netns/probe"


def place(text: bytes) -> Place:
    return place_of(read_config(text, "f.yaml", Path("/")))


def test_what_is_asked_follows_from_the_configuration() -> None:
    whole = place(PROBED + b", sink: /run/netns/sink, sink4: 192.0.2.9, dns4: 192.0.2.1}")
    assert [str(way) for way in whole.ways] == ["dns-udp-4", "dns-tcp-4", "tls-4", "quic-4", "http-4"]
    assert whole.marks.pages == {"192.0.2.80"} and str(whole.upstream) == "192.0.2.53:53"

    names_alone = place(PROBED + b", dns6: '2001:db8::1'}")
    assert [str(way) for way in names_alone.ways] == ["dns-udp-6", "dns-tcp-6"] and names_alone.sink is None


@pytest.mark.parametrize(("text", "said"), [(BOX, "/verifier/probe is not set"), (PROBED + b"}", "dns4, dns6 nor")])
def test_a_box_that_is_not_set_up_says_what_is_missing(text: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        place(text)


def test_an_order_of_child_abuse_material_is_never_sent() -> None:
    order: Any = SimpleNamespace(id=3, ground="PECA s. 22", ref="1")
    with pytest.raises(Refused, match="nothing sent") as refused:
        verify(place(PROBED + b", dns4: 192.0.2.1}"), order, [], 1, lambda _: False)
    assert "22" not in str(refused.value)


def test_of_a_large_order_the_newest_entries_are_asked_and_some_of_the_others_once_each() -> None:
    rows: list[Any] = list(range(5000))
    sample = list(_sample(rows))
    assert len(sample) == MAX_ASKED == len(set(sample)) and sample == sorted(sample)
    assert sample[-NEWEST:] == rows[-NEWEST:]
    assert _sample(rows[:MAX_ASKED]) == rows[:MAX_ASKED]
