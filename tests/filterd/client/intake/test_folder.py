"""Signed files in a folder become orders; others are refused, written down and told."""

import argparse
import os
from pathlib import Path
from typing import Any

import pytest
from support.mgmt.collector import Collector, correction, table
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer
from support.system.daemon import Daemon

from filterd.client.intake import desk
from filterd.client.intake.desk import Desk
from filterd.client.intake.folder import collect_folder
from filterd.client.intake.proof import Keys
from filterd.client.intake.seen import SeenDigests

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


def test_a_file_of_any_name_is_refused_and_stops_no_other(collector: Collector, pgp: PgpIssuer) -> None:
    odd = [b"a\nb.csv", b"a\xff.csv", b"a" * 251 + b".csv"]
    for name in odd:
        path = collector.folder / os.fsdecode(name)
        path.write_bytes(b"nothing")
        os.utime(path, (1, 1))
    good = table("F-6", "six.folder.test")
    (collector.folder / "six.csv").write_bytes(good)
    (collector.folder / "six.csv.asc").write_bytes(pgp.sign(good))
    before = collector.n_noted("file refused")

    assert collector.counts() == (1, 3)
    assert {path.name for path in collector.folder.iterdir()} == {"taken", "refused"}
    why = {os.fsencode(path.name): path.read_text() for path in (collector.folder / "refused").glob("*.why")}
    assert sorted(why) == sorted([*(name + b".why" for name in odd[:2]), b"a" * 240 + b".why"])
    assert all(said.endswith("not signed\n") and said.count("\n") == 1 for said in why.values())
    assert collector.n_noted("file refused") == before + 3


def test_a_file_that_cannot_be_put_away_stops_no_other_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"nothing")
        os.utime(tmp_path / name, (1, 1))
    rename = Path.rename

    def refuse_one(path: Path, to: Path) -> Any:
        if path.name == "a.csv":
            raise PermissionError(1, "Operation not permitted", str(path))
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse_one)
    monkeypatch.setattr(desk, "call", lambda *_: None)
    mine = Desk(argparse.Namespace(), "PTA", "g", Keys(), SeenDigests(tmp_path / ".seen"))

    with pytest.raises(OSError, match=r"not permitted: .*a\.csv"):
        collect_folder(tmp_path, mine)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["a.csv"]
    assert sorted(path.name for path in (tmp_path / "refused").iterdir()) == ["b.csv", "b.csv.why"]
