import re
from pathlib import Path

import pytest

from dns.base.endpoints import TlsEndpoint
from filterd.config import kinds


@pytest.mark.parametrize(
    ("written", "shown"), [("192.0.2.1:53", "192.0.2.1:53"), ("[2001:DB8::1]:53", "[2001:db8::1]:53")]
)
def test_an_endpoint_is_an_address_and_a_port(written: str, shown: str) -> None:
    assert str(kinds.endpoint(written)) == shown


@pytest.mark.parametrize(
    "written", ["192.0.2.1", "2001:db8::1:53", "host.test:53", "192.0.2.1:99999", "192.0.2.256:1", ""]
)
def test_anything_else_is_no_endpoint(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.endpoint(written)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("192.0.2.1:53", "192.0.2.1:53"),
        ("tls://192.0.2.1:853", "tls://192.0.2.1:853"),
        ("tls://[2001:DB8::1]:853#DNS.Test", "tls://[2001:db8::1]:853#dns.test"),
    ],
)
def test_an_upstream_is_an_endpoint_or_one_over_tls_with_a_name(written: str, shown: str) -> None:
    assert str(kinds.upstream(written)) == shown
    assert isinstance(kinds.upstream(written), TlsEndpoint) == written.startswith("tls://")


@pytest.mark.parametrize(
    "written",
    ["tls://192.0.2.1", "tls://host.test:853", "tls://192.0.2.1:853#", "tls://192.0.2.1:853#a b", "dns://192.0.2.1:53"],
)
def test_anything_else_is_no_upstream(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.upstream(written)


@pytest.mark.parametrize(
    ("written", "shift", "shown"),
    [("0xff000000", 24, "0xff000000"), ("0xFF", 0, "0x000000ff"), ("0x3fc00", 10, "0x0003fc00")],
)
def test_a_mask_of_marks_is_eight_bits_in_a_row(written: str, shift: int, shown: str) -> None:
    mask = kinds.mark_mask(written)

    assert isinstance(mask, kinds.MarkMask)
    assert (mask.shift, str(mask)) == (shift, shown)


@pytest.mark.parametrize(
    "written", ["0x7f", "0xffff", "0xff0000000", "0x1fe00000000", "0xf0f0", "0x0", "255", "ff", ""]
)
def test_anything_else_is_no_mask_of_marks(written: str) -> None:
    with pytest.raises(kinds.Unfit, match="eight bits in a row"):
        kinds.mark_mask(written)


@pytest.mark.parametrize("written", ["192.0.2.1/24", "2001:db8::/129", "x"])
def test_a_prefix_has_no_host_bits(written: str) -> None:
    with pytest.raises(kinds.Unfit, match="not an address or prefix"):
        kinds.prefix(written)


@pytest.mark.parametrize(
    ("written", "seconds", "shown"),
    [("90s", 90, "90s"), ("15m", 900, "15m"), ("60m", 3600, "1h"), ("1w", 604_800, "7d")],
)
def test_a_length_of_time_has_a_unit_and_is_shown_with_the_largest_that_fits(
    written: str, seconds: int, shown: str
) -> None:
    found = kinds.duration(1, 10**6)(written)

    assert (found, str(found)) == (seconds, shown)


@pytest.mark.parametrize(
    ("written", "octets", "shown"),
    [("1024", 1024, "1KiB"), ("64MiB", 64 << 20, "64MiB"), ("3 KiB", 3072, "3KiB"), ("1025", 1025, "1025")],
)
def test_a_size_has_a_binary_unit(written: str, octets: int, shown: str) -> None:
    found = kinds.octets(1, 1 << 30)(written)

    assert (found, str(found)) == (octets, shown)


@pytest.mark.parametrize("written", ["", "h", "120", "1.5h", "-1h", "1H", "1 h 5 m", "99999999999999h", "\u0661h"])
def test_anything_else_is_no_length_of_time(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.duration(1, 10**6)(written)


@pytest.mark.parametrize(
    "written", ["https://a.test/x?k=1", "https://a.test:8443/", "http://127.0.0.1:8000/x", "http://[::1]/"]
)
def test_a_list_comes_over_https_or_from_this_box(written: str) -> None:
    assert kinds.list_url(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "http://a.test/",
        "ftp://a.test/",
        "https:///x",
        "https://a.test:99999/",
        "a.test",
        "file:///x",
        "https://a b/",
        "http://127.0.0.1.nip.example/",
        "https://u:p@a.test/",
        "https://[::1/",
        "https://a.test/\nx",
    ],
)
def test_anything_else_is_no_address_of_a_list(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.list_url(written)


def test_a_format_that_is_none_gets_the_most_alike_one() -> None:
    assert kinds.list_format("hosts") == "hosts"
    with pytest.raises(kinds.Unfit, match="'adblock'"):
        kinds.list_format("adblok")


def test_columns_are_taken_as_the_format_reads_them() -> None:
    assert kinds.columns("url:1;type:2") == "url:1;type:2"
    with pytest.raises(kinds.Unfit, match="no column for the address"):
        kinds.columns("type:2")


def test_a_category_that_is_none_gets_the_most_alike_one() -> None:
    with pytest.raises(kinds.Unfit, match="'gambling'"):
        kinds.category("gamblin")


def test_a_category_that_holds_no_names_is_none_of_lists() -> None:
    with pytest.raises(kinds.Unfit, match="'quic' is a category that has no names"):
        kinds.category("quic")


def test_a_whole_number_has_no_sign_no_point_and_no_foreign_digits() -> None:
    parse = kinds.whole_number(0, 10)

    for written in ("+1", "1.0", "\u0661", "", "1_0"):
        with pytest.raises(kinds.Unfit, match="not a whole number"):
            parse(written)
    assert parse("10") == 10


def test_a_port_in_the_wrong_family_of_address_is_refused() -> None:
    with pytest.raises(kinds.Unfit):
        kinds.address4("2001:db8::1")
    with pytest.raises(kinds.Unfit):
        kinds.address6("192.0.2.1")


def test_an_address_of_a_page_is_a_web_address() -> None:
    assert kinds.url("https://isp.example/help") == "https://isp.example/help"
    for written in ("isp.example", "javascript:alert(1)", "http://[", "https://"):
        with pytest.raises(kinds.Unfit):
            kinds.url(written)


def test_a_cache_has_a_size_or_is_none() -> None:
    assert kinds.cache("0") == 0
    assert kinds.cache("64MiB") == 64 << 20
    for written in ("1MiB", "0MiB", "64", "1TiB", "-1"):
        with pytest.raises(kinds.Unfit):
            kinds.cache(written)


@pytest.mark.parametrize("written", ["eth0", "eth1.100", "enp0s31f6", "br-lan", "ppp0"])
def test_an_interface_is_called_as_linux_calls_it(written: str) -> None:
    assert kinds.interface(written) == written


@pytest.mark.parametrize("written", ["", ".", "..", "a b", "a/b", "a:b", "sixteen-letters-"])
def test_anything_else_is_no_interface(written: str) -> None:
    with pytest.raises(kinds.Unfit, match="not an interface's name"):
        kinds.interface(written)


@pytest.mark.parametrize("written", ["1121", "15", "0800-39393", "+92512345678"])
def test_a_telephone_number_is_kept_as_it_is_written(written: str) -> None:
    assert kinds.telephone(written) == written


@pytest.mark.parametrize("written", ["", "1", "call us", "0800 39393", "1121;ext=1", "-1121", "1" * 30])
def test_anything_else_is_no_telephone_number(written: str) -> None:
    with pytest.raises(kinds.Unfit, match="not a telephone number"):
        kinds.telephone(written)


def test_a_day_may_be_one_to_come() -> None:
    assert kinds.day("2126-11-02").isoformat() == "2126-11-02"


def test_a_past_day_is_one_that_has_come() -> None:
    assert kinds.past_day("2026-11-02").isoformat() == "2026-11-02"


@pytest.mark.parametrize("written", ["", "yesterday", "02/11/2026", "2026-02-30", "9999-01-01"])
def test_anything_else_is_no_past_day(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.past_day(written)


@pytest.mark.parametrize(
    "written",
    [
        "postgresql:///filterd",
        "postgresql://filterd@db.example:5433/filterd?sslmode=verify-full&passfile=/etc/filterd/pgpass",
        "postgresql:///filterd?host=/run/postgresql",
    ],
)
def test_a_database_is_the_url_of_postgresql(written: str) -> None:
    assert kinds.database_url(written) == written


@pytest.mark.parametrize(
    "written", ["postgresql://filterd:Tr0ub4dor@db.example/filterd", "postgresql:///filterd?password=Tr0ub4dor"]
)
def test_a_password_is_no_part_of_a_database_and_is_not_repeated(written: str) -> None:
    with pytest.raises(kinds.Unfit, match="a URL with a password in it; remove it; name a file of passwords") as raised:
        kinds.database_url(written)

    assert "Tr0ub4dor" not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("sqlite:///filterd.db", "is not the URL of a PostgreSQL database"),
        ("postgresql://db.example", "is not the URL of a PostgreSQL database"),
        ("postgresql:///a/b", "is not the URL of a PostgreSQL database"),
        ("postgresql:///filterd?sslmod=require", "'sslmod' is not known in the URL of a database; write 'sslmode'"),
        ("postgresql:///filterd?options=-csearch_path=x", "'options' is not known"),
        ("filterd", "is not the URL of a PostgreSQL database"),
        ("", "is not the URL of a PostgreSQL database"),
    ],
)
def test_anything_else_is_no_database(written: str, said: str) -> None:
    with pytest.raises(kinds.Unfit, match=re.escape(said)):
        kinds.database_url(written)


@pytest.mark.parametrize("written", ["https://desk.isp.example", "https://desk.isp.example:8443", "http://localhost"])
def test_an_origin_is_what_a_browser_calls_it(written: str) -> None:
    assert kinds.origin(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "desk.isp.example",
        "http://desk.isp.example",
        "https://desk.isp.example/",
        "https://desk.isp.example/desk",
        "https://desk.isp.example:443",
        "https://Desk.isp.example",
        "https://u@desk.isp.example",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
        "https://",
        "https://a:99999",
        "https://[::1",
    ],
)
def test_anything_else_is_no_origin(written: str) -> None:
    with pytest.raises(kinds.Unfit):
        kinds.origin(written)


@pytest.mark.parametrize("written", ["0", "4294967294", "-1", "7x", "12345678901"])
def test_a_profile_is_a_number_that_an_image_has_room_for(written: str) -> None:
    assert kinds.profile("4294967293") == 4294967293

    with pytest.raises(kinds.Unfit):
        kinds.profile(written)


def test_a_list_that_filterd_brings_is_named_and_lies_in_this_release() -> None:
    found = kinds.list_file("shipped:youtube")

    assert found.is_absolute() and found.is_file()
    assert kinds.list_file("lists/a.txt") == Path("lists/a.txt")
    for name in ("youtub", "../category", ""):
        with pytest.raises(kinds.Unfit, match="filterd brings no list"):
            kinds.list_file(f"shipped:{name}")
