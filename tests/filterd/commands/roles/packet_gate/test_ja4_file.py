"""The operator's file of classes of software: every line counts or is told."""

import gzip
import logging
from pathlib import Path

import pytest

from fastpath.report.hello_classes import MAX_FINGERPRINTS
from filterd.commands.roles.packet_gate.ja4_file import MOST_REPORTED, classes_to_count, read_ja4_classes
from rules.base.errors import BadList

CHROMIUM = "t13d1516h2_8daaf6152771_02713d6af862"
TOR = "t12i1909s1_d83cc789557e_7af1ed941c26"
QUIC = "q13d0310h3_55b375c5d22e_cd85d2d88918"
GOOD = f"# ours, of March\n\n{CHROMIUM}\tvpn   # a browser's, and a VPN's\r\n  {TOR} tor\n{QUIC} vpn\n{TOR} tor\n"
SAID = {CHROMIUM: "vpn", TOR: "tor", QUIC: "vpn"}


def written(folder: Path, octets: bytes | str) -> Path:
    path = folder / "ja4.txt"
    path.write_bytes(octets.encode() if isinstance(octets, str) else octets)
    return path


@pytest.mark.parametrize(
    "octets",
    [GOOD.encode(), b"\xef\xbb\xbf" + GOOD.encode(), GOOD.encode("utf-16"), gzip.compress(GOOD.encode())],
    ids=["UTF-8", "with a mark", "UTF-16", "gzip"],
)
def test_a_line_is_a_fingerprint_and_its_class(tmp_path: Path, octets: bytes) -> None:
    assert read_ja4_classes(written(tmp_path, octets)) == (SAID, [], 0)


def test_a_file_of_comments_says_nothing_and_is_good(tmp_path: Path) -> None:
    assert read_ja4_classes(written(tmp_path, "# nothing yet\n\n   \n")) == ({}, [], 0)
    assert read_ja4_classes(written(tmp_path, "")) == ({}, [], 0)


@pytest.mark.parametrize("version", ["t13", "t12", "t11", "t10", "ts3", "ts2", "t00", "q13", "q12"])
def test_whatever_version_a_hello_can_have_is_taken(tmp_path: Path, version: str) -> None:
    ja4 = version + CHROMIUM[3:]

    assert read_ja4_classes(written(tmp_path, f"{ja4} vpn\n")).classes == {ja4: "vpn"}


@pytest.mark.parametrize(
    ("line", "found", "write"),
    [
        (CHROMIUM, f"'{CHROMIUM}' is not two words", "write a JA4, a blank, and its class"),
        (f"{CHROMIUM} a vpn", f"'{CHROMIUM} a vpn' is not two words", "write a JA4, a blank, and its class"),
        (f"{CHROMIUM},vpn x", f"'{CHROMIUM},vpn' is no JA4 of TLS or QUIC", "write it as 'filterd inspect"),
        (f"{CHROMIUM[:-1]} vpn", f"'{CHROMIUM[:-1]}' is no JA4", "write it as"),
        (f"{CHROMIUM}0 vpn", f"'{CHROMIUM}0' is no JA4", "write it as"),
        (f"{CHROMIUM[:-1]}F vpn", "is no JA4", "write it as"),
        (f"d{CHROMIUM[1:]} vpn", f"'d{CHROMIUM[1:]}' is no JA4 of TLS or QUIC", "write it as"),
        (f"t14{CHROMIUM[3:]} vpn", "is no JA4", "write it as"),
        (f"{CHROMIUM[:8]}--{CHROMIUM[10:]} vpn", "is no JA4", "write it as"),
        (f"vpn {CHROMIUM}", "'vpn' is no JA4", "write it as"),
        (f"{CHROMIUM} VPN", "'VPN' is no valid class name", "write 1 to 32 of a-z, 0-9 and '-'"),
        (f"{CHROMIUM} vpn_1", "'vpn_1' is no valid class name", "write 1 to 32"),
        (f"{CHROMIUM} {'v' * 33}", f"'{'v' * 33}' is no valid class name", "write 1 to 32"),
        (f"{CHROMIUM} other", "'other' is the name for hellos without a class", "write 1 to 32"),
        (f"{CHROMIUM} tör", "'tör' is no valid class name", "write 1 to 32"),
        (f"{TOR} vpn", f"{TOR} already has class tor", "keep one of the two lines"),
        ("\x1b[2J\u202e x", "'\\x1b[2J\\x202e' is no JA4", "write it as"),
    ],
)
def test_a_line_that_is_none_is_told_and_the_others_count(tmp_path: Path, line: str, found: str, write: str) -> None:
    path = written(tmp_path, f"{TOR} tor\n{line}\n{QUIC} vpn\n")
    said = read_ja4_classes(path)

    assert said.classes == {TOR: "tor", QUIC: "vpn"}
    assert said.n_faults == 1
    [fault] = said.faults
    assert fault.startswith(f"ja4_classes {path} line 2: ")
    assert f"{found}" in fault and f"; line not used; {write}" in fault
    assert fault.isprintable()


