"""Signed files in a folder become orders; others are refused, written down and told."""

import os
from pathlib import Path

import pytest
from support.mgmt.collector import Collector, correction, table
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer
from support.system.daemon import Daemon

pytestmark = pytest.mark.services


def test_files_with_a_signature_beside_them_are_taken_and_put_away(
    collector: Collector, daemon: Daemon, pgp: PgpIssuer, smime: SmimeIssuer
) -> None:
    one, two = table("F-1", "one.folder.test"), table("F-2", "two.folder.test")
    (collector.folder / "one.csv").write_bytes(one)
    (collector.folder / "one.csv.asc").write_bytes(pgp.sign(one))
    (collector.folder / "two.csv").write_bytes(two)
    (collector.folder / "two.csv.p7s").write_bytes(smime.sign(two))

    assert collector.counts() == (2, 0)
    assert sorted(path.name for path in (collector.folder / "taken").iterdir()) == [
        "one.csv", "one.csv.asc", "two.csv", "two.csv.p7s",
    ]  # fmt: skip
    assert collector.order("F-1")["state"] == collector.order("F-2")["state"] == "enforced"
    assert daemon.ask("www.two.folder.test")[1] == bytes((192, 0, 2, 1))
    assert collector.counts() == (0, 0)


def test_a_signed_file_that_corrects_a_letter_is_its_next_version(
    collector: Collector, daemon: Daemon, pgp: PgpIssuer
) -> None:
    for name, octets, counts in (
        ("first.csv", table("FC-1", "stays.folder.test", "wrong.folder.test"), (1, 0)),
        ("second.csv", correction("FC-2", "FC-1", "stays.folder.test"), (1, 0)),
        ("late.csv", correction("FC-3", "FC-1", "other.folder.test"), (0, 1)),
    ):
        (collector.folder / name).write_bytes(octets)
        (collector.folder / f"{name}.asc").write_bytes(pgp.sign(octets))
        assert collector.counts() == counts

    second = collector.order("FC-2")
    assert (second["version"], second["state"]) == (2, "enforced")
    assert collector.order("FC-1")["replaced_by"] == second["id"]
    assert daemon.ask("stays.folder.test")[1] == bytes((192, 0, 2, 1))
    assert daemon.ask("wrong.folder.test")[1] != bytes((192, 0, 2, 1))
    assert "FC-2 has corrected it" in (collector.folder / "refused/late.csv.why").read_text()


def test_what_is_forged_copied_altered_or_no_file_is_refused_with_a_sentence(
    collector: Collector, pgp: PgpIssuer, tmp_path: Path
) -> None:
    good, stranger = table("F-3", "three.folder.test"), PgpIssuer(tmp_path, "stranger")
    before = collector.n_noted("file refused")
    signature = pgp.sign(good)
    stale = pgp.sign(good, "--faked-system-time", "20260101T000000!")
    for name, octets, signed in (
        ("altered.csv", good + b"evil.folder.test,F-3\n", signature),
        ("forged.csv", good, stranger.sign(good)),
        ("stale.csv", good, stale),
        ("table.pdf", b"%PDF-1.7", pgp.sign(b"%PDF-1.7")),
    ):
        (collector.folder / name).write_bytes(octets)
        (collector.folder / f"{name}.asc").write_bytes(signed)
    stranger.stop()
    (collector.folder / "link.csv").symlink_to("/etc/passwd")
    (collector.folder / "link.csv.asc").write_bytes(signature)
    (collector.folder / "waits.csv").write_bytes(good)
    (collector.folder / "alone.csv").write_bytes(good)
    os.utime(collector.folder / "alone.csv", (1, 1))

    assert collector.counts() == (0, 6)
    assert not collector.order("F-3")
    why = {path.name: path.read_text() for path in (collector.folder / "refused").glob("*.why")}
    for name, said in (
        ("altered.csv", "forged, altered, or of another key"),
        ("forged.csv", "forged, altered, or of another key"),
        ("stale.csv", "more than 3 days ago: stale"),
        ("table.pdf", "a PDF, which holds no table"),
        ("link.csv", "no file that can be read"),
        ("alone.csv", "not signed"),
    ):
        assert said in why[f"{name}.why"], name
    assert (collector.folder / "waits.csv").exists()
    assert collector.n_noted("file refused") == before + 7, "once here, and the table that is none by the API, too"
