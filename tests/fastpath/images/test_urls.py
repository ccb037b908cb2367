import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import urls as oracle
from oracle.urls import UrlEntry
from support.images.opened import KEY, LISTS, NUMBER, Entry, Images

from fastpath.base.siphash import digest
from fastpath.images.image import BadImage, Image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode, Reason, Tier
from fastpath.wire.name import to_wire

CSAM, ORDERS = NUMBER["csam"], NUMBER["orders"]

HOSTS = st.sampled_from(["bad.test", "www.bad.test", "192.0.2.1", "[2001:db8::1]", "bad.test:8080"])
PATHS = st.lists(st.sampled_from(["/", "/a", "/b", "/ab", "a", "%2F", "%20", "?", "?x=1", "?y/a"]), max_size=5)
URLS = st.builds(lambda host, path: oracle.canonical(f"{host}/{''.join(path)}".encode()).decode(), HOSTS, PATHS)
MODES = st.sampled_from([Mode.EXACT, Mode.SUBTREE])
LIST_IDS = st.sampled_from(sorted(NUMBER))
ENTRIES = st.lists(st.builds(UrlEntry, LIST_IDS, URLS, MODES), max_size=10, unique_by=lambda entry: entry[:3])
ASKED = st.lists(URLS, min_size=1, max_size=6)

oracle_settings = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tables(
    images: Images, urls: Image | None, urls_delta: Image | None = None, names: tuple[tuple[str, str, int], ...] = ()
) -> TableSet:
    return TableSet(images.names(names), urls=urls, urls_delta=urls_delta)


def decided(found: TableSet, url: str) -> tuple[Action, str | None, str | None]:
    decision = found.decide_url(None, url.encode(), None, 0)
    return decision.action, decision.list, decision.rule


def compare(found: TableSet, entries: list[UrlEntry], asked: list[str]) -> None:
    confidential = {spec.id for spec in LISTS if spec.confidential}
    for url in asked:
        expected = {
            (list_id, None if list_id in confidential else rule, mode)
            for list_id, rule, mode in oracle.matches(entries, url)
        }
        assert {(match.list, match.rule, match.mode) for match in found.url_matches(url.encode())} == expected


@given(entries=ENTRIES, asked=ASKED)
@oracle_settings
def test_an_image_answers_as_the_oracle(images: Images, entries: list[UrlEntry], asked: list[str]) -> None:
    found = tables(images, images.urls(entries))

    compare(found, entries, asked + [entry.url for entry in entries])


@given(base=ENTRIES, delta=ENTRIES, drops=st.sets(URLS, max_size=2), asked=ASKED)
@oracle_settings
def test_a_url_in_the_delta_is_the_deltas_alone(
    images: Images,
    base: list[UrlEntry],
    delta: list[UrlEntry],
    drops: set[str],
    asked: list[str],
) -> None:
    changed = {entry.url for entry in delta} | drops
    urls = images.urls(base)
    found = tables(images, urls, images.urls(delta, urls, changed))

    compare(
        found,
        [entry for entry in base if entry.url not in changed] + delta,
        [*asked, *changed, *(entry.url for entry in base)],
    )


