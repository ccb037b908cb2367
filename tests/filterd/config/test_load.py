import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.base.endpoints import Endpoint
from filterd.config import BadConfig, Config, load, read_config
from filterd.config.load import examine

SMALLEST = "dns: {upstreams: ['192.0.2.53:53']}\n"
ROOT = Path(__file__).parents[3]


def read(text: str) -> Config:
    return read_config(text.encode(), "x.yaml", Path("/etc/filterd"))


def one_list(said: str) -> str:
    return f"{SMALLEST}lists: [{{id: a, tier: order, {said}}}]"


def list_of(keys: str) -> str:
    """A configuration with one list of these keys."""
    return SMALLEST + f"lists: [{{id: a, {keys}}}]"


def published(said: str) -> str:
    lists = "{id: pta, tier: order, format: plain, file: a}, {id: stop, tier: csam, format: plain, file: b}"
    zone = f"{{name: z.example, {said}}}"
    return f"{SMALLEST}lists: [{lists}]\nrpz: {{listen: ['192.0.2.1:5380'], zones: [{zone}]}}"


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_smallest_configuration_is_one_upstream_and_the_rest_comes_from_the_schema() -> None:
    config = read(SMALLEST)

    assert config.dns.upstreams == (Endpoint("192.0.2.53", 53),)
    assert config.state_dir == Path("/var/lib/filterd")
    assert config.gate.tls_ports == (443,)
    assert config.parental.timezone == "Asia/Karachi"


def test_every_fault_is_told_at_once_with_file_line_and_path() -> None:
    found = faults_of(
        "dns:\n  upstreams: [here]\n  workers: -1\ngate:\n  when_dead: ajar\nlists:\n- {id: A, file: a.txt}\n"
    )

    assert [line.split(": ")[0] for line in found] == [
        "config x.yaml line 2 /dns/upstreams/0",
        "config x.yaml line 3 /dns/workers",
        "config x.yaml line 5 /gate/when_dead",
        "config x.yaml line 7 /lists/0/id",
        "config x.yaml line 7 /lists/0/format",
        "config x.yaml line 7 /lists/0/tier",
    ]
    assert all("; not loaded; " in line for line in found)


def test_conditions_between_keys_are_told_in_the_same_round_as_faults_of_one_key() -> None:
    found = faults_of(
        "dns:\n  upstreams: [here]\n  tls: {certificate: a.pem}\ngate:\n  tls_ports: [80]\n  workers: many\n"
        "lists:\n- {id: A, file: a, url: 'https://a.test/', format: plain, tier: category}\n"
    )

    assert [line.split(": ")[0].removeprefix("config x.yaml ") for line in found] == [
        "line 2 /dns/upstreams/0",
        "line 3 /dns/tls",
        "line 5 /gate/http_ports",
        "line 6 /gate/workers",
        "line 8 /lists/0/id",
        "line 8 /lists/0",
        "line 8 /lists/0",
    ]


def test_a_value_that_is_a_fault_itself_is_not_blamed_for_more() -> None:
    tls = "tls: {certificate: '', key: k.pem, listen: ['192.0.2.1:853']}"

    found = faults_of(f"dns: {{upstreams: ['tls:/192.0.2.53:853'], upstream_ca: ca.pem, {tls}}}\n")

    assert [line.split(": ")[0].split()[-1] for line in found] == ["/dns/upstreams/0", "/dns/tls/certificate"]


def test_an_unknown_key_is_a_fault_with_the_most_alike_known_one() -> None:
    assert faults_of("dns: {upstreams: ['192.0.2.53:53'], lisen: []}") == [
        "config x.yaml line 1 /dns/lisen: no such key; not loaded; write 'listen'"
    ]


def test_a_key_that_stands_twice_is_a_fault_at_the_second() -> None:
    assert faults_of(SMALLEST + "run_dir: /run/a\nrun_dir: /run/b\n") == [
        "config x.yaml line 3 /run_dir: the key is repeated; not loaded; keep one of the two"
    ]


def test_a_missing_key_is_told_at_the_part_that_lacks_it() -> None:
    assert faults_of("dns:\n  workers: 2\n") == [
        "config x.yaml line 2 /dns/upstreams: the key is missing; not loaded; add upstreams: …"
    ]


