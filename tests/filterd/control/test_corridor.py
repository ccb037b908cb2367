import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest

from dns.base.address_query import Addresses
from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.wire_format import A
from fastpath.wire.name import to_text
from filterd.config import Config, read_config
from filterd.control import corridor as module
from filterd.control.corridor import LEAST_OPEN_S, LEAST_WAIT_S, MOST_OPEN_S, MOST_WAIT_S, Corridor, has_corridor


class Front:
    """Our own DNS front: name → addresses, all with one TTL; a name that it lacks has none."""

    def __init__(self, **said: str) -> None:
        self.said = {name.replace("_", "."): texts.split() for name, texts in said.items()}
        self.ttl_s = 60
        self.faults: set[str] = set()
        self.asked: list[tuple[Endpoint, str]] = []
        self.now_s = 1000.0

    async def ask(self, resolver: Endpoint, wire: bytes, qtype: int) -> Addresses:
        name = to_text(wire)
        self.asked.append((resolver, name))
        if name in self.faults:
            raise UpstreamFailure(f"resolver {resolver}: SERVFAIL")
        found = map(ip_address, self.said.get(name, []))
        return tuple((each, self.ttl_s) for each in found if (each.version == 4) == (qtype == A))

    def corridor(self) -> Corridor:
        return Corridor(self.ask, lambda: self.now_s)


def config_of(names: str = "help.test", dns: str = 'listen: ["192.0.2.1:53"]') -> Config:
    said = f'dns: {{upstreams: ["192.0.2.53:53"], {dns}}}\nhelp_corridor: {{names: [{names}]}}\n'
    return read_config(said.encode(), "test", Path("/"))


def look(corridor: Corridor, config: Config | None = None) -> float:
    return asyncio.run(corridor.look(config or config_of()))


def opened(corridor: Corridor) -> list[str]:
    return sorted(str(network) for network in corridor.networks)


def test_a_name_and_www_below_it_are_open_in_both_families() -> None:
    front = Front(help_test="192.0.2.40 2001:db8::40", www_help_test="192.0.2.41")
    corridor = front.corridor()

    look(corridor)

    assert opened(corridor) == ["192.0.2.40/32", "192.0.2.41/32", "2001:db8::40/128"]
    assert {name for _, name in front.asked} == {"help.test", "www.help.test"}


@pytest.mark.parametrize(("ttl_s", "open_s"), [(5, LEAST_OPEN_S), (3600, 3600.0), (10**6, MOST_OPEN_S)])
def test_an_address_is_open_for_the_ttl_of_its_answer_within_limits(ttl_s: int, open_s: float) -> None:
    front = Front(help_test="192.0.2.40")
    corridor, front.ttl_s = front.corridor(), ttl_s
    look(corridor)
    front.said = {}

    front.now_s += open_s - 1
    look(corridor)
    assert opened(corridor) == ["192.0.2.40/32"]
    front.now_s += 2
    look(corridor)
    assert opened(corridor) == []


def test_a_site_that_gives_one_of_its_addresses_at_a_time_has_all_that_it_gave() -> None:
    front = Front()
    corridor = front.corridor()
    for last in (40, 41, 42, 41):
        front.said = {"help.test": [f"192.0.2.{last}"]}
        look(corridor)
        front.now_s += 60

    assert opened(corridor) == ["192.0.2.40/32", "192.0.2.41/32", "192.0.2.42/32"]


def test_what_has_not_changed_is_the_same_object_which_costs_the_kernel_nothing() -> None:
    corridor = Front(help_test="192.0.2.40").corridor()
    look(corridor)
    before = corridor.networks

    look(corridor)

    assert corridor.networks is before


def test_no_answer_makes_the_set_larger_than_its_limit_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 3)
    front = Front(help_test="192.0.2.1 192.0.2.2")
    corridor = front.corridor()
    look(corridor)
    front.now_s += 60
    front.said = {"help.test": ["192.0.2.3", "192.0.2.4"]}

    look(corridor)

    assert len(corridor.networks) == 3
    assert {"192.0.2.3/32", "192.0.2.4/32"} < {*opened(corridor)}


def test_addresses_that_are_no_host_of_the_internet_are_not_opened() -> None:
    corridor = Front(help_test="127.0.0.1 0.0.0.0 224.0.0.1 ::1 :: ff02::1").corridor()

    look(corridor)

    assert opened(corridor) == []


def test_a_name_that_cannot_be_asked_keeps_what_it_has_and_the_others_are_asked() -> None:
    front = Front(help_test="192.0.2.40", other_test="192.0.2.50")
    corridor, config = front.corridor(), config_of("help.test, other.test")
    front.faults = {"other.test"}
    with pytest.raises(UpstreamFailure, match="SERVFAIL"):
        look(corridor, config)
    front.faults, front.said["help.test"] = {"help.test"}, ["203.0.113.1"]

    with pytest.raises(UpstreamFailure):
        look(corridor, config)

    assert opened(corridor) == ["192.0.2.40/32", "192.0.2.50/32"]


@pytest.mark.parametrize(("ttl_s", "wait_s"), [(0, LEAST_WAIT_S), (30, 30.0), (86_400, MOST_WAIT_S)])
def test_it_is_due_again_when_the_first_answer_ends(ttl_s: int, wait_s: float) -> None:
    front = Front(help_test="192.0.2.40", www_help_test="192.0.2.41")
    front.ttl_s = ttl_s

    assert look(front.corridor()) == wait_s


@pytest.mark.parametrize(
    ("listen", "asked"),
    [
        ('["192.0.2.1:53"]', Endpoint("192.0.2.1", 53)),
        ('["0.0.0.0:5353"]', Endpoint("127.0.0.1", 5353)),
        ('["[::]:53"]', Endpoint("::1", 53)),
    ],
)
def test_our_own_front_is_asked(listen: str, asked: Endpoint) -> None:
    front = Front()

    look(front.corridor(), config_of(dns=f"listen: {listen}"))

    assert {resolver for resolver, _ in front.asked} == {asked}


def test_several_workers_are_asked_several_times_as_each_has_a_cache_of_its_own() -> None:
    front = Front()

    look(front.corridor(), config_of(dns="workers: 4"))

    assert len(front.asked) == 2 * 2 * 12


def test_without_a_front_of_ours_or_a_name_there_is_none() -> None:
    assert has_corridor(config_of())
    assert not has_corridor(config_of(dns="workers: 0"))
    assert not has_corridor(config_of(names=""))
