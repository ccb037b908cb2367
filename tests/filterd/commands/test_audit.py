import json
import socket
import struct
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.block_proof import Store
from support.mgmt import ledgers, transparent
from support.mgmt.ledgers import SIGNER
from support.mgmt.published import statement_of
from support.system.daemon import Daemon, eventually

from filterd.box.places import database_file
from filterd.cli import main
from filterd.commands import audit
from mgmt.ledger import store
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import digest_of, document_of
from mgmt.registers.records.block_ledger import BlockRecord, append_blocks, has_blocks
from mgmt.registers.records.statistics.statement import note_of, text_of
from mgmt.registers.transparency import statement as transparency
from parental.store.database import open_database, reading, writing


@pytest.mark.services
def test_the_records_come_as_csv(daemon: Daemon) -> None:
    long_ago = "2020-01-01T00:00:00+00:00"
    done = daemon.run("audit", "pull", "--format", "csv", "--until", long_ago, token=daemon.token("auditor"))

    assert done.returncode == 0
    assert (
        done.stdout
        == "time,channel,action,list,rule,order,issuer,category,reason,generation,subscriber,count,province\n"
    )


@pytest.mark.services
@pytest.mark.parametrize("is_reset", [True, False])
def test_a_pull_whose_connection_ends_early_says_so(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_reset: bool
) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "any")

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        while not connection.recv(4096).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n")
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        code = main(["audit", "pull", "--api", f"http://127.0.0.1:{server.getsockname()[1]}"])
        thread.join()

    assert code != 0
    assert "the answer ended early; what was written is a part of it" in capfd.readouterr().err


