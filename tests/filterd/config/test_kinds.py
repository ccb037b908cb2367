import pytest

from filterd.config import kinds


@pytest.mark.parametrize(
    ("written", "shown"), [("192.0.2.1:53", "192.0.2.1:53"), ("[2001:DB8::1]:53", "[2001:db8::1]:53")]
)
def test_an_endpoint_is_an_address_and_a_port(written, shown):
    assert str(kinds.endpoint(written)) == shown


@pytest.mark.parametrize(
    "written", ["192.0.2.1", "2001:db8::1:53", "host.test:53", "192.0.2.1:99999", "192.0.2.256:1", ""]
)
def test_anything_else_is_no_endpoint(written):
    with pytest.raises(kinds.Unfit):
        kinds.endpoint(written)


@pytest.mark.parametrize("written", ["192.0.2.1/24", "2001:db8::/129", "x"])
def test_a_prefix_has_no_host_bits(written):
    with pytest.raises(kinds.Unfit, match="not an address or prefix"):
        kinds.prefix(written)


def test_a_category_that_is_none_gets_the_most_alike_one():
    with pytest.raises(kinds.Unfit, match="'gambling'"):
        kinds.category("gamblin")


def test_a_whole_number_has_no_sign_no_point_and_no_foreign_digits():
    parse = kinds.whole_number(0, 10)

    for written in ("+1", "1.0", "\u0661", "", "1_0"):
        with pytest.raises(kinds.Unfit, match="not a whole number"):
            parse(written)
    assert parse("10") == 10


def test_a_port_in_the_wrong_family_of_address_is_refused():
    with pytest.raises(kinds.Unfit):
        kinds.address4("2001:db8::1")
    with pytest.raises(kinds.Unfit):
        kinds.address6("192.0.2.1")


def test_an_address_of_a_page_is_a_web_address():
    assert kinds.url("https://isp.example/help") == "https://isp.example/help"
    for written in ("isp.example", "javascript:alert(1)", "http://[", "https://"):
        with pytest.raises(kinds.Unfit):
            kinds.url(written)