def test_a_path_is_relative_to_the_file_it_stands_in() -> None:
    config = read(SMALLEST + "lists: [{id: a, file: lists/a.txt, format: plain, tier: security}]")

    assert config.lists[0].file == Path("/etc/filterd/lists/a.txt")


def test_a_list_may_be_pulled_with_a_certificate_and_begin_with_a_seed() -> None:
    said = "url: 'https://lists.example/a?k=1', every: 5m, ca: ca.pem, client_certificate: c.pem, client_key: c.key"
    config = read(one_list(f"format: csv, {said}, seed: seed.csv, columns: 'url:2', max_octets: 8 MiB, timeout: 30s"))

    entry = config.lists[0]
    assert entry.url == "https://lists.example/a?k=1"
    assert (entry.every, entry.max_octets, entry.timeout) == (300, 8 << 20, 30)
    assert (entry.file, entry.ca, entry.seed) == (None, Path("/etc/filterd/ca.pem"), Path("/etc/filterd/seed.csv"))
    assert (entry.shrink_percent, entry.max_age, entry.columns) == (20, None, "url:2")


def test_a_scalar_is_taken_as_written_not_as_yaml_likes_to_read_it() -> None:
    config = read(SMALLEST + "lists: [{id: no, file: 012, format: plain, tier: security}]")

    assert config.lists[0].id == "no"
    assert config.lists[0].file.name == "012"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "a list where keys were expected"),
        ("dns: 7\n", "'7' where keys were expected"),
        ("lists: {}\n", "keys where a list was expected"),
        ("dns: {upstreams: [{}]}\n", "keys where one value was expected"),
        ("dns: {upstreams: []}\n", "0 items"),
        ("a: &x 1\nb: *x\n", "an alias"),
        ("[" * 100_000, "more than 20 levels"),
        ("a: [\n", "not YAML"),
        ("a: \x07\n", "not YAML"),
        ("--- 1\n--- 2\n", "more than one document"),
        ("run_dir: /" + "x" * 100, "too long for a socket"),
        ("parental: {timezone: Asia/Karatschi}", "not a time zone"),
        ("dns: {upstreams: ['[192.0.2.1]:53']}", "not an address and a port"),
        ("dns: {upstreams: ['192.0.2.1:0']}", "0 is not a port"),
        ("gate: {http_ports: [443]}\n" + SMALLEST, "443 is a port of tls_ports"),
        ("gate: {mode: tap}\n" + SMALLEST, "/gate/tap_interfaces: a tap without an interface"),
        ("gate: {mode: tap, tap_interfaces: [eth1], quic: refuse}\n" + SMALLEST, "a tap, which cannot refuse anything"),
        ("gate: {tap_interfaces: [eth1]}\n" + SMALLEST, "/gate/tap_interfaces: a tap's setting without a tap"),
        ("gate: {tap_reset: true}\n" + SMALLEST, "/gate/tap_reset: a tap's setting without a tap"),
        ("gate: {mode: tap, tap_interfaces: ['a b']}\n" + SMALLEST, "'a b' is not an interface's name"),
        ("gate: {mode: tap, tap_interfaces: [a, b, c, d, e, f, g, h, i]}\n" + SMALLEST, "9 items"),
        ("dns: {listen: ['192.0.2.1:53'], upstreams: ['192.0.2.1:53']}", "192.0.2.1:53 is this box, which listens at"),
        ("dns: {upstreams: ['192.0.2.53:53', '127.0.0.1:53']}", "line 1 /dns/upstreams/1: 127.0.0.1:53 is this box"),
        ("dns: {upstreams: ['127.9.9.9:53']}", "which listens at 0.0.0.0:53; not loaded; name the resolver"),
        ("dns: {upstreams: ['[::1]:53']}", "which listens at [::]:53"),
        ("dns: {upstreams: ['[::ffff:127.0.0.1]:53']}", "which listens at 0.0.0.0:53"),
        ("dns: {upstreams: ['0.0.0.0:53']}", "0.0.0.0:53 is this box"),
        ("dns: {listen: ['127.0.0.1:53'], upstreams: ['0.0.0.0:53']}", "0.0.0.0:53 is this box"),
        ("api: {key: k.pem}\n" + SMALLEST, "a key without its certificate"),
        ('api: {listen: ["0.0.0.0:8080"]}\n' + SMALLEST, "0.0.0.0:8080 without TLS, where tokens can be read"),
        ('api: {listen: ["127.0.0.1:80", "[2001:db8::1]:80"]}\n' + SMALLEST, "[2001:db8::1]:80 without TLS"),
        ("dns: {upstreams: ['192.0.2.53:53'], tls: {key: k.pem}}", "/dns/tls: a certificate without its key, or a key"),
        ("dns: {upstreams: ['192.0.2.53:53'], https: {listen: ['192.0.2.1:443']}}", "a listener without a certificate"),
        ("dns: {upstreams: ['192.0.2.53:53'], upstream_ca: ca.pem}", "certificates without an upstream over TLS"),
        (
            "dns: {upstreams: ['tls://127.0.0.1:853'], tls: {listen: ['0.0.0.0:853'], certificate: a, key: b}}",
            "/dns/upstreams/0: tls://127.0.0.1:853 is this box, which listens at 0.0.0.0:853",
        ),
        ("dns: {upstreams: ['192.0.2.53:53'], proxies: ['192.0.2.1/24']}", "is not an address or prefix"),
        (published("lists: [stop], allow: [127.0.0.1/32]"), "/rpz/zones/0/lists/0: 'stop' is confidential"),
        (published("lists: [orders, pat], allow: [127.0.0.1/32]"), "no list 'pat'; not loaded; write 'pta'"),
        (published("lists: [], allow: [127.0.0.1/32]"), "0 items"),
        (published("lists: [pta]"), "/rpz/zones/0: no client may fetch this zone"),
        (published("lists: [pta], allow: [192.0.2.0/24]}, {name: z.example, lists: [pta]"), "an earlier zone"),
        (SMALLEST + "rpz: {listen: ['192.0.2.1:5380']}", "/rpz: listen without zones, or zones without listen"),
        (SMALLEST + "lists: [{id: a, file: a, format: plain, tier: category}]", "without a category"),
        (
            SMALLEST + "lists: [{id: a, file: a, format: plain, tier: order, sealed: true}]",
            "a sealed list of tier order",
        ),
        (
            SMALLEST + "lists: [{id: a, file: a, format: rpz, tier: csam, sealed: true}]",
            "of which no list can be sealed",
        ),
        (
            SMALLEST + "lists: [{id: a, file: a, format: plain, tier: order, self_test: [b.test]}]",
            "/lists/0/self_test: ",
        ),
        (
            SMALLEST
            + "lists: [{id: a, zone: a.test, primaries: ['192.0.2.9:53'], format: rpz, tier: csam, sealed: true}]",
            "/lists/0/sealed: a zone, which cannot be sealed",
        ),
        (
            SMALLEST + "lists: [{id: a, file: a, format: plain, tier: order, category: adult}]",
            "on a list of tier order",
        ),
        (
            SMALLEST + "lists: [{id: a, file: a, format: plain, tier: order, action: splash}]",
            "splash without a splash address",
        ),
        (
            SMALLEST + "lists: [{id: a, file: a, format: plain, tier: csam, action: shadow}]",
            "/lists/0/action: action shadow for tier csam",
        ),
        (
            SMALLEST
            + "lists: [{id: a, file: a, format: rpz, tier: order}, {id: a, file: b, format: rpz, tier: order}]",
            "earlier list",
        ),
        (one_list("format: plain"), "no file, url or zone; not loaded; write one of file, url and zone"),
        (one_list("format: plain, file: a, url: 'https://a.test/'"), "file and url; not loaded"),
        (one_list("format: plain, url: 'http://a.test/'"), "http only to this box itself"),
        (one_list("format: plain, url: 'https://me:pw@a.test/'"), "with a password in it"),
        (one_list("format: plain, url: 'https://a.test/', every: 5s"), "out of range; not loaded; write 1m to 30d"),
        (one_list("format: plain, url: 'https://a.test/', every: soon"), "'soon' is not a length of time"),
        (one_list("format: plain, url: 'https://a.test/', max_age: 30m"), "30m is less than every, 1h"),
        (one_list("format: plain, url: 'https://a.test/', max_octets: 2TiB"), "'2TiB' is not a size"),
        (one_list("format: plain, url: 'https://a.test/', client_key: k"), "client_certificate without client_key"),
        ("dns: {upstreams: ['192.0.2.53:53']}\ntransfers: {notify: ['192.0.2.7:53']}", "is taken by /dns/listen/0"),
        (one_list("format: rpz, zone: a.test"), "/lists/0: zone a.test without a primary; not loaded; add primaries"),
        (one_list("format: plain, zone: a.test, primaries: ['192.0.2.1:53']"), "a zone of format plain"),
        (one_list("format: rpz, zone: a.test, file: a, primaries: ['192.0.2.1:53']"), "file and zone"),
        (one_list(f"format: plain, file: a, pgp: k, minisign: {'RW' + 54 * 'A'}"), "two ways of signing one list"),
        (one_list("format: ut1, file: a, pgp: k"), "/lists/0/pgp: a signature of what is no single file"),
        (one_list("format: plain, file: a, tsig: k"), "primaries, tsig or tls_name without zone"),
        (one_list("format: plain, file: a, primaries: ['192.0.2.1:53']"), "without zone"),
        (one_list("format: rpz, zone: a.test, primaries: ['192.0.2.1:53'], ca: c.pem"), "a source without TLS"),
        (one_list("format: plain, file: a, ca: c.pem"), "a source without TLS"),
        (one_list("format: plain, url: 'http://127.0.0.1/', ca: c.pem"), "a source without TLS"),
        (one_list("format: plain, file: a, columns: 'url:1'"), "columns of a list of format plain"),
        (one_list("format: csv, file: a, columns: 'nonsense'"), "names no columns"),
        (one_list("format: word, file: a"), "'word' is not known here"),
        (one_list("format: plain, file: a, shrink_percent: 101"), "101 is out of range"),
    ],
)
def test_what_cannot_be_used_is_said(text: str, said: str) -> None:
    assert any(said in fault for fault in faults_of(text))


