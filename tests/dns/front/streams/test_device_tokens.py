import pytest
from support.images.opened import Images

from dns.front.streams.device_tokens import Tokens
from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet
from fastpath.report.counters import Counters

TOKEN = "234567" + "a" * 20
OTHER = "b" * 26
CLIENT = "192.0.2.7"


@pytest.fixture
def tokens(images: Images) -> Tokens:
    made = Tokens("Dns.test", Counters(images.folder / "counters"))
    made.tables = TableSet(None, None, images.subscribers([(device_address(TOKEN), 7)]))
    return made


@pytest.mark.parametrize("written", [TOKEN, TOKEN.upper()])
def test_a_token_stands_for_its_devices_address(tokens: Tokens, written: str) -> None:
    assert tokens.address_of(written) == device_address(TOKEN)


@pytest.mark.parametrize("written", [OTHER, "", "www", TOKEN[:-1], TOKEN + "a", "é" * 26, "a." * 13])
def test_what_nobody_has_is_no_address_and_counted(tokens: Tokens, images: Images, written: str) -> None:
    assert tokens.address_of(written) is None
    assert tokens._counters.values()["dns_tokens_unknown"] == 1


def test_a_token_that_was_withdrawn_is_unknown_from_the_next_tables_on(tokens: Tokens, images: Images) -> None:
    tokens.tables = TableSet()

    assert tokens.address_of(TOKEN) is None


@pytest.mark.parametrize("name", [None, "", "dns.test", "DNS.TEST", "other.test", "xdns.test", "192.0.2.53"])
def test_a_name_without_a_token_is_judged_by_the_client(tokens: Tokens, name: str | None) -> None:
    assert tokens.takes_name(name)
    assert tokens.judged_as(name, CLIENT) == CLIENT


@pytest.mark.parametrize("name", [f"{TOKEN}.dns.test", f"{TOKEN.upper()}.DNS.Test"])
def test_a_name_with_a_token_is_judged_by_the_device(tokens: Tokens, name: str) -> None:
    assert tokens.takes_name(name)
    assert tokens.judged_as(name, CLIENT) == device_address(TOKEN)


@pytest.mark.parametrize("name", [f"{OTHER}.dns.test", "www.dns.test", f"a.{TOKEN}.dns.test", ".dns.test"])
def test_a_name_with_an_unknown_token_is_not_served(tokens: Tokens, name: str) -> None:
    assert not tokens.takes_name(name)
    assert tokens.judged_as(name, CLIENT) is None


def test_without_a_name_of_ours_no_name_has_a_token(images: Images) -> None:
    tokens = Tokens(None, Counters(images.folder / "counters"))

    assert tokens.judged_as(f"{OTHER}.dns.test", CLIENT) == CLIENT
