import io
import json
from pathlib import Path
from typing import Any

import pytest
from support.images.opened import Images

from filterd.cli import main


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "pta.txt").write_text("bad.test\n")
    return f"{tmp_path / 'pta.txt'},tier=order"


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_answer_has_the_keys_of_the_contract(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lookup", "www.bad.test", "--list", source, "--json"]) == 0

    (found,) = objects(capsys)
    contract = "input canonical action reason tier list rule matches ede enforceability generations"
    assert found.keys() >= set(contract.split())
    assert (found["action"], found["list"], found["rule"], found["ede"]) == ("splash", "pta", "bad.test", 16)


def test_names_come_from_stdin_where_none_is_given(
    source: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"bad.test\nhttps://good.test/x\ngood.test")))

    main(["lookup", "--list", source, "--json"])

    assert [(found["canonical"], found["action"]) for found in objects(capsys)] == [
        ("bad.test", "splash"),
        ("good.test/x", "passthru"),
        ("good.test", "passthru"),
    ]


def test_a_line_that_is_no_name_is_told_and_the_next_one_is_answered(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lookup", "192.0.2.1.", "bad.test", "--list", source, "--json"]) == 1

    first, second = objects(capsys)
    assert (first["canonical"], first["error"]) == (None, "is an address")
    assert second["action"] == "splash"


def test_an_address_is_decided_by_the_prefix_that_holds_it_and_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "drop.netset").write_text("# drop\n198.51.100.0/24 ; SBL1\n2001:db8::/33\n10.0.0.0/8\n")
    asked = ["198.51.100.7", "2001:db8:1::7", "10.0.0.1", "7.100.51.198.4.rpz-ip"]

    assert main(["lookup", *asked, "--list", str(tmp_path / "drop.netset"), "--json"]) == 1

    found, by_nibble, private, reserved = objects(capsys)
    assert (found["canonical"], found["action"], found["rule"]) == ("198.51.100.7", "nxdomain", "198.51.100.0/24")
    assert [(each["rule"], each["line"]) for each in found["matches"]] == [("198.51.100.0/24", 2)]
    assert [(each["rule"], each["line"]) for each in by_nibble["matches"]] == [("2001:db8::/36", 3)]
    assert private["action"] == "passthru"
    assert "stands for addresses" in reserved["error"]


def test_a_url_is_decided_by_its_entry_and_told_how_far_that_reaches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pta.csv").write_text("URL\nhttp://half.test/bad\n")

    main(["lookup", "https://half.test/bad#x", "--list", str(tmp_path / "pta.csv"), "--json"])

    (found,) = objects(capsys)
    assert (found["canonical"], found["action"], found["list"]) == ("half.test/bad", "splash", "pta")
    assert (found["rule"], found["enforceability"]) == ("half.test/bad", "enforced_http_only")


def test_of_many_lines_every_one_is_answered_in_its_order(
    source: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(b"bad.test\n" if n % 50 == 0 else b"N%d.test\r\n" % n for n in range(30_000))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))

    assert main(["lookup", "--list", source, "--json"]) == 0

    found = objects(capsys)
    assert [answer["canonical"] for answer in found] == [
        "bad.test" if n % 50 == 0 else f"n{n}.test" for n in range(30_000)
    ]
    assert {answer["action"] for answer in found[::50]} == {"splash"}


@pytest.mark.parametrize(("qtype", "answer"), [("A", "splash address"), ("HTTPS", "nodata"), ("mx", "nodata")])
def test_what_a_query_is_answered_with_depends_on_its_type(
    source: str, capsys: pytest.CaptureFixture[str], qtype: str, answer: str
) -> None:
    main(["lookup", "bad.test", "--list", source, "--qtype", qtype, "--json"])

    assert objects(capsys)[0]["answer"] == answer