@pytest.mark.parametrize(
    "dns",
    [
        "{upstreams: ['127.0.0.1:5353', '[::1]:5353']}",
        "{listen: ['192.0.2.1:53'], upstreams: ['127.0.0.1:53']}",
        "{listen: ['0.0.0.0:53'], upstreams: ['[::1]:53']}",
        "{listen: ['127.0.0.2:53'], upstreams: ['0.0.0.0:53']}",
    ],
)
def test_a_resolver_beside_us_on_this_box_is_no_loop(dns: str) -> None:
    assert read(f"dns: {dns}").dns.upstreams


def test_octets_that_are_no_utf8_are_a_fault_at_their_line() -> None:
    with pytest.raises(BadConfig, match=r"line 2 /: octets that are not UTF-8"):
        read_config(b"a: 1\nb: \xff\n", "x.yaml", Path("/"))


def test_a_file_beyond_the_limit_is_a_fault() -> None:
    with pytest.raises(BadConfig, match="more than 1048576 octets"):
        read_config(b"#" * (1 << 20) + b"#", "x.yaml", Path("/"))


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="No such file"):
        load(tmp_path / "absent.yaml")


def test_a_fault_moves_no_cursor() -> None:
    assert all(fault.isprintable() for fault in faults_of('"\\e[2J": 1\ndns: {upstreams: ["\\e[2J"]}\n'))


