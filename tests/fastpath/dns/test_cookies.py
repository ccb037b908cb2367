"""Server cookies by the examples and rules of RFC 9018; against other servers: test_edns_oracles.py."""

import struct

import pytest

from fastpath.dns.cookies import cookie_hash
from fastpath.testing.cookies import CookieJar

MASTER = bytes(range(16))
NOW = 1_800_000_000

# RFC 9018 Appendix A: secret, cookie, client
VECTORS = [
    ("e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", "198.51.100.100"),
    ("e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", "198.51.100.100"),
    ("e5e973e5a6b2a43f48e7dc849e37bfcf", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", "203.0.113.203"),
    (
        "dd3bdf9344b678b185a6f5cb60fca715",
        "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
        "2001:db8:220:1:59de:d0f4:8769:82b8",
    ),
    (
        "445536bcd2513298075a5d379663c962",
        "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
        "2001:db8:220:1:59de:d0f4:8769:82b8",
    ),
]


@pytest.mark.parametrize(("secret", "cookie", "client"), VECTORS)
def test_the_hash_is_that_of_the_rfcs_examples(secret: str, cookie: str, client: str) -> None:
    whole = bytes.fromhex(cookie)

    assert cookie_hash(bytes.fromhex(secret), whole[:16], client) == whole[16:]


def test_a_client_that_shows_its_cookie_again_is_known() -> None:
    jar = CookieJar(MASTER)
    is_good, cookie = jar.check(b"client-c", "192.0.2.1", NOW)

    assert (is_good, cookie[:16]) == (False, b"client-c" + b"\x01\0\0\0" + struct.pack("!I", NOW))
    assert jar.check(cookie, "192.0.2.1", NOW) == (True, cookie)
    assert CookieJar(MASTER).check(cookie, "192.0.2.1", NOW) == (True, cookie), "another worker"


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1"])
def test_a_cookie_is_good_for_its_client_its_key_and_its_octets_alone(client: str) -> None:
    _, cookie = CookieJar(MASTER).check(b"client-c", client, NOW)

    assert not CookieJar(bytes(16)).check(cookie, client, NOW)[0]
    for stranger in ("192.0.2.2", "2001:db8::2"):
        assert not CookieJar(MASTER).check(cookie, stranger, NOW)[0]
    for at in range(24):
        forged = cookie[:at] + bytes([cookie[at] ^ 1]) + cookie[at + 1 :]
        assert not CookieJar(MASTER).check(forged, client, NOW)[0]
    for n in [*range(16, 24), *range(25, 41)]:
        assert not CookieJar(MASTER).check((cookie + bytes(16))[:n], client, NOW)[0]


@pytest.mark.parametrize(
    ("age_s", "is_good", "is_renewed"),
    [
        (-301, False, True),
        (-300, True, False),
        (0, True, False),
        (1800, True, False),
        (1801, True, True),
        (3600, True, True),
        (3601, False, True),
        (86400, False, True),
    ],
)
def test_a_cookie_is_good_for_an_hour_and_renewed_after_half_of_it(age_s: int, is_good: bool, is_renewed: bool) -> None:
    _, cookie = CookieJar(MASTER).check(b"client-c", "192.0.2.1", NOW)

    said, given = CookieJar(MASTER).check(cookie, "192.0.2.1", NOW + age_s)

    assert (said, given != cookie) == (is_good, is_renewed)
    assert given[:8] == b"client-c" and (not is_renewed or given[12:16] == struct.pack("!I", NOW + age_s))


def test_times_are_serial_numbers() -> None:
    jar = CookieJar(MASTER)
    _, cookie = jar.check(b"client-c", "192.0.2.1", 0xFFFFFFF0)

    assert jar.check(cookie, "192.0.2.1", 0x10) == (True, cookie)


def test_every_day_has_a_key_and_yesterdays_cookie_is_good_past_midnight() -> None:
    jar = CookieJar(MASTER)
    midnight = NOW // 86400 * 86400
    hashes = set()
    for day in range(5):
        at = midnight + day * 86400
        _, before = jar.check(b"client-c", "192.0.2.1", at - 1)
        assert jar.check(before, "192.0.2.1", at)[0]
        assert jar.check(before, "192.0.2.1", at - 2)[0], "a clock that is behind"
        hashes.add(cookie_hash(MASTER, before[:16], "192.0.2.1") == before[16:])
    assert hashes == {False}, "the master key itself makes no cookie"


@pytest.mark.parametrize("n", [0, 7, 9, 15, 41])
def test_a_secret_of_another_length_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="both have 16"):
        cookie_hash(bytes(n), bytes(16), "192.0.2.1")
