from pathlib import Path

import pytest

from fastpath.images.layout import Limit
from filterd.config import BadConfig, Config, read_config
from filterd.images.lists.sources import config_sources

SMALLEST = "dns: {upstreams: ['192.0.2.53:53']}\n"


def read(text: str) -> Config:
    return read_config(text.encode(), "x.yaml", Path("/etc/filterd"))


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("splash: {listen: ['192.0.2.1:8080']}\napi: {listen: ['0.0.0.0:8080'], cleartext: true}", "/api/listen/0"),
        ("family: {listen: ['127.0.0.1:8080']}", "/family/listen/0"),
        ("splash: {listen: ['[2001:db8::1]:80']}\napi: {listen: ['[::]:80'], cleartext: true}", "/api/listen/0"),
        ("transfers: {notify: ['192.0.2.1:5300']}", "/transfers/notify/0"),
        (
            "rpz: {listen: ['127.0.0.1:8080'], zones: [{name: z.test, lists: [orders], allow: ['::1']}]}",
            "/rpz/listen/0",
        ),
    ],
)
def test_two_listeners_on_one_port_are_a_fault_of_the_second(said: str, at: str) -> None:
    (found,) = faults_of(SMALLEST + said)

    assert f" {at}: " in found and " is taken by " in found


def test_listeners_of_different_addresses_or_protocol_families_share_a_port() -> None:
    api = "api: {listen: ['192.0.2.2:80', '[::]:80'], cleartext: true}"

    config = read(f"{SMALLEST}splash: {{listen: ['192.0.2.1:80']}}\n{api}")

    assert len(config.api.listen) == 2


@pytest.mark.parametrize("place", ["192.0.2.1:443", "0.0.0.0:443"])
def test_nothing_listens_on_the_https_port_of_the_splash_address(place: str) -> None:
    tls = "tls: {certificate: c, key: k}"

    (found,) = faults_of(
        f"dns: {{upstreams: ['192.0.2.53:53'], {tls}, https: {{listen: ['{place}']}}}}\nsplash: {{address4: 192.0.2.1}}"
    )

    assert f"/dns/https/listen/0: {place} is port 443 of the splash address 192.0.2.1" in found


def test_as_many_lists_are_taken_as_an_image_holds_beside_those_of_filterd_itself() -> None:
    def lists(n: int) -> str:
        rows = [f"- {{id: l{at}, file: a, format: plain, tier: order}}\n" for at in range(n)]
        return f"{SMALLEST}lists:\n{''.join(rows)}"

    assert len(read(lists(117)).lists) == 117
    assert len(config_sources(read(lists(117)))) == Limit.LISTS - 1  # no order has come sealed
    assert "118 items; not loaded; write 0 to 117" in faults_of(lists(118))[0]


@pytest.mark.parametrize("name", ["sealed-orders", "orders-shadow-1"])
def test_a_list_that_has_the_id_of_one_of_filterd_itself_is_refused(name: str) -> None:
    faults = faults_of(f"{SMALLEST}lists: [{{id: {name}, file: a, format: plain, tier: order}}]\n")

    assert f"/lists/0/id: '{name}' is the id of a list of filterd itself; not loaded" in faults[0]


def test_the_families_door_needs_tls_as_the_desks_does() -> None:
    (cleartext,) = faults_of(SMALLEST + "family: {listen: ['192.0.2.1:8081'], hosts: [family.isp.example]}")
    (half,) = faults_of(SMALLEST + "family: {certificate: a.pem}")

    assert "/family/listen/0: 192.0.2.1:8081 without TLS" in cleartext
    without_tls, without_door = faults_of(SMALLEST + "api: {client_ca: ca.pem}")
    assert "/api/client_ca: certificates of clients without TLS" in without_tls
    assert "give them /family/listen" in without_door
    assert "/family: a certificate without its key" in half
    named = "family: {listen: ['192.0.2.1:8081'], cleartext: true, hosts: [family.isp.example]}"
    assert read(SMALLEST + named).family.cleartext


@pytest.mark.parametrize(
    ("family", "path", "found", "write"),
    [
        ("listen: ['192.0.2.3:443'], certificate: c, key: k", "hosts", "a door of families at 192.0.2.3:443", "names"),
        ("addresses: ['192.0.2.3:443']", "hosts", "and no name of it: under a lock", "[family.isp.example]"),
        ("hosts: [family.isp.example]", "addresses", "'family.isp.example' leads to no address", "ADDRESS:PORT"),
        (
            "listen: ['127.0.0.1:8081'], hosts: [family.isp.example]",
            "addresses",
            "'family.isp.example' leads to no address that is known to be open under a lock",
            "of the proxy or the other box",
        ),
        (
            "hosts: [family.isp.example], addresses: ['192.0.2.2:443']",
            "addresses/0",
            "192.0.2.2:443 is port 443 of the splash address",
            "another address",
        ),
    ],
)
def test_a_door_that_parents_cannot_reach_under_a_lock_is_refused(
    family: str, path: str, found: str, write: str
) -> None:
    (fault,) = faults_of(f"{SMALLEST}splash: {{address4: 192.0.2.2}}\nfamily: {{{family}}}\n")

    assert f" /family/{path}: " in fault and found in fault and write in fault


