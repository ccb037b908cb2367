import io
import subprocess
import zipfile
from pathlib import Path

import msgspec
import pysequoia
import pytest
from support.lists.sealed import Seal, new_seal

from fastpath.images.image_key import SEALED_OCTETS
from fastpath.wire.name import to_wire
from filterd.images.lists import sealed_reader
from filterd.images.lists.list_reader import LINE_OCTETS, Answer, Part, ReadRequest
from filterd.images.lists.sealed_reader import (
    BAD_KEY,
    NO_KEY,
    NO_LIST,
    NOT_OURS,
    SEALED_REQUESTS,
    TOO_LARGE,
    Digest,
    DigestAnswer,
    answer_of,
    digested,
    key_of_box,
)
from filterd.process.codec import FailureReply, encode_request
from rules.lists.acceptance import examine
from rules.lists.compiler.sealed_digests import ProtectionSpec
from rules.lists.source import Source, describe_source

MARKER = "marker-host.test"
IMAGE_KEY = bytes(range(SEALED_OCTETS))


@pytest.fixture(scope="module")
def seal() -> Seal:
    return new_seal()


def source(list_format: str = "plain") -> Source:
    return describe_source("stop", None, {"format": list_format, "tier": "csam"})


def test_a_sealed_list_is_counted_like_one_in_clear(seal: Seal, tmp_path: Path) -> None:
    text = "a.test\nb.test/x\n192.0.2.1\n"
    (tmp_path / "clear").write_text(text)
    found, clear = answer_of(seal.close(text), source(), seal.secret), examine(tmp_path / "clear", source())

    assert (found.n_rules, found.skipped) == (clear.n_rules, clear.skipped)
    assert len(found.sketch) == len(clear.sketch)


def test_the_sketch_which_stays_on_the_disk_is_keyed(seal: Seal, tmp_path: Path) -> None:
    (tmp_path / "clear").write_text("a.test\n")
    one, again, other = (
        tuple(answer_of(of.close("a.test\n"), source(), of.secret).sketch) for of in (seal, seal, new_seal())
    )

    assert one == again
    assert len({one, other, examine(tmp_path / "clear", source()).sketch}) == 3


@pytest.mark.parametrize(
    ("text", "list_format", "why"),
    [
        (f"<!doctype html>{MARKER}\n", "plain", NO_LIST),
        (f"{MARKER}\n", "cncpo", NO_LIST),
        (f'{{"format": "{MARKER}"}}', "native", NO_LIST),
        (MARKER, "xlsx", NO_LIST),
    ],
)
def test_what_is_encrypted_and_no_list_is_refused_without_a_word_of_it(
    seal: Seal, text: str, list_format: str, why: str
) -> None:
    found = answer_of(seal.close(text), source(list_format), seal.secret)

    assert (found.bad, found.failed) == (why, "")
    assert MARKER not in str(found)