@pytest.mark.parametrize(
    ("prefix", "url", "is_covered"),
    [
        ("bad.test/a", "bad.test/a", True),
        ("bad.test/a", "bad.test/a/", True),
        ("bad.test/a", "bad.test/a/b", True),
        ("bad.test/a", "bad.test/a?x", True),
        ("bad.test/a", "bad.test/a/b?x", True),
        ("bad.test/a", "bad.test/ab", False),
        ("bad.test/a", "bad.test/a%2Fb", True),
        ("bad.test/a", "bad.test/b/a", False),
        ("bad.test/a", "bad.test/A", False),
        ("bad.test/a/", "bad.test/a", False),
        ("bad.test/a/", "bad.test/a/b", True),
        ("bad.test/a", "www.bad.test/a", False),
        ("bad.test/a", "bad.test:8080/a", False),
        ("bad.test:8080/", "bad.test:8080/a?x", True),
        ("192.0.2.1/", "192.0.2.1/a", True),
        ("bad.test/?x", "bad.test/?x", True),
        ("bad.test/?x", "bad.test/?x/y", False),
        ("bad.test/a?x", "bad.test/a?xy", False),
    ],
)
def test_a_prefix_covers_whole_segments_and_any_query(images: Images, prefix: str, url: str, is_covered: bool) -> None:
    found = tables(images, images.urls([("orders", prefix, Mode.SUBTREE)]))
    canonical = oracle.canonical(url.encode()).decode()

    expected = (Action.SPLASH, "orders", prefix) if is_covered else (Action.PASSTHRU, None, None)
    assert decided(found, canonical) == expected


@pytest.mark.parametrize(
    "other",
    [
        "bad.test/a/",
        "bad.test/a?x",
        "bad.test/a/b",
        "bad.test/",
        "bad.test:8080/a",
        "www.bad.test/a",
        "bad.test/A",
        "ad.test/a",
        "bad.test/%61%00",
    ],
)
def test_an_exact_url_matches_nothing_else(images: Images, other: str) -> None:
    found = tables(images, images.urls([("csam", "bad.test/a", Mode.EXACT)]))

    assert decided(found, "bad.test/a") == (Action.SPLASH, "csam", None)
    assert decided(found, other) == (Action.PASSTHRU, None, None)


def test_a_prefix_is_found_however_deep_the_url_goes(images: Images) -> None:
    deep = "bad.test" + "/a" * 1000
    found = tables(images, images.urls([("orders", deep, Mode.SUBTREE), ("malware", "bad.test/a/a", Mode.SUBTREE)]))

    assert decided(found, deep + "/b") == (Action.SPLASH, "orders", deep)
    assert decided(found, "bad.test" + "/a" * 999) == (Action.NXDOMAIN, "malware", "bad.test/a/a")


def test_a_urls_own_exception_silences_its_list_and_no_other(images: Images) -> None:
    entries: list[Entry] = [
        ("malware", "bad.test/a", Mode.SUBTREE),
        ("malware", "bad.test/a/good", Mode.EXACT, Action.PASSTHRU),
    ]
    alone = tables(images, images.urls(entries))
    with_order = tables(images, images.urls(entries), names=(("orders", "bad.test", Mode.SUBTREE),))

    assert decided(alone, "bad.test/a/good") == (Action.PASSTHRU, "malware", "bad.test/a/good")
    assert decided(alone, "bad.test/a/bad") == (Action.NXDOMAIN, "malware", "bad.test/a")
    assert decided(with_order, "bad.test/a/good") == (Action.SPLASH, "orders", "bad.test")


def test_a_urls_exception_outranks_the_same_lists_rule_for_the_host(images: Images) -> None:
    found = tables(
        images,
        images.urls([("malware", "www.bad.test/good", Mode.EXACT, Action.PASSTHRU)]),
        names=(("malware", "bad.test", Mode.SUBTREE),),
    )

    assert decided(found, "www.bad.test/good") == (Action.PASSTHRU, "malware", "www.bad.test/good")
    assert decided(found, "www.bad.test/bad") == (Action.NXDOMAIN, "malware", "bad.test")


def test_precedence_is_that_of_names(images: Images) -> None:
    found = tables(
        images,
        images.urls(
            [
                ("malware", "bad.test/a", Mode.EXACT),
                ("orders-two", "bad.test/a", Mode.SUBTREE, 255, 7),
                ("csam", "bad.test/a/b", Mode.EXACT),
                ("orders", "bad.test/a/b", Mode.SUBTREE),
            ]
        ),
    )

    order = found.decide_url(to_wire(b"bad.test"), b"bad.test/a", None, 0)
    assert (order.list, order.order, order.reason, order.tier) == ("orders-two", 7, Reason.ORDER, Tier.ORDER)
    assert order.matched == ("orders-two", "malware")
    csam = found.decide_url(None, b"bad.test/a/b", None, 0)
    assert (csam.list, csam.reason, csam.rule) == ("csam", Reason.CSAM, None)


