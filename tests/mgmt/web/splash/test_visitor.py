import pytest
from aiohttp.test_utils import make_mocked_request

from mgmt.web.splash.visitor import name_of, visitor_of


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Site.EXAMPLE", "site.example"),
        (" https://www.site.example/path?q=1 ", "www.site.example"),
        ("site.example/path", "site.example"),
        ("site.example:80", "site.example"),
        ("http://[", None),
        ("a..b", None),
        ("", None),
        ("x" * 5000, None),
    ],
)
def test_the_name_is_found_in_what_a_person_writes(written: str, name: str | None) -> None:
    assert name_of(written) == name


def test_a_visitor_without_an_address_is_known_to_have_none() -> None:
    visitor = visitor_of(make_mocked_request("GET", "/", headers={"Host": "A.example"}))

    assert (visitor.address, visitor.network, visitor.host) == (None, "", "a.example")