def test_octets_that_are_no_text_are_told(tmp_path: Path) -> None:
    said = read_ja4_classes(written(tmp_path, b"\xff\x00\x80 vpn\n" + f"{TOR} tor\n".encode()))

    assert said.classes == {TOR: "tor"}
    assert r"line 1: '\xff\x00\x80' is no JA4 of TLS or QUIC; line not used; " in said.faults[0]


def test_a_class_beyond_the_sixteenth_is_told_and_the_sixteen_go_on(tmp_path: Path) -> None:
    lines = [f"t13d1516h2_8daaf6152771_{number:012x} class-{number % 17}" for number in range(34)]
    said = read_ja4_classes(written(tmp_path, "\n".join(lines)))

    assert len(said.classes) == 32 and len(set(said.classes.values())) == 16
    assert [fault.split(": ", 1)[1] for fault in said.faults] == [
        "'class-16' is one class more than 16; line not used; put several into one"
    ] * 2


def test_a_fingerprint_beyond_the_last_is_told_and_one_that_is_there_may_come_again(tmp_path: Path) -> None:
    lines = [f"t13d1516h2_8daaf6152771_{number:012x} vpn" for number in range(MAX_FINGERPRINTS + 1)]
    said = read_ja4_classes(written(tmp_path, "\n".join([*lines, lines[0]])))

    assert len(said.classes) == MAX_FINGERPRINTS
    assert said.n_faults == 1
    assert "line 65537: one fingerprint more than 65536; line not used; keep those that occur" in said.faults[0]


def test_of_many_bad_lines_the_first_are_told_and_all_are_counted(tmp_path: Path) -> None:
    said = read_ja4_classes(written(tmp_path, "no\n" * 5000))

    assert (len(said.faults), said.n_faults) == (MOST_REPORTED, 5000)
    assert "line 20: " in said.faults[-1]


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"<!DOCTYPE html>\n", "line 1: a web page instead of a list; not read; check what the source delivers"),
        (gzip.compress(GOOD.encode())[:-9], "it ends in the middle of its compression; not read; fetch it again"),
        (b"x" * (2**20 + 2**18), "line 1: longer than 1 MiB; not read; check what the source delivers"),
        (None, "No such file or directory; not read; check the path and its permissions"),
    ],
)
def test_a_file_that_is_something_else_is_refused_as_a_whole(tmp_path: Path, octets: bytes | None, why: str) -> None:
    path = tmp_path / "ja4.txt" if octets is None else written(tmp_path, octets)
    with pytest.raises(BadList) as refused:
        read_ja4_classes(path)

    assert str(refused.value) == f"ja4_classes {path}: {why}"


def test_what_the_gate_counts_by_is_what_the_file_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    classes = classes_to_count(written(tmp_path, GOOD))

    assert classes is not None
    assert classes.names == ("tor", "vpn")
    assert {ja4: classes.of(ja4) for ja4 in SAID} == SAID
    assert caplog.records == []


def test_bad_lines_are_logged_and_hold_up_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    classes = classes_to_count(written(tmp_path, f"{TOR} tor\n" + "no\n" * 25))

    assert classes is not None and classes.names == ("tor",)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * (MOST_REPORTED + 1)
    assert "line 2: 'no' is not two words" in caplog.messages[0]
    assert caplog.messages[-1] == f"ja4_classes {tmp_path / 'ja4.txt'}: 5 more lines not used"


def test_without_the_file_nothing_is_counted_by_class(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert classes_to_count(tmp_path / "absent.txt") is None
    assert caplog.messages == [
        f"ja4_classes {tmp_path / 'absent.txt'}: No such file or directory; not read; check the path and its "
        "permissions; no hello is counted by class until the gate is started again"
    ]
