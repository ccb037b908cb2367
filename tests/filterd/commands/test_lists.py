import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.dns.played_primary import APEX
from support.lists.server import Shelved, authority, server_context, serving_apart
from support.present import present
from support.system.daemon import Daemon, eventually

from filterd.cli import main
from filterd.config import load
from filterd.images.lists.jobs import take
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import waiting
from filterd.images.lists.zone_journal import Journal
from rules.lists.versions import Version, accepted
from rules.lists.zone_copy import Difference, head

SAID = """
state_dir: state
run_dir: run
dns: {upstreams: ["192.0.2.53:53"]}
protected: {names: [isp.example]}
lists:
- {id: pta, file: pta.txt, format: plain, tier: order}
- {id: stop, file: stop.txt, format: plain, tier: csam}
"""


def names(numbers: Iterable[int]) -> str:
    return "".join(f"n{number}.test\n" for number in numbers)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(SAID)
    (tmp_path / "state").mkdir()
    (tmp_path / "pta.txt").write_text(names(range(100)))
    (tmp_path / "stop.txt").write_text("marker.test\n")
    take_in(tmp_path)
    return tmp_path


def take_in(folder: Path) -> None:
    config = load(folder / "f.yaml")
    take(config, waiting(config, time.time(), 0.0), time.time())


def drop(folder: Path, text: str, name: str = "pta.txt") -> None:
    (folder / name).write_text(text)
    take_in(folder)


def run(folder: Path, verb: str, *words: str) -> int:
    return main(["lists", verb, *words, "--config", str(folder / "f.yaml")])


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_list_is_told_with_its_good_version_and_no_fault(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "list", "--json") == 0

    pta, stop = told(capsys)
    assert (pta["list"], pta["good"]["rules"], pta["good"]["from"]) == ("pta", 100, str(place / "pta.txt"))
    assert (pta["held"], pta["refused"], pta["faults"], pta["stale"]) == (None, None, [], False)
    assert stop["good"]["rules"] == 1