def test_the_shipped_example_is_good() -> None:
    config = load(ROOT / "docs/filterd.example.yaml")

    names = ["pta", "adult", "tiktok", "doh", "ech", "malware", "hijacked", "csam", "hole", "threat"]
    assert [entry.id for entry in config.lists] == names


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text("{}[]:,-&*!|>'\"% \nadnslistup", max_size=80).map(str.encode))
def test_any_octets_are_a_configuration_or_bad_config(data: bytes) -> None:
    place = ROOT / "tests/fuzz/targets/config.py"
    spec = importlib.util.spec_from_file_location("fuzz_config", place)
    assert spec is not None
    target = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(target)

    target.check(data)


@pytest.mark.parametrize("value", ["database", "files", "[1, {a: b}]", ""])
def test_a_key_of_an_earlier_release_is_ignored_with_a_warning_that_says_what_to_do(value: str) -> None:
    text = SMALLEST + f"records:\n  store: {value}\n  bypass_statistics: true\n"

    assert read(text).records.bypass_statistics
    (warning,) = examine(text.encode(), "x.yaml", Path("/etc/filterd")).warnings
    assert str(warning) == (
        "config x.yaml line 3 /records/store: block records are always files; the key is ignored; "
        "remove the key; where it was not files, run filterd audit move for older records"
    )


def test_a_retired_key_in_another_place_is_no_key() -> None:
    assert "/parental/store: no such key" in faults_of(SMALLEST + "parental: {store: files}")[0]
