import json
import shutil
import subprocess

import pytest
from support.system.daemon import Daemon, eventually

from filterd.commands.devices import _lines


def kdig(daemon: Daemon, *options: str) -> str:
    program = shutil.which("kdig")
    if program is None:
        pytest.skip("kdig is not installed: apt-get install knot-dnsutils")
    command = [program, "@127.0.0.1", f"+tls-ca={daemon.certificate}", "+retry=0", *options, "adult.test", "A"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.mark.services
def test_a_devices_token_has_its_lines_rules_over_tls_and_https_until_it_is_ended(daemon: Daemon) -> None:
    operator = daemon.token("operator")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return daemon.run(*arguments, token=operator)

    run("subscribers", "put", "72", "--label", "Flat 4", "--prefix", "192.0.2.72", "--category", "adult")
    made = json.loads(run("devices", "put", "72", "ali-phone", "--json").stdout)
    assert made["tls"] == f"{made['token']}.dns.test" and made["https"].endswith(f"/{made['token']}")
    assert run("devices", "list", "72").stdout == "subscriber 72: ali-phone\n"

    over_tls = ("-p", str(daemon.tls), "+tls", f"+tls-sni={made['tls']}", f"+tls-hostname={made['tls']}")
    over_https = ("-p", str(daemon.https), f"+https=/dns-query/{made['token']}", "+tls-hostname=dns.test")

    def are_blocked() -> bool:  # kdig waits for 5 s
        return all("192.0.2.1" in kdig(daemon, *over) for over in (over_tls, over_https))

    eventually(are_blocked, "the line's rules")

    assert run("devices", "delete", "72", "ali-phone").stdout == "subscriber 72 ali-phone: token revoked\n"
    assert not any("192.0.2.1" in kdig(daemon, *over) for over in (over_tls, over_https))
    assert "no device 'ali-phone'" in run("devices", "delete", "72", "ali-phone").stderr
    run("subscribers", "delete", "72")


def test_a_token_is_shown_with_what_to_write_into_the_device() -> None:
    told = {"id": 7, "device": "ali-phone", "token": "abc", "tls": "abc.dns.test", "https": "https://dns.test/x/abc"}

    assert _lines("put", told) == [
        "subscriber 7 ali-phone: abc; shown once",
        "  DNS over TLS: abc.dns.test",
        "  DNS over HTTPS: https://dns.test/x/abc",
    ]
    assert _lines("put", {**told, "tls": None, "https": None}) == ["subscriber 7 ali-phone: abc; shown once"]
    assert _lines("list", {"id": 7, "devices": []}) == ["subscriber 7: no device has a token"]