@pytest.mark.services
def test_a_token_of_another_role_pulls_nothing(daemon: Daemon) -> None:
    done = daemon.run("audit", "pull", token=daemon.token("operator"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "(403)" in done.stderr


@pytest.mark.services
def test_an_order_is_in_the_exported_ledger_within_seconds_and_the_bundle_verifies_offline(
    daemon: Daemon, tmp_path: Path
) -> None:
    auditor, bundle = daemon.token("auditor"), tmp_path / "ledger.ndjson"
    pushed = ("--issuer", "PTA", "--ref", "L-1", "--ground", "a law", "pushed.test")
    assert daemon.run("orders", "push", *pushed, token=daemon.token("regulator")).returncode == 0

    def exported() -> bool:
        done = daemon.run("audit", "export", token=auditor)
        bundle.write_text(done.stdout)
        return done.returncode == 0 and '"action":"confirmed"' in done.stdout

    eventually(exported, "the order's last state in a signed bundle")
    done = daemon.run("audit", "verify", str(bundle))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "whole, in order, unaltered" in done.stdout
    actions = [json.loads(line)["event"]["action"] for line in bundle.read_text().splitlines() if '"event":' in line]
    assert {"control started", "token made", "pushed", "enforced", "confirmed"} <= set(actions)


@pytest.mark.services
def test_the_first_altered_event_is_named_and_the_exit_code_says_so(daemon: Daemon, tmp_path: Path) -> None:
    bundle = tmp_path / "ledger.ndjson"
    auditor = daemon.token("auditor")

    def exported() -> bool:
        bundle.write_text(daemon.run("audit", "export", token=auditor).stdout)
        return '"control started"' in bundle.read_text()

    eventually(exported, "the first signed events")
    events = [json.loads(line)["event"] for line in bundle.read_text().splitlines() if '"event":' in line]
    altered = next(each["number"] for each in events if each["action"] == "control started")
    bundle.write_text(bundle.read_text().replace("control started", "control stopped"))

    done = daemon.run("audit", "verify", str(bundle), "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["fault"].startswith(f"event {altered}: altered")


@pytest.mark.services
def test_events_are_counted_by_month_kind_and_action(daemon: Daemon) -> None:
    done = daemon.run("audit", "stats", "--json", token=daemon.token("auditor"))

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert any((row["kind"], row["action"]) == ("staff", "token made") for row in rows)


def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(tmp_path / "none")]) == 2
    assert "nothing verified; name a file of filterd audit export" in capsys.readouterr().err
    (tmp_path / "bundle").touch()
    assert main(["audit", "verify", str(tmp_path / "bundle"), "--checkpoint", str(tmp_path / "none")]) == 2
    assert f"--checkpoint {tmp_path / 'none'}: No such file" in capsys.readouterr().err
    assert main(["audit", "bundle", "--record", "x"]) == 2
    assert "--record x: no record; nothing written; write BATCH/RECORD" in capsys.readouterr().err


def test_a_bundle_is_held_against_a_key_and_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = open_database(tmp_path / "filterd.db")
    ledgers.write(engine, 3)
    with reading(engine) as conn:
        (tmp_path / "kept").write_text(store.signed_at(conn, store.size(conn)) or "")
    (tmp_path / "bundle").write_bytes(ledgers.bundle(engine))
    engine.dispose()
    file, other = str(tmp_path / "bundle"), Signer(bytes(32), "other")

    assert main(["audit", "verify", file, "--key", SIGNER.vkey, "--checkpoint", str(tmp_path / "kept")]) == 0
    assert capsys.readouterr().err == ""
    assert main(["audit", "verify", file, "--key", other.vkey]) == 1


def test_an_event_is_redacted_by_whom_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "f.yaml"
    config.write_text('{state_dir: state, dns: {upstreams: ["192.0.2.53:53"]}}')
    engine = open_database(database_file(tmp_path / "state"))
    ledgers.write(engine, 3)

    assert main(["audit", "redact", "1", "--reason", "a court", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "event 1: its text is destroyed; event 4 says so\n"
    assert main(["audit", "redact", "1", "--reason", "a court", "--config", str(config)]) == 1

    ledgers.sign(engine)
    assert ledgers.verified(ledgers.bundle(engine)).redacted == 1
    engine.dispose()


def box_with_rows(tmp_path: Path) -> tuple[str, Engine]:
    """The configuration of a box whose database has two block records, of four blocks, and the database."""
    config = tmp_path / "f.yaml"
    said = {"state_dir": "state", "dns": {"upstreams": ["192.0.2.53:53"]}}
    config.write_text(json.dumps(said))
    engine = open_database(database_file(tmp_path / "state"))
    put_rows(engine)
    return str(config), engine


def put_rows(engine: Engine) -> None:
    rows = [
        BlockRecord(1_800_000_000, "sni", "splash", "pta", rule, 3, "adult", reason, 12, 7, count=count)
        for rule, reason, count in (("bad.test", "order", 3), ("theirs.test", "pause", 1))
    ]
    with writing(engine) as conn:
        append_blocks(conn, rows, bytes(32))


def test_block_records_of_the_database_are_moved_and_a_second_time_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, engine = box_with_rows(tmp_path)

    assert main(["audit", "move", "--config", config, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert main(["audit", "move", "--config", config]) == 0

    root = said.pop("root")
    assert len(root) == 64
    rows = {"rows": 2, "household": 1, "dropped": 0, "found": 0}
    assert said == rows | {"blocks": 4, "batches": 1, "size": 1, "fault": None}
    assert capsys.readouterr().out == "block records: 0 rows moved, 0 blocks\n"
    with reading(engine) as conn:
        assert not has_blocks(conn)
    engine.dispose()


def test_what_was_moved_and_what_was_there_is_said_to_a_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, engine = box_with_rows(tmp_path)

    assert main(["audit", "move", "--config", config]) == 0
    moved = capsys.readouterr().out
    put_rows(engine)  # as a backup of before has them
    assert main(["audit", "move", "--config", config]) == 0

    proof = "proven in the tree of 1 batches, root "
    assert moved.startswith(f"block records: 2 rows moved, 1 of them of households, 4 blocks; {proof}")
    said = capsys.readouterr().out
    assert said.startswith(f"block records: 0 rows moved, 4 blocks; 2 others were in files already; {proof}")
    engine.dispose()


def test_a_row_that_is_not_proven_in_the_files_stays_and_the_answer_is_no(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, engine = box_with_rows(tmp_path)
    monkeypatch.setattr("filterd.audit.archive.block_move.lines_of", lambda _: b"")

    assert main(["audit", "move", "--config", config, "--json"]) == 1
    fault = json.loads(capsys.readouterr().out)["fault"]
    assert main(["audit", "move", "--config", config]) == 1

    assert "batch 1 has 1 records, and 1 of the 2 that were moved; their rows are kept" in fault
    assert "what was not proven is in the database still" in capsys.readouterr().err
    with reading(engine) as conn:
        assert has_blocks(conn)
    engine.dispose()


def test_nothing_is_moved_where_the_libraries_of_files_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, engine = box_with_rows(tmp_path)
    monkeypatch.setitem(sys.modules, "filterd.audit.archive.block_move", None)

    assert main(["audit", "move", "--config", config]) == 3

    assert "nothing moved; install filterd[audit]" in capsys.readouterr().err
    with reading(engine) as conn:
        assert has_blocks(conn)
    engine.dispose()


def test_a_bundle_of_block_records_is_verified_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path) as blocks:
        blocks.fill(2)
        blocks.sign()
        whole, key = blocks.bundle(), blocks.seal.vkey
    for name, octets in (("whole", whole), ("altered", whole.replace(b"0.test", b"9.test", 1))):
        (tmp_path / name).write_bytes(octets)

    assert main(["audit", "verify", str(tmp_path / "whole"), "--key", key]) == 0
    assert "8 records in batches 0 to 3: whole, in order, unaltered" in capsys.readouterr().out
    assert main(["audit", "verify", str(tmp_path / "altered"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["fault"].startswith("batch 0, of 2027-01-15: its records were altered")
    assert main(["audit", "verify", str(tmp_path / "whole"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["without"] == {}


@pytest.mark.services
def test_quarters_that_were_published_are_listed_and_one_that_was_not_is_named(daemon: Daemon) -> None:
    token = daemon.token("auditor")

    listed = daemon.run("audit", "stats", "--quarters", token=token)
    missing = daemon.run("audit", "stats", "--quarter", "2001-Q1", token=token)

    assert (listed.returncode, listed.stdout) == (0, "")
    assert missing.returncode == 1 and "2001-Q1: not published" in missing.stderr


def test_statistics_are_verified_with_the_key_of_the_ledger_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = text_of(statement_of())
    file = tmp_path / "2026-Q3.json"
    file.write_bytes(document_of(text, note_of(SIGNER, "2026-Q3", "", text)))

    assert main(["audit", "verify", str(file), "--key", SIGNER.vkey]) == 0
    assert "statistics of 2026-Q3, as signed" in capsys.readouterr().out
    assert main(["audit", "verify", str(file), "--key", SIGNER.vkey, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        **{"whole": True, "quarter": "2026-Q3", "node": "", "sha256": digest_of(text)}
    }
    indented = tmp_path / "indented.json"
    indented.write_text(json.dumps(json.loads(file.read_bytes()), indent=2))
    assert main(["audit", "verify", str(indented), "--key", SIGNER.vkey]) == 0
    assert "statistics of 2026-Q3, as signed" in capsys.readouterr().out
    assert main(["audit", "verify", str(file)]) == 2
    assert "give it with --key" in capsys.readouterr().err
    file.write_bytes(file.read_bytes().replace(b'"count":120', b'"count":121'))
    assert main(["audit", "verify", str(file), "--key", SIGNER.vkey, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["fault"] == "is another statement than was signed"


def test_holds_say_what_stays_by_which_letter_and_until_when() -> None:
    row = {
        **{"hold": 3, "state": "in force", "reference": "WP 1/2026", "ends": "2027-02-01T00:00:00Z"},
        **{"since": None, "until": "2026-08-01T00:00:00Z", "order": None, "list": "pta", "category": None},
        **{"subscriber": None, "gone_before": "2023-08-01T00:00:00Z", "keeps_keys": True},
    }

    assert audit._hold_line(row) == (
        "hold 3: in force, by WP 1/2026, until 2027-02-01T00:00:00Z: records from the first one to "
        "2026-08-01T00:00:00Z, list pta, with the keys of its days; those of before 2023-08-01T00:00:00Z were gone "
        "when it began"
    )


@pytest.mark.parametrize(("change", "code"), [((b"", b""), 0), ((b'"orders":12', b'"orders":13'), 1)])
def test_what_the_public_is_told_is_verified_with_the_key_of_the_ledger(
    change: tuple[bytes, bytes], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = transparency.text_of(transparent.statement_of())
    document = document_of(text, transparency.note_of(SIGNER, "2026-Q3", text)).replace(*change)
    (tmp_path / "q.json").write_bytes(document)

    assert main(["audit", "verify", str(tmp_path / "q.json"), "--key", SIGNER.vkey]) == code
    assert ("the public statement of 2026-Q3, as signed" in capsys.readouterr().out) == (code == 0)