def test_names_do_not_know_of_urls(images: Images) -> None:
    found = tables(images, images.urls([("orders", "bad.test/a", Mode.SUBTREE)]))

    assert found.decide(to_wire(b"bad.test"), None, 0).action == Action.PASSTHRU
    assert found.matches(to_wire(b"bad.test")) == []


def test_sixteen_urls_and_sixteen_names_are_all_heard(images: Images) -> None:
    names = tuple(
        ("orders" if n == 15 else "malware", ".".join(["a"] * (15 - n) + ["test"]), Mode.SUBTREE) for n in range(16)
    )
    host = names[0][1]
    urls = [("malware", host + "/a" * n, Mode.SUBTREE) for n in range(1, 17)]
    found = tables(images, images.urls(urls), names=names)

    assert len(found.url_matches((host + "/a" * 16).encode())) == 32
    assert decided(found, host + "/a" * 16)[:2] == (Action.SPLASH, "orders")


def test_no_number_of_longer_urls_on_other_lists_hides_an_order(images: Images) -> None:
    urls: list[Entry] = [("games", "site.test/a" + "/b" * n, Mode.SUBTREE) for n in range(1, 1000)]
    found = tables(images, images.urls([("orders", "site.test/a/", Mode.SUBTREE), *urls]))

    for n in (1, 16, 999):
        assert decided(found, "site.test/a" + "/b" * n + "/x") == (Action.SPLASH, "orders", "site.test/a/")


def test_each_part_of_the_longest_url_is_reported_in_plain_and_as_a_digest_and_so_is_its_host(images: Images) -> None:
    urls: list[Entry] = [
        (each, "a.test" + "/b" * n + end, Mode.SUBTREE)
        for n in range(1, 1020)
        for end in ("", "/")
        for each in ("csam", "orders")
    ]
    names = tuple((each, name, Mode.SUBTREE) for name in ("a.test", "test") for each in ("csam", "orders"))
    found = tables(images, images.urls(urls), names=names)

    assert len(found.url_matches(b"a.test" + b"/b" * 1019 + b"/")) == len(urls) + 4


def test_a_confidential_url_stands_in_the_image_as_a_digest_only(images: Images) -> None:
    image = images.urls([("csam", "secret.test/hidden-path", Mode.EXACT), ("orders", "open.test/path", Mode.EXACT)])
    octets = Path(image.path).read_bytes()

    assert b"hidden-path" not in octets and b"secret" not in octets
    assert digest(KEY, to_wire(b"secret.test") + b"/hidden-path") in octets
    assert to_wire(b"open.test") + b"/path" in octets


def test_a_host_without_entries_is_not_looked_at_further(images: Images) -> None:
    """Most other hosts are told by the hosts' Bloom filter: fewer than one in twenty passes it."""
    image = images.urls([("orders", f"h{n}.test/a", Mode.EXACT) for n in range(500)])
    counts = UrlsBuilder(KEY, LISTS)
    for n in range(500):
        counts.add(f"h{n % 50}.test/{n}".encode(), ORDERS, Mode.EXACT)

    assert counts.build(io.BytesIO(), 1)["hosts"] == 50
    assert all(decided(tables(images, image), f"h{n}.test/a")[1] == "orders" for n in range(0, 500, 50))


