"""The verifier in the lab: what it says of an order is what the traffic does, and nothing else."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml

from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

START_S = 240.0  # of a busy machine
OF_DNS = {f"{channel}-{family}" for channel in ("dns-udp", "dns-tcp", "dns-tls", "dns-https") for family in (4, 6)}
OF_PACKETS = {f"{channel}-{family}" for channel in ("tls", "quic", "http") for family in (4, 6)}


@pytest.fixture(scope="module")
def gateway(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """filterd with all of its roles; its DNS answers over every transport."""
    running = Gateway(lab, Folder(tmp_path_factory.mktemp("verifier")))
    write_orders(running.folder.orders, 100)
    write_configuration(running, 1)
    said = yaml.safe_load(running.folder.configuration.read_text())
    certificate, key = (str(internet.authority.with_name(name)) for name in ("web.pem", "web.key"))
    both = [lab.addresses.gateway4, f"[{lab.addresses.gateway6}]"]
    said["dns"]["tls"] = {"listen": [f"{each}:853" for each in both], "certificate": certificate, "key": key}
    said["dns"]["https"] = {"listen": [f"{each}:8443" for each in both]}
    running.folder.configuration.write_text(yaml.safe_dump(said))
    running.start()
    yield running
    running.stop()


def ask(gateway: Gateway, token: str, *arguments: str) -> dict[str, Any]:
    """`filterd orders`, over the API: its object; {} where there is none."""
    command = filterd_command("orders", *arguments, "--api", gateway.place.addresses.api)
    done = gateway.place.run("gateway", ["env", f"FILTERD_TOKEN={token}", *command], timeout_s=START_S)
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return found


def push(gateway: Gateway, ref: str, *values: str, state: str = "enforced") -> str:
    """Push an order over the API, and wait until it is in force, as a state says; the token that may do so."""
    made = filterd_command("token", "operator", "--config", str(gateway.folder.configuration))
    token = gateway.place.run("gateway", made, timeout_s=START_S).stdout.strip()
    said = ("push", "--json", "--issuer", "PTA", "--ref", ref, "--ground", "PECA 37", *values)
    wait_until(lambda: ask(gateway, token, *said).get("state") == state, f"order {ref}", START_S)
    return token


def verify(gateway: Gateway, ref: str) -> tuple[int, dict[str, Any]]:
    """`filterd orders verify`, on the box: its exit code and object."""
    command = filterd_command("orders", "verify", "--json", "--config", str(gateway.folder.configuration))
    done = gateway.place.run("gateway", [*command, "--issuer", "PTA", ref], timeout_s=START_S)
    return done.returncode, json.loads(done.stdout)


def outcomes(found: dict[str, Any], ways: set[str]) -> list[set[str]]:
    """Of each entry, what came of these ways."""
    return [{each["ways"][way] for way in ways} for each in found["results"]]


def test_names_are_verified_on_every_channel_and_their_neighbours_are_open(gateway: Gateway) -> None:
    token = push(gateway, "V-1", "order.test", "a.many.test")

    code, found = verify(gateway, "V-1")

    assert (code, found["state"], found["not_here"], found["too_wide"]) == (0, "verified", [], [])
    assert [set(each["ways"]) for each in found["results"]] == [OF_DNS | OF_PACKETS] * 2
    assert outcomes(found, OF_DNS | OF_PACKETS) == [{"here"}, {"here"}]
    # control answers the issuer by itself
    confirm = ("confirm", "--issuer", "PTA", "V-1", "--format", "json")
    wait_until(lambda: ask(gateway, token, *confirm) != {}, "the confirmation", START_S)
    answer = ask(gateway, token, *confirm)
    assert [each["verified"] for each in answer["statement"]["entries"]] == [True, True]
    assert answer["note"].startswith("filterd-confirmation/1\n")
    # and says so when that is over
    ask(gateway, token, "withdraw", "--issuer", "PTA", "V-1", "--json", "--reason", "a court")
    wait_until(lambda: ask(gateway, token, *confirm).get("note") not in (None, answer["note"]), "the next", START_S)
    gone = ask(gateway, token, *confirm)["statement"]
    assert (gone["answer"], {each["status"] for each in gone["entries"]}) == ("withdrawn", {"withdrawn"})
    assert gone["supersedes"]["made"] == answer["statement"]["made"]


def test_a_url_is_verified_over_http_alone_and_the_rest_of_its_site_is_open(gateway: Gateway) -> None:
    push(gateway, "V-2", "http://video.test/film?n=1")

    code, found = verify(gateway, "V-2")

    assert (code, found["state"], found["too_wide"]) == (0, "verified", [])
    assert found["results"][0]["ways"] == {"http-4": "here", "http-6": "here"}


def test_a_page_of_https_is_closed_over_http_and_never_called_verified(gateway: Gateway) -> None:
    token = push(gateway, "V-7", "https://www.video.test/film", "adult.test", state="partly_enforced")

    code, found = verify(gateway, "V-7")

    assert (code, found["state"], found["not_visible"]) == (0, "verified", 1)
    confirm = ("confirm", "--issuer", "PTA", "V-7", "--format", "json")
    wait_until(lambda: ask(gateway, token, *confirm) != {}, "the confirmation", START_S)
    said = ask(gateway, token, *confirm)["statement"]
    assert said["answer"] == "partly_confirmed"
    assert [(each["status"], each["verified"]) for each in said["entries"]] == [
        ("not_visible_over_https", False),
        ("enforced", True),
    ]


def test_a_host_and_a_page_on_it_in_one_order_are_verified(gateway: Gateway) -> None:
    push(gateway, "V-6", "other.test", "http://other.test/page", "www.other.test")

    code, found = verify(gateway, "V-6")

    assert (code, found["state"], found["too_wide"]) == (0, "verified", [])


def test_a_neighbour_that_another_order_blocks_is_not_held_against_this_one(gateway: Gateway) -> None:
    push(gateway, "V-3", "wide.many.test")
    push(gateway, "V-4", "below.wide.many.test")

    assert verify(gateway, "V-4")[1]["state"] == "verified"


def test_what_is_open_is_found_open_whatever_its_row_says(gateway: Gateway) -> None:
    push(gateway, "V-5", "third.test")
    file = gateway.folder.state / "database/filterd.db"
    with closing(sqlite3.connect(file, timeout=60)) as database, database:
        of_order = "\"order\" = (SELECT id FROM orders WHERE ref = 'V-5')"
        database.execute(f"UPDATE entries SET wire = ? WHERE {of_order}", (b"\x04open\x04many\x04test\0",))

    code, found = verify(gateway, "V-5")

    assert (code, found["state"]) == (1, "open")
    assert outcomes(found, OF_DNS | OF_PACKETS) == [{"open"}]
