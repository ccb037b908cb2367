"""What the desk takes once, and what stays where the API does not answer."""

import pytest
from support.mgmt.collector import Collector, table
from support.mgmt.mail_signer import PgpIssuer

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