def test_the_images_of_a_directory_are_asked(tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compile", source, "-o", str(tmp_path / "out")])
    capsys.readouterr()

    main(["lookup", "bad.test", "--images", str(tmp_path / "out")])

    assert capsys.readouterr().out == "bad.test: splash (reason order, list pta, rule bad.test)\n"


@pytest.mark.parametrize("way", ["--list", "--images"])
def test_a_match_has_the_line_and_file_that_it_stands_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    (tmp_path / "pta.txt").write_text("# orders\nbad.test\nwww.bad.test\n")
    source = f"{tmp_path / 'pta.txt'},tier=order"
    main(["compile", source, "-o", str(tmp_path / "out")])
    capsys.readouterr()

    main(["lookup", "www.bad.test", way, source if way == "--list" else str(tmp_path / "out"), "--json"])

    (found,) = objects(capsys)
    places = [(match["list"], match["rule"], match["line"], match["file"]) for match in found["matches"]]
    assert sorted(places) == [
        ("pta", "bad.test", 2, str(tmp_path / "pta.txt")),
        ("pta", "www.bad.test", 3, str(tmp_path / "pta.txt")),
    ]


def test_images_whose_origins_are_gone_or_broken_are_asked_all_the_same(
    tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compile", source, "-o", str(tmp_path / "out")])
    (origins,) = (tmp_path / "out").glob("origins-*")

    for damage in (lambda: origins.write_bytes(b"none"), origins.unlink):
        damage()
        capsys.readouterr()
        assert main(["lookup", "bad.test", "--images", str(tmp_path / "out"), "--json"]) == 0
        (found,) = objects(capsys)
        assert found["matches"] == [{"list": "pta", "rule": "bad.test", "mode": "subtree"}]


def test_the_policy_of_a_subscriber_counts_by_number_and_by_address(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastpath.people.policy_writer import ProfileSpec

    made = {
        "names": images.names([("adult", "adult.test", 2)]),
        "subscribers": images.subscribers([("192.0.2.7/32", 7)]),
        "policy": images.policy([(7, ProfileSpec(1 << 1, (), 0, 0, 2**62, 0))]),
    }
    manifest = {kind: {"base": image.path.rpartition("/")[2], "delta": None} for kind, image in made.items()}
    (tmp_path / "current.json").write_text(json.dumps(manifest))

    for who in ([], ["--subscriber", "7"], ["--subscriber", "192.0.2.7"], ["--subscriber", "8"]):
        main(["lookup", "adult.test", "--images", str(tmp_path), "--json", *who])

    assert [found["action"] for found in objects(capsys)] == ["passthru", "splash", "splash", "passthru"]


def test_a_schedule_is_looked_at_the_given_instant(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastpath.people.policy_writer import ProfileSpec

    monday_from_8_to_9 = ((8 * 60, 60),)
    made = {
        "subscribers": images.subscribers([("192.0.2.7/32", 7)]),
        "policy": images.policy([(7, ProfileSpec(0, monday_from_8_to_9, 0, 5 * 3600, 2**62, 5 * 3600))]),
        "names": images.names([("adult", "adult.test", 2)]),
    }
    manifest = {kind: {"base": image.path.rpartition("/")[2], "delta": None} for kind, image in made.items()}
    (tmp_path / "current.json").write_text(json.dumps(manifest))

    for at in ("2026-11-23T08:30:00+05:00", "2026-11-23T09:00:00+05:00"):
        main(["lookup", "a.test", "--images", str(tmp_path), "--json", "--subscriber", "7", "--at", at])

    assert [found["reason"] for found in objects(capsys)] == ["schedule", "default"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--images", "absent"], 3),
        (["--list", "absent.txt"], 2),
        (["--list", "a.txt", "--images", "b"], 2),
        (["--list", "SOURCE", "--at", "noon"], 2),
        (["--list", "SOURCE", "--subscriber", "me"], 2),
        (["--list", "SOURCE", "--subscriber", "0"], 2),
        (["--list", "SOURCE", "--subscriber", "4294967295"], 2),
        (["--list", "SOURCE", "--subscriber", "9" * 5000], 2),
    ],
)
def test_what_cannot_be_looked_up_is_said(
    options: list[str],
    code: int,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["lookup", "a.test", *(source if option == "SOURCE" else option for option in options)]) == code
    assert capsys.readouterr().err


def test_a_list_in_the_shadow_is_told_beside_what_is_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.txt").write_text("new.test\nboth.test\nhttps://url.test/x\n")
    (tmp_path / "old.txt").write_text("both.test\n")
    lists = [f"{tmp_path / 'new.txt'},tier=order,action=shadow", f"{tmp_path / 'old.txt'},tier=order"]
    asked = ["www.new.test", "both.test", "https://url.test/x", "free.test"]
    words = ["lookup", *asked, "--list", lists[0], "--list", lists[1]]

    assert main([*words, "--json"]) == 0
    assert [(found["action"], found["list"], found["shadow"], found["ede"]) for found in objects(capsys)] == [
        ("passthru", None, "new", None),
        ("splash", "old", "new", 16),
        ("passthru", None, "new", None),
        ("passthru", None, None, None),
    ]
    main(words)
    assert capsys.readouterr().out.splitlines()[0].endswith("list -, rule -); list new would block it")


def test_over_images_a_name_of_a_confidential_list_is_as_one_that_no_list_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stop.txt").write_text("worse.test\nboth.test\n")
    (tmp_path / "pta.txt").write_text("both.test\n")
    sources = [f"{tmp_path / 'stop.txt'},tier=csam", f"{tmp_path / 'pta.txt'},tier=order"]
    assert main(["compile", *sources, "-o", str(tmp_path / "images")]) == 0
    capsys.readouterr()

    main(["lookup", "worse.test", "other.test", "both.test", "--images", str(tmp_path / "images"), "--json"])

    hidden, free, both = objects(capsys)
    assert {**hidden, "input": "", "canonical": ""} == {**free, "input": "", "canonical": ""}
    assert (both["list"], [each["list"] for each in both["matches"]]) == ("pta", ["pta"])
