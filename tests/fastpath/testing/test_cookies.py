"""The double of server cookies; they themselves are tested in tests/fastpath/dns/test_cookies.py."""

import pytest

from fastpath.testing.cookies import CookieJar


@pytest.mark.parametrize("n", [0, 7, 9, 15, 41])
def test_a_cookie_of_no_known_length_and_a_key_of_another_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"a cookie of {n} octets"):
        CookieJar(bytes(16)).check(bytes(n), "192.0.2.1", 0)
    with pytest.raises(ValueError, match=f"a master key of {n} octets"):
        CookieJar(bytes(n))
