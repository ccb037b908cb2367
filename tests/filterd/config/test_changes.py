from pathlib import Path

from filterd.config import Config, read_config
from filterd.config.changes import as_far_as_live, changed, digests, keys_of, outdated

SMALLEST = "dns: {upstreams: ['192.0.2.53:53']}\n"


def read(text: str) -> Config:
    return read_config(text.encode(), "x.yaml", Path("/etc/filterd"))


def test_a_change_says_which_roles_must_be_started_again_or_none() -> None:
    old = read(SMALLEST)
    new = read(
        "dns: {upstreams: ['192.0.2.54:53'], workers: 2, tls: {name: dns.test}}\napi: {listen: ['127.0.0.1:81']}\n"
        "splash: {host: page.test, address4: 192.0.2.1}\n"
        "gate: {flows: 2048}\nlists: [{id: a, file: a, format: plain, tier: order}]\n"
    )

    assert {key.path: key.restart for key in changed(old, new)} == {
        "/dns/upstreams": (),
        "/dns/workers": ("dns", "gate", "control", "web", "splash", "metrics"),
        "/dns/tls/name": ("web",),
        "/gate/flows": ("gate",),
        "/splash/host": ("gate", "splash"),
        "/api/listen": ("web",),
        "/splash/address4": (),
        "/lists": (),
    }


def test_what_a_role_cannot_take_while_it_runs_stays_as_it_was() -> None:
    old = read(SMALLEST)
    new = read("dns: {upstreams: ['192.0.2.54:53'], listen: ['192.0.2.1:53']}\ngate: {flows: 2048}\n")

    dns, web = as_far_as_live("dns", old, new), as_far_as_live("web", old, new)

    assert dns.dns.upstreams == new.dns.upstreams
    assert dns.dns.listen == old.dns.listen
    assert (dns.gate.flows, web.dns.listen) == (2048, new.dns.listen)


def test_a_role_is_outdated_by_the_keys_that_only_its_restart_changes() -> None:
    old = read(SMALLEST)
    new = read(SMALLEST + "api: {listen: ['127.0.0.1:81']}\ngate: {flows: 2048}\n")

    assert outdated(new, "web", digests(old, "web")) == ["/api/listen"]
    assert outdated(new, "gate", digests(old, "gate")) == ["/gate/flows"]
    assert outdated(new, "dns", digests(old, "dns")) == []


def test_a_key_that_an_older_release_did_not_know_outdates_nobody() -> None:
    assert outdated(read(SMALLEST), "web", {}) == []


def test_every_key_names_roles_that_exist_and_none_twice() -> None:
    for key in keys_of(read(SMALLEST)):
        assert set(key.restart) <= {
            "dns",
            "gate",
            "control",
            "web",
            "splash",
            "metrics",
            "radius",
            "archive",
            "siem",
        }, key.path
        assert len(set(key.restart)) == len(key.restart), key.path