def test_what_is_not_encrypted_altered_or_for_another_key_is_refused(seal: Seal) -> None:
    message = bytearray(seal.close(f"{MARKER}\n" * 100))
    message[len(message) // 2] ^= 1

    for octets in (f"{MARKER}\n".encode(), b"", bytes(message), new_seal().close(f"{MARKER}\n")):
        assert answer_of(octets, source(), seal.secret).bad == NOT_OURS


def test_a_message_of_openpgp_that_is_signed_and_not_encrypted_is_refused_as_one_in_clear(seal: Seal) -> None:
    signed = pysequoia.sign(pysequoia.Tsk.from_bytes(seal.secret).signer(), b"a.test\n", armor=False)

    assert answer_of(signed, source(), seal.secret).bad == NOT_OURS


def test_a_message_that_inflates_beyond_what_a_list_may_have_is_refused(
    seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_reader, "MAX_FILE_OCTETS", 1000)

    assert answer_of(seal.close(b"a.test\n" * 1000), source(), seal.secret).bad == TOO_LARGE


def test_a_bomb_in_a_workbook_is_refused_as_no_list(seal: Seal) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("xl/workbook.xml", b"<a>" * 10_000_000)

    assert answer_of(seal.close(bomb.getvalue()), source("xlsx"), seal.secret).bad == NO_LIST


def test_a_fault_of_the_reader_is_told_by_its_kind_alone(seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(MARKER)

    monkeypatch.setattr(sealed_reader, "read_octets", fail)

    said = [
        answer_of(seal.close(f"{MARKER}\n"), source(), seal.secret).failed,
        digested([(seal.close(f"{MARKER}\n"), source())], ProtectionSpec(), seal.secret, IMAGE_KEY).failed,
    ]
    assert said == ["its reader failed (RuntimeError)"] * 2


def test_digests_hold_no_entry_and_name_each_by_its_line(seal: Seal) -> None:
    text = f"{MARKER}\nb.test/x\n192.0.2.1\nisp.test\n"
    (found,) = digested(
        [(seal.close(text), source())], ProtectionSpec(names=["isp.test"]), seal.secret, IMAGE_KEY
    ).digests

    assert (found.n_names, found.n_urls, sorted(found.skipped.values())) == (1, 1, [1, 1])
    assert found.entries == {
        "enforced_http_only": [2],
        "not_enforceable_at_this_layer": [3],
        "refused_protected": [4],
    }
    for octets in (found.names, found.urls, msgspec.json.encode(found)):
        assert all(part not in octets for part in (b"marker", to_wire(MARKER.encode()), b"b.test", b"\x01b\x04test"))


@pytest.mark.services
def test_a_key_of_gnupg_opens_what_gnupg_has_encrypted(tmp_path: Path) -> None:
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always"]
    try:
        subprocess.run(
            [*gpg, "--passphrase", "", "--quick-generate-key", "lists@isp.test", "default", "default"], check=True
        )
        secret = subprocess.run([*gpg, "--export-secret-keys"], check=True, capture_output=True).stdout
        for armor in ([], ["--armor"]):
            message = subprocess.run(
                [*gpg, *armor, "--encrypt", "--recipient", "lists@isp.test"],
                check=True,
                capture_output=True,
                input=b"a.test\n",
            ).stdout
            assert answer_of(message, source(), secret).n_rules == 1
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def asked(
    request: ReadRequest | Digest, *files: bytes, key: bytes, allowed: tuple[str, ...] = SEALED_REQUESTS.ops
) -> object:
    """What the reader says to a request."""
    parts = b"".join(encode_request(Part(f"f{n}", len(file))) + file for n, file in enumerate(files))
    return sealed_reader._replied(io.BytesIO(encode_request(request) + parts), key, set(allowed), "someone")


def test_a_request_with_its_files_is_answered(seal: Seal) -> None:
    found = asked(
        Digest([source()], IMAGE_KEY), seal.close("a.test\n"), msgspec.json.encode(ProtectionSpec()), key=seal.secret
    )

    assert isinstance(found, DigestAnswer) and len(found.digests) == 1
    assert isinstance(asked(ReadRequest(source()), seal.close("a.test\n"), key=seal.secret), Answer)


def test_several_files_are_digested_at_once_up_to_the_first_bad_one(seal: Seal) -> None:
    files = [(seal.close("a.test\n"), source()), (b"b.test\n", source()), (seal.close("c.test\n"), source())]

    found = digested(files, ProtectionSpec(), seal.secret, IMAGE_KEY)

    assert ([each.n_names for each in found.digests], found.bad, found.failed) == ([1], NOT_OURS, "")


def test_without_a_key_or_with_one_that_cannot_decrypt_nothing_is_read(seal: Seal) -> None:
    for key, why in ((b"", NO_KEY), (b"no key", BAD_KEY), (bytes(seal.cert), BAD_KEY)):
        assert asked(ReadRequest(source()), seal.close("a.test\n"), key=key) == FailureReply(why)


def test_an_account_that_may_not_ask_is_told_so(seal: Seal) -> None:
    found = asked(ReadRequest(source()), seal.close("a.test\n"), key=seal.secret, allowed=())

    assert isinstance(found, FailureReply) and "account someone may not ask read" in found.reason


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}\n",
        encode_request(ReadRequest(source())),
        encode_request(ReadRequest(source())) + encode_request(Part("f", 100)) + b"short",
        encode_request(ReadRequest(source())) + encode_request(Part("f", 2**40)),
        encode_request(Digest([source()], IMAGE_KEY)) + encode_request(Part("f", 1)) + b"x",
        encode_request(ReadRequest(source())) + b"x" * LINE_OCTETS,
    ],
)
def test_a_request_that_is_none_is_refused_and_none_of_it_repeated(seal: Seal, octets: bytes) -> None:
    found = sealed_reader._replied(io.BytesIO(octets), seal.secret, set(SEALED_REQUESTS.ops), "someone")

    assert isinstance(found, FailureReply) and found.reason.startswith("request: ")


def test_the_key_is_the_credential_of_this_process(seal: Seal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key_of_box() == b""

    seal.put(tmp_path)
    assert key_of_box() == seal.secret