def test_a_zone_is_told_with_its_newest_serial(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zone = '- {id: z, zone: rpz.test, primaries: ["192.0.2.54:53"], format: rpz, tier: security}\n'
    (place / "f.yaml").write_text(SAID + zone)
    run(place, "list", "z", "--json")
    assert told(capsys)[0]["serial"] is None

    shelf, soa = shelf_of(load(place / "f.yaml"), load(place / "f.yaml").lists[2]), b"@ 60 SOA ns. host. %d 9 9 9 9\n"
    with shelf.receiving() as part:
        part.write(head(APEX, soa % 7) + b"bad.test 60 CNAME .\n")
        version = Version(part.end(), part.octets, "rpz.test serial 7", "rpz", time.time())
        shelf.take(part, version, lambda kept: accepted(kept, version, time.time()))
    run(place, "list", "z", "--json")
    assert told(capsys)[0]["serial"] == 7
    Journal(shelf.directory).append([Difference(7, 9, soa % 9, [], [b"worse.test 60 CNAME .\n"])])
    run(place, "list", "z")
    assert "newest serial: 9" in capsys.readouterr().out


def test_what_is_held_or_refused_is_told_with_its_reason_and_exit_code_1(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(place, names(range(40)))
    drop(place, "", "stop.txt")

    assert run(place, "list", "--json") == 1
    pta, stop = told(capsys)
    assert "it shrank" in pta["held"]["why"]
    assert stop["refused"]["why"] == "it is empty"
    assert run(place, "list", "pta") == 1
    assert "filterd lists approve pta" in capsys.readouterr().out


def test_a_list_that_is_not_configured_is_wrong_use(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "list", "nonsense") == 2
    assert "pta, stop are" in capsys.readouterr().err


def test_the_difference_of_a_held_version_is_what_it_would_change(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(place, names(range(40)) + "new.test\n")

    assert run(place, "diff", "pta", "--json") == 1
    head, first, *more = told(capsys)
    assert (head["added"], head["removed"]) == (1, 60)
    assert (first["change"], first["value"], first["mode"]) == ("added", "new.test", "subtree")
    assert {each["change"] for each in more} == {"removed"}


def test_without_a_held_version_it_is_what_the_last_one_has_changed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(place, names(range(101)))

    assert run(place, "diff", "pta") == 1
    out = capsys.readouterr().out
    assert "1 added, 0 removed" in out and "+ n100.test (subtree)" in out


def test_an_earlier_version_is_compared_with_the_one_in_force(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = str(kept_version(place))
    drop(place, names(range(101)))
    drop(place, names(range(102)))

    assert run(place, "diff", "pta", "--to", earlier[:12], "--json", "--most", "1") == 1
    head, *changes = told(capsys)
    assert (head["to"], head["added"], head["removed"]) == (earlier, 0, 2)
    assert [(each["change"], each["value"]) for each in changes] == [("removed", "n100.test")]
    assert run(place, "diff", "pta", "--to", "beef") == 1
    assert "no version beef is kept" in capsys.readouterr().err


def kept_version(folder: Path) -> str:
    config = load(folder / "f.yaml")
    return present(shelf_of(config, config.lists[0]).kept().good).sha256


def test_names_that_no_list_may_hold_come_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drop(place, names(range(130)) + "www.isp.example\ngithub.io\n")

    run(place, "diff", "pta", "--json")

    _, *changes = told(capsys)
    assert {each["value"] for each in changes[:2]} == {"www.isp.example", "github.io"}
    assert all(each["why"] for each in changes[:2])
    assert not any(each["why"] for each in changes[2:])


def test_a_terminal_gets_the_first_changes_of_each_kind_and_all_on_request(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(place, names(range(50, 100)) + names(range(1000, 1060)))

    run(place, "diff", "pta")
    assert len(capsys.readouterr().out.splitlines()) == 42
    run(place, "diff", "pta", "--all")
    assert len(capsys.readouterr().out.splitlines()) == 112


def test_of_a_confidential_list_only_counts_are_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drop(place, "other-marker.test\nmarker.test\n", "stop.txt")

    for words in ([], ["--all"], ["--json"]):
        assert run(place, "diff", "stop", *words) == 1
    assert run(place, "export", "stop") == 1

    told = capsys.readouterr()
    assert "marker" not in told.out + told.err
    assert "1 added, 0 removed" in told.out


def test_a_file_is_tried_before_it_comes_and_nothing_is_changed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "next.txt").write_text(names(range(101)) + "nadra.gov.pk\nwww.isp.example\n198.51.100.7\n")

    assert run(place, "diff", "pta", "--file", str(place / "next.txt"), "--json") == 1
    head, *changes = told(capsys)
    assert (head["added"], head["removed"], head["kinds"]) == (3, 0, {"subtree": 3})
    assert head["held"] == {
        "is watched (pk-critical, government): held for review": 1,
        "would block a protected name": 1,
    }
    assert [bool(each["why"]) for each in changes] == [True, True, False]
    run(place, "diff", "pta", "--file", str(place / "next.txt"))
    assert "1 not enforced: is watched (pk-critical, government): held for review" in capsys.readouterr().out
    run(place, "list", "pta", "--json")
    assert told(capsys)[0]["good"]["rules"] == 100


def test_a_watched_name_shows_in_the_difference_by_the_list_that_watches_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(place, names(range(101)))
    (place / "own.txt").write_text("# own\na.test\n")
    (place / "f.yaml").write_text(SAID.replace("names: [isp.example]", "watch: [own.txt]"))
    assert run(place, "diff", "pta") == 1
    (place / "own.txt").write_text("# other\nn100.test\n")
    capsys.readouterr()

    assert run(place, "diff", "pta") == 1
    assert "n100.test (subtree): is watched (other): held for review" in capsys.readouterr().out


def test_a_file_to_try_that_cannot_be_read_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "diff", "pta", "--file", str(place / "none.txt")) == 1
    assert "none.txt: No such file or directory; nothing compared" in capsys.readouterr().err


def test_one_version_alone_has_no_difference(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "diff", "pta") == 1
    assert "nothing compared; see: filterd lists list" in capsys.readouterr().err


def test_the_last_good_version_is_exported_in_our_own_form(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    drop(place, "<html>")

    assert run(place, "export", "pta", "-o", str(tmp_path / "out.json")) == 0

    said = json.loads((tmp_path / "out.json").read_text())
    assert (said["list_id"], len(said["add"]), said["add"][0]["value"]) == ("pta", 100, "n0.test")


@pytest.mark.parametrize("words", [["approve", "pta"], ["rollback", "pta"], ["refresh"]])
def test_what_control_has_to_do_needs_control(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(place, *words) == 3
    assert "start filterd run" in capsys.readouterr().err


def test_a_state_that_may_not_be_read_needs_another_account(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert run(place, "list") == 3
    assert "the account of control" in capsys.readouterr().err


@pytest.mark.services
def test_a_list_is_taken_within_a_limit_of_memory(place: Path) -> None:
    (place / "pta.txt").write_text(names(range(105)))
    limit = (
        "import resource, sys; from filterd.cli import main; main(sys.argv[1:]);"
        "print(*resource.getrlimit(resource.RLIMIT_DATA))"
    )

    done = subprocess.run(
        [sys.executable, "-c", limit, "lists", "take", "pta", "--config", place / "f.yaml"],
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == [str(1 << 30)] * 2
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != 1 << 30
    config = load(place / "f.yaml")
    assert shelf_of(config, config.lists[0]).kept().good.n_rules == 105


@pytest.mark.services
def test_a_list_is_pulled_over_https_with_a_client_certificate_and_lives_through_all_that_happens(
    tmp_path: Path,
) -> None:
    """The journey: pulled, confirmed, held, approved, rolled back, and the last good version through every fault."""
    lab = authority(tmp_path / "ca")
    lab.issue("gateway.test")
    server = Shelved(names(range(100)))
    own = Daemon(tmp_path)
    said = json.loads(own.config.read_text())
    with serving_apart(server.answer, server_context(lab.issue("lists.test"), clients=lab)) as url:
        far = {
            "id": "far",
            "url": url,
            "format": "plain",
            "tier": "order",
            "ca": "ca/ca.pem",
            "every": "1h",
            "client_certificate": "ca/gateway.test.pem",
            "client_key": "ca/gateway.test.key",
        }
        own.config.write_text(json.dumps(said | {"lists": [*said["lists"], far]}))
        own.start()
        try:
            splash = bytes((192, 0, 2, 1))
            eventually(lambda: own.ask("n99.test") == (0, splash), "the pulled list")

            def lists(*words: str) -> subprocess.CompletedProcess[str]:
                return own.run("lists", *words, "--config", str(own.config))

            assert lists("refresh", "far").returncode == 0
            server.text = names(range(50))
            refreshed = lists("refresh", "far")
            assert (refreshed.returncode, own.ask("n99.test")) == (1, (0, splash))
            assert "it shrank" in refreshed.stdout
            digest = json.loads(lists("list", "far", "--json").stdout)["held"]["version"]
            assert lists("approve", "far", "--version", "0000").returncode == 1
            assert lists("approve", "far", "--version", digest[:8]).returncode == 0
            assert own.ask("n99.test") != (0, splash)
            assert lists("rollback", "far").returncode == 0
            assert own.ask("n99.test") == (0, splash)
            server.status = 500
            lists("refresh", "far")
            assert own.ask("n99.test") == (0, splash)
            assert "has rolled it back" in present(eventually(lambda: own.fault("list far"), "the fault"))
        finally:
            own.stop()
    assert oct((tmp_path / "state/lists").stat().st_mode & 0o777) == "0o700"
    assert os.access(tmp_path / "state/lists/far/state.json", os.R_OK)
