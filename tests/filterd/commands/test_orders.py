import json
import re
from pathlib import Path

import pytest
from support.mgmt.issuer import OpensslIssuer
from support.system.daemon import Daemon


@pytest.fixture
def regulator(daemon: Daemon) -> str:
    return daemon.token("regulator")


@pytest.mark.services
def test_an_order_is_pushed_shown_listed_and_withdrawn(daemon: Daemon, regulator: str) -> None:
    pushed = daemon.run(
        "orders", "push", "one.test", "x..y", "--issuer", "PTA", "--ref", "T-7", "--ground", "a law", token=regulator
    )
    assert "order" in pushed.stdout and "T-7: partly_enforced (1 enforced, 1 invalid)" in pushed.stdout
    assert "x..y: invalid" in pushed.stdout
    assert pushed.returncode == 1
    assert daemon.ask("www.one.test")[1] == bytes((192, 0, 2, 1))

    shown = daemon.run("orders", "show", "--issuer", "PTA", "T-7", "--json", token=regulator)
    assert json.loads(shown.stdout)["counts"] == {"enforced": 1, "invalid": 1}
    assert "PTA T-7: partly_enforced" in daemon.run("orders", "list", token=regulator).stdout
    stats = daemon.run("orders", "stats", "--json", token=regulator)
    assert json.loads(stats.stdout)["enforced"]["orders"] >= 1
    assert re.match(r"PTA: \d+ orders; enforced \d+ \(median ", daemon.run("orders", "stats", token=regulator).stdout)

    withdrawn = daemon.run("orders", "withdraw", "--issuer", "PTA", "T-7", "--reason", "a court", token=regulator)
    assert "T-7: withdrawn" in withdrawn.stdout
    assert daemon.ask("www.one.test")[1] == bytes((198, 51, 100, 7))


@pytest.mark.services
def test_a_correction_takes_the_place_of_an_order_and_is_withdrawn_for_both(daemon: Daemon, regulator: str) -> None:
    given, splash, open_to = ("--issuer", "PTA", "--ground", "a law"), bytes((192, 0, 2, 1)), bytes((198, 51, 100, 7))
    daemon.run("orders", "push", "old.test", "both.test", *given, "--ref", "T-30", token=regulator)
    corrected = daemon.run(
        "orders", "push", "both.test", "new.test", *given, "--ref", "T-31", "--corrects", "T-30", token=regulator
    )
    assert "T-31: enforced" in corrected.stdout, corrected.stderr
    assert [daemon.ask(f"www.{name}.test")[1] for name in ("both", "new", "old")] == [splash, splash, open_to]

    early = daemon.run("orders", "withdraw", "--issuer", "PTA", "T-30", "--reason", "r", token=regulator)
    assert early.returncode != 0 and "T-31" in early.stderr
    daemon.run("orders", "withdraw", "--issuer", "PTA", "T-31", "--reason", "r", token=regulator)
    assert [daemon.ask(f"www.{name}.test")[1] for name in ("both", "new", "old")] == [open_to] * 3


@pytest.mark.services
def test_a_whole_order_is_confirmed_entry_by_entry_and_an_order_with_a_gap_is_not(
    daemon: Daemon, regulator: str
) -> None:
    given = ("--issuer", "PTA", "--ground", "a law")
    whole = daemon.run("orders", "push", "whole.test", *given, "--ref", "T-20", token=regulator)
    gap = daemon.run("orders", "push", "gap.test", "x..y", *given, "--ref", "T-21", token=regulator)
    assert (whole.returncode, gap.returncode) == (0, 1)

    confirmed = daemon.run("orders", "confirm", "--issuer", "PTA", "T-20", token=regulator)
    assert confirmed.returncode == 0
    assert "T-20: enforced, 1 of 1 entries enforced\n" in confirmed.stdout
    assert "served by dns-0 since 20" in confirmed.stdout
    assert "\n  whole.test: enforced since 20" in confirmed.stdout
    times = re.findall(r"\d{4}-\d\d-\d\dT[\d:.]+(\S{6})", confirmed.stdout)
    assert times == ["+05:00"] * 3, "all by the operator's clocks: received, served, enforced"

    refused = daemon.run("orders", "confirm", "--issuer", "PTA", "T-21", "--json", token=regulator)
    assert refused.returncode == 1
    assert [entry["status"] for entry in json.loads(refused.stdout)["entries"]] == ["enforced", "invalid"]
    daemon.run("orders", "withdraw", "--issuer", "PTA", "T-20", "--reason", "x", token=regulator)
    assert daemon.run("orders", "confirm", "--issuer", "PTA", "T-20", token=regulator).returncode == 1


