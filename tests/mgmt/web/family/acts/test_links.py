import pytest

from mgmt.web.family.acts.links import name_of, service_of
from parental.store.errors import BadProfile


@pytest.mark.parametrize(
    ("pasted", "name"),
    [
        ("https://www.example.com/watch?v=1#a", "example.com"),
        ("http://user:secret@m.example.com:8080/x", "m.example.com"),
        ("  Example.COM  ", "example.com"),
        ("example.com/a b", "example.com"),
        ("//example.com", "example.com"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("www.example.com.", "example.com"),
        ("www.com.pk.example", "com.pk.example"),
        ("https://www.com.pk/", "www.com.pk"),
        ("example.com?to=//other.example", "example.com"),
    ],
)
def test_a_pasted_link_becomes_the_name_of_its_site(pasted: str, name: str) -> None:
    assert name_of("denied", pasted) == name


@pytest.mark.parametrize(
    "pasted", ["", "   ", "hello", "https://", "com.pk", "http://[", "a..b", "javascript:alert(1)", "x" * 200]
)
def test_what_holds_no_name_of_one_site_is_refused(pasted: str) -> None:
    for field in ("allowed", "denied"):
        with pytest.raises(BadProfile):
            name_of(field, pasted)


def test_a_name_is_known_by_the_service_above_it() -> None:
    assert service_of("www.youtube.com") == service_of("youtube.com") == "youtube"
    assert service_of("notyoutube.com") is None and service_of("com") is None