@pytest.mark.parametrize(
    "family",
    [
        "listen: ['127.0.0.1:8081']",  # of a laboratory: no line reaches it, locked or not
        "listen: ['192.0.2.3:443'], certificate: c, key: k, hosts: [family.isp.example]",
        "listen: ['127.0.0.1:8081'], hosts: [family.isp.example], addresses: ['192.0.2.3:443']",
        "hosts: [family.isp.example], addresses: ['192.0.2.3:443', '[2001:db8::3]:443']",
    ],
)
def test_a_door_that_parents_reach_under_a_lock_is_good(family: str) -> None:
    read(f"{SMALLEST}splash: {{address4: 192.0.2.2}}\nfamily: {{{family}}}\n")


NAS = "{name: bng, address: 192.0.2.9, secret: s, pools: [192.0.2.0/24]}"
PLACED = f"listen: ['192.0.2.1:1813'], nas: [{NAS}], places:"


@pytest.mark.parametrize(
    ("said", "path", "found"),
    [
        ("radius: {listen: ['192.0.2.1:1813']}", "/radius/nas", "no one may send requests"),
        (f"radius: {{nas: [{NAS}]}}", "/radius/listen", "no address where they are heard"),
        (
            f"radius: {{listen: ['192.0.2.1:1813'], nas: [{NAS}, {NAS}]}}",
            "/radius/nas/1/name",
            "name of an earlier one",
        ),
        (f"radius: {{{PLACED} [{{nas: a, zone: b}}, {{nas: a, zone: c}}]}}", "/radius/places/1/nas", "earlier row"),
        (f"radius: {{{PLACED} [{{nas: a}}]}}", "/radius/places/0", "neither a zone nor a province"),
        (f"radius: {{listen: ['192.0.2.1:53'], nas: [{NAS}]}}", "/radius/listen/0", "is taken by"),
    ],
)
def test_sessions_are_heard_where_someone_may_tell_of_them(said: str, path: str, found: str) -> None:
    assert any(f" {path}: " in fault and found in fault for fault in faults_of(SMALLEST + said))


TO = "server: siem.example:6514"


@pytest.mark.parametrize(
    ("said", "path", "found"),
    [
        (f"siem: {{{TO}, certificate: a.pem}}", "/siem", "a certificate without a key"),
        (f"siem: {{{TO}, key: a.key}}", "/siem", "a key without a certificate"),
        (f"siem: {{{TO}, send: [ledger, ledger]}}", "/siem/send/1", "'ledger' is written twice"),
        (f"siem: {{{TO}, send: []}}", "/siem/send", ""),
        (f"siem: {{{TO}, body: cef}}", "/siem/body", "cef"),
    ],
)
def test_what_cannot_be_sent_to_a_siem_as_it_is_promised_is_refused(said: str, path: str, found: str) -> None:
    assert any(f" {path}: " in fault and found in fault for fault in faults_of(SMALLEST + said))


def test_blocks_and_the_ledger_are_sent_unless_one_is_asked_for() -> None:
    assert read(SMALLEST + f"siem: {{{TO}}}").siem.send == ("blocks", "ledger")
    assert read(SMALLEST + f"siem: {{{TO}, send: [ledger]}}").siem.send == ("ledger",)
    assert read(SMALLEST + "siem: {body: json}").siem.server is None


def test_a_port_of_tcp_may_be_that_of_accounting_too() -> None:
    assert read(SMALLEST + f"radius: {{listen: ['192.0.2.1:80'], nas: [{NAS}]}}").radius.nas[0].name == "bng"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("gateway: 'https://sms.example/', outbox: /tmp", "/family/sms: a gateway and an outbox"),
        ("gateway: 'http://sms.example/'", "/family/sms/gateway: numbers and codes would cross the network readable"),
        ("fields: [from]", "/family/sms/fields/0: 'from' names no field"),
        ("fields: ['=x']", "/family/sms/fields/0: '=x' names no field"),
    ],
)
def test_messages_to_parents_have_one_way_that_others_do_not_read(said: str, found: str) -> None:
    (fault,) = faults_of(SMALLEST + f"family: {{sms: {{{said}}}}}")

    assert found in fault
    read(SMALLEST + "family: {sms: {gateway: 'http://127.0.0.1:8000/send', fields: [from=EXAMPLE]}}")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("[xx]", "/family/languages/0: 'xx' cannot be added"),
        ("[ur]", "/family/languages/0: 'ur' cannot be added"),
        ("[ps]", "/family/languages/0: 0 of "),
    ],
)
def test_a_language_without_enough_messages_is_not_offered(said: str, fault: str) -> None:
    (found,) = faults_of(SMALLEST + f"family: {{languages: {said}}}")

    assert fault in found


@pytest.mark.parametrize("said", ["tier: csam", "tier: csam, sealed: true"])
def test_a_confidential_list_is_never_public(said: str) -> None:
    faults = faults_of(f"{SMALLEST}lists: [{{id: a, file: a, format: plain, public: true, {said}}}]\n")

    assert any("/lists/0/public: a confidential list, which is never public" in fault for fault in faults)