@pytest.mark.services
def test_a_confirmation_has_the_entries_of_all_pages(daemon: Daemon, regulator: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("".join(f"n{at}.pages.test\n" for at in range(2100)))
    given = ("--issuer", "PTA", "--ref", "T-22", "--ground", "a law", "--file", str(tmp_path / "names"))
    daemon.run("orders", "push", *given, token=regulator)

    confirmed = daemon.run("orders", "confirm", "--issuer", "PTA", "T-22", "--json", token=regulator)

    values = [entry["value"] for entry in json.loads(confirmed.stdout)["entries"]]
    assert values == [f"n{at}.pages.test" for at in range(2100)]


@pytest.mark.services
def test_a_letter_that_a_list_file_names_is_shown_in_force_confirmed_and_not_withdrawn(
    daemon: Daemon, regulator: str
) -> None:
    shown = daemon.run("orders", "show", "--issuer", "PTA", "PTA-1", token=regulator)
    assert "PTA-1: enforced (1 enforced)" in shown.stdout
    confirmed = daemon.run("orders", "confirm", "--issuer", "PTA", "PTA-1", token=regulator)
    assert (confirmed.returncode, "served by every worker since 20" in confirmed.stdout) == (0, True)

    withdrawn = daemon.run("orders", "withdraw", "--issuer", "PTA", "PTA-1", "--reason", "x", token=regulator)

    assert withdrawn.returncode == 1
    assert "nothing withdrawn; who keeps the list takes the letter's rows out of its file" in withdrawn.stderr


@pytest.mark.services
def test_names_come_from_a_file(daemon: Daemon, regulator: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("two.test\n\nthree.test\n")

    done = daemon.run(
        "orders",
        "push",
        "--file",
        str(tmp_path / "names"),
        "--issuer",
        "PTA",
        "--ref",
        "T-8",
        "--ground",
        "a law",
        token=regulator,
    )

    assert "T-8: enforced (2 enforced)" in done.stdout


@pytest.mark.services
def test_what_the_api_refuses_is_told_in_its_words(daemon: Daemon, regulator: str) -> None:
    done = daemon.run("orders", "show", "--issuer", "PTA", "T-none", token=regulator)

    assert done.returncode == 1
    assert done.stderr.startswith("filterd orders: order: order PTA T-none: not found; nothing done; ")
    assert done.stderr.endswith(" (404)\n")


@pytest.mark.services
def test_an_order_without_a_name_is_wrong_use(daemon: Daemon, regulator: str) -> None:
    done = daemon.run("orders", "push", "--issuer", "PTA", "--ref", "T-9", "--ground", "x", token=regulator)

    assert done.returncode == 2


@pytest.mark.services
def test_a_reference_without_its_issuer_is_wrong_use_and_a_number_is_a_number(daemon: Daemon) -> None:
    regulator = daemon.token("regulator", "--issuer", "IHC")
    for ref in ("T-10", "1"):
        daemon.run("orders", "push", f"r{ref}.test", "--issuer", "IHC", "--ref", ref, "--ground", "x", token=regulator)
    listed = daemon.run("orders", "list", "--json", token=regulator).stdout.splitlines()
    number = next(order["id"] for order in map(json.loads, listed) if order["ref"] == "T-10")

    done = daemon.run("orders", "withdraw", "T-10", "--reason", "x", token=regulator)
    assert (done.returncode, "add --issuer" in done.stderr) == (2, True)
    assert " T-10: enforced" in daemon.run("orders", "show", str(number), token=regulator).stdout
    assert "IHC 1: enforced" in daemon.run("orders", "show", "--issuer", "IHC", "1", token=regulator).stdout


@pytest.mark.services
def test_an_issuer_with_a_key_signs_what_it_pushes_and_withdraws(daemon: Daemon, tmp_path: Path) -> None:
    regulator, issuer = daemon.token("regulator", "--issuer", "SBP"), OpensslIssuer(tmp_path)
    put = ("staff", "issuer-key", "SBP", "--hex", issuer.public_key.hex(), "--config", str(daemon.config))
    assert daemon.run(*put).returncode == 0
    push = ("orders", "push", "signed.test", "--issuer", "SBP", "--ref", "S-1", "--ground", "a law")
    withdraw = ("orders", "withdraw", "--issuer", "SBP", "S-1", "--reason", "a letter")

    for verb in (push, withdraw):
        unsigned = daemon.run(*verb, token=regulator)
        assert (unsigned.returncode, "signature" in unsigned.stderr) == (1, True), unsigned.stderr
        signed = daemon.run(*verb, "--key", str(issuer.key), token=regulator)
        assert (signed.returncode, signed.stderr) == (0, "")


@pytest.mark.services
@pytest.mark.parametrize("content", [None, "", "-----BEGIN PRIVATE KEY-----"])
def test_a_file_that_holds_no_key_is_said_before_anything_is_sent(
    daemon: Daemon, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    push = (
        "orders",
        "push",
        "a.test",
        "--issuer",
        "PTA",
        "--ref",
        "1",
        "--ground",
        "g",
        "--key",
        str(tmp_path / "key"),
    )

    done = daemon.run(*push, token="any")

    assert (done.returncode, "nothing done; name the issuer's private key" in done.stderr) == (2, True)


@pytest.mark.services
def test_the_file_of_a_letter_is_imported_and_each_row_that_is_no_entry_is_told(
    daemon: Daemon, regulator: str, tmp_path: Path
) -> None:
    file = tmp_path / "letter.csv"
    file.write_bytes("ویب سائٹ,مراسلہ نمبر\r\nfiled.test,T-90\r\nno name,T-90\r\n".encode("utf-16"))
    said = ("orders", "import", "--issuer", "PTA", "--ground", "a law", str(file))

    done = daemon.run(*said, token=regulator)
    assert done.returncode == 1
    assert "PTA T-90: partly_enforced (1 enforced, 1 invalid)" in done.stdout
    assert f"letter.csv: utf-16, {file.stat().st_size} octets" in done.stdout
    assert "\n  3: no name" in done.stdout and "invalid" in done.stdout
    assert daemon.ask("www.filed.test")[1] == bytes((192, 0, 2, 1))

    file.write_text("URL,Ref\nfiled2.test,T-91\n")
    whole = daemon.run(*said, "--json", token=regulator)
    assert (whole.returncode, json.loads(whole.stdout)["entries"][0]["place"]) == (0, "2")
    file.write_bytes(b"%PDF-1.7")
    refused = daemon.run(*said, token=regulator)
    assert refused.returncode == 1 and "/file: file: a PDF, which holds no table; not read" in refused.stderr
    missing = daemon.run(*said[:-1], str(tmp_path / "none"), token=regulator)
    assert missing.returncode == 2 and "No such file" in missing.stderr