def test_equal_entries_give_equal_octets_in_any_order() -> None:
    urls = [f"h{n % 7}.test/{n}".encode() for n in range(200)]
    images = []
    for order in (urls, urls[::-1]):
        builder = UrlsBuilder(KEY, LISTS)
        for url in order:
            builder.add(url, ORDERS, Mode.SUBTREE)
        out = io.BytesIO()
        assert builder.build(out, 1)["urls"] == 200
        images.append(out.getvalue())

    assert images[0] == images[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"url": b"ftp://bad.test/"}, "has a scheme"),
        ({"url": "ü.test/a".encode()}, "not ASCII"),
        ({"list": 99}, "list 99"),
        ({"mode": Mode.BELOW}, "mode 3"),
        ({"mode": 0}, "mode 0"),
        ({"action": 99}, "action 99"),
    ],
)
def test_an_entry_that_is_none_is_refused(change: dict[str, Any], reason: str) -> None:
    entry: dict[str, Any] = {"url": b"bad.test/a", "list": ORDERS, "mode": Mode.EXACT, **change}

    with pytest.raises(ValueError, match=reason):
        UrlsBuilder(KEY, LISTS).add(**entry)


def test_an_image_of_nothing_matches_nothing(images: Images) -> None:
    assert decided(tables(images, images.urls([])), "bad.test/a") == (Action.PASSTHRU, None, None)


def test_a_delta_without_a_base_is_heard(images: Images) -> None:
    delta = images.urls([("orders", "bad.test/a", Mode.EXACT)])

    assert decided(tables(images, None, delta), "bad.test/a")[1] == "orders"


def test_what_the_base_holds_of_a_url_is_told_as_stored(images: Images) -> None:
    urls = images.urls([("orders", "bad.test/a", Mode.SUBTREE, 255, 7), ("csam", "bad.test/a/b", Mode.EXACT)])
    found = tables(images, urls, images.urls([], urls, ["bad.test/a"]))

    assert found.base_url_entries(b"bad.test/a") == [(ORDERS, Mode.SUBTREE, Action.NO_ACTION, 7, b"")]
    assert found.base_url_entries(b"bad.test/a/b") == [(CSAM, Mode.EXACT, Action.NO_ACTION, 0, b"")]
    assert found.base_url_entries(b"bad.test/a/c") == []


def test_urls_go_with_names_of_the_same_lists_and_key(images: Images) -> None:
    urls = images.urls([("orders", "bad.test/a", Mode.EXACT)])
    foreign = UrlsBuilder(bytes(16), LISTS)
    other = UrlsBuilder(KEY, [*LISTS, ListSpec("more", Tier.SECURITY, 0, Action.NXDOMAIN, False)])

    with pytest.raises(BadImage, match="URLs without names"):
        TableSet(urls=urls)
    for builder in (foreign, other):
        with pytest.raises(BadImage, match="its lists are not those of the names"):
            tables(images, images._write(ImageKind.URLS, builder.build, None))


def test_a_url_of_another_host_is_refused(images: Images) -> None:
    found = tables(images, None)

    with pytest.raises(ValueError, match="is no URL of the host"):
        found.decide_url(to_wire(b"good.test"), b"bad.test/a", None, 0)
    with pytest.raises(ValueError, match="no canonical URL"):
        found.url_matches(b"ftp://bad.test/a")


def test_digests_of_another_builder_give_the_image_of_its_urls() -> None:
    def builder() -> UrlsBuilder:
        return UrlsBuilder(KEY, LISTS)

    one, two, out, again = builder(), builder(), io.BytesIO(), io.BytesIO()
    for url, mode in ((b"a.test/x", Mode.EXACT), (b"b.test:8080/all?q=1", Mode.EXACT), (b"a.test/all", Mode.SUBTREE)):
        one.add(url, NUMBER["csam"], mode)
    rows = one.digests()
    two.add_digests(rows, NUMBER["csam"])
    one.build(out, 1)
    two.build(again, 1)

    assert again.getvalue() == out.getvalue()
    below = bytearray(rows)
    below[32] = Mode.BELOW
    with pytest.raises(ValueError, match="mode 3, which URLs do not have"):
        builder().add_digests(bytes(below), NUMBER["csam"])
