"""What the desk takes once, and what stays where the API does not answer."""

import argparse
from pathlib import Path

import pytest
from support.mgmt.collector import Collector, table
from support.mgmt.mail_signer import PgpIssuer

from filterd.box.errors import ApiProblem, MissingPart
from filterd.client.intake import desk
from filterd.client.intake.desk import Desk, IntakeRefusal, Table
from filterd.client.intake.proof import Keys
from filterd.client.intake.seen import SeenDigests

pytestmark = pytest.mark.services


def test_a_copy_of_what_was_taken_is_not_taken_again(collector: Collector, pgp: PgpIssuer) -> None:
    octets = table("F-4", "four.folder.test")
    for name in ("four.csv", "again.csv"):
        (collector.folder / name).write_bytes(octets)
        (collector.folder / f"{name}.asc").write_bytes(pgp.sign(octets))

    assert collector.counts() == (1, 1)
    assert "a copy of what was taken" in (collector.folder / "refused" / "four.csv.why").read_text()


def test_where_the_api_does_not_answer_what_came_stays(collector: Collector, pgp: PgpIssuer) -> None:
    octets = table("F-5", "five.folder.test")
    (collector.folder / "five.csv").write_bytes(octets)
    (collector.folder / "five.csv.asc").write_bytes(pgp.sign(octets))

    done = collector.run("--folder", str(collector.folder), "--api", "http://127.0.0.1:1")
    assert done.returncode == 3 and "nothing done" in done.stderr
    done = collector.run(token="wrong")
    assert done.returncode == 3
    assert (collector.folder / "five.csv").exists()
    assert collector.counts() == (1, 0)


def test_an_issuer_with_a_key_is_told_that_it_pushes_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ApiProblem("Signature: no Signature-Input; nothing done; sign method, host, path (403)", 403, "Signature")

    monkeypatch.setattr(desk, "send_file", refuse)
    keys, seen = Keys(tmp_path / "keys", None), SeenDigests(tmp_path / "seen")

    with pytest.raises(IntakeRefusal, match=r"^a\.csv: PTA has a key, and pushes over the API, signed with it"):
        Desk(argparse.Namespace(), "PTA", "g", keys, seen).take(b"x", [Table("a.csv", b"x")])


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 504, 507])
def test_what_the_api_or_a_proxy_before_it_cannot_take_now_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refuse(*_: object) -> None:
        raise ApiProblem(f"the API answered {status}", status)

    monkeypatch.setattr(desk, "send_file", refuse)
    keys, seen = Keys(tmp_path / "keys", None), SeenDigests(tmp_path / "seen")

    with pytest.raises(MissingPart, match=str(status)):
        Desk(argparse.Namespace(), "PTA", "g", keys, seen).take(b"x", [Table("a.csv", b"x")])
