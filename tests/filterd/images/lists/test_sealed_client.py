import os
import pwd
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.lists.one_list import config_of
from support.lists.readers import listening, serve
from support.lists.sealed import Seal, new_seal

from filterd.images.lists import reader_client
from filterd.images.lists.reader_client import ReaderFailure
from filterd.images.lists.sealed_client import SealedReader, digests_of, sealed_reader_of
from filterd.images.lists.sealed_reader import NO_LIST, NOT_OURS
from rules.base.errors import BadList
from rules.lists.compiler.sealed_digests import ProtectionSpec
from rules.lists.source import describe_source

pytestmark = pytest.mark.services

IMAGE_KEY = bytes(48)
NO_DOOR = Path("/nonexistent/sealed.sock")  # so a reader is a child of ours
READER = (sys.executable, "-P", "-m", "filterd.images.lists.sealed_reader")
SOURCE = describe_source("stop", None, {"tier": "csam"})


@pytest.fixture(scope="module")
def seal() -> Seal:
    return new_seal()


@pytest.fixture(params=["child", "unit"])
def reader(request: pytest.FixtureRequest, tmp_path: Path, seal: Seal) -> Iterator[SealedReader]:
    """A reader of ours, or one that is started for each connection, as systemd does it."""
    folder = seal.put(tmp_path / "sealed-key")
    if request.param == "child":
        yield SealedReader(NO_DOOR, folder)
        return
    with listening(tmp_path / "sealed.sock") as listener:
        environment = {"CREDENTIALS_DIRECTORY": str(folder)}
        threading.Thread(target=serve, args=(listener, tmp_path, READER, environment), daemon=True).start()
        yield SealedReader(tmp_path / "sealed.sock", tmp_path / "not here")
        listener.shutdown(socket.SHUT_RDWR)


def copy_of(folder: Path, octets: bytes) -> Path:
    (folder / "copy").write_bytes(octets)
    return folder / "copy"


def test_a_sealed_list_is_read_and_its_digests_come_back(tmp_path: Path, reader: SealedReader, seal: Seal) -> None:
    copy = copy_of(tmp_path, seal.close("".join(f"n{n}.test\n" for n in range(20_000))))

    assert reader.examine(copy, SOURCE).n_rules == 20_000
    assert reader.digests([(copy, SOURCE)], IMAGE_KEY, ProtectionSpec(names=["n1.test"]))[0].n_names == 19_999


def test_what_cannot_be_decrypted_or_is_no_list_is_bad(tmp_path: Path, reader: SealedReader, seal: Seal) -> None:
    for octets, why in ((b"a.test\n", NOT_OURS), (seal.close("<!doctype html>"), NO_LIST)):
        copy = copy_of(tmp_path, octets)
        with pytest.raises(BadList, match=why):
            reader.examine(copy, SOURCE)
        with pytest.raises(BadList, match=f"list 'stop': {why}; what is in force stays"):
            reader.digests([(copy, SOURCE)], IMAGE_KEY, ProtectionSpec())


def test_this_system_has_every_measure_but_perhaps_the_right_to_lock_memory(reader: SealedReader) -> None:
    assert [each for each in reader.measures_missing() if not each.startswith("locked memory")] == []


def test_without_a_key_the_list_waits_and_no_digests_are_given(tmp_path: Path, seal: Seal) -> None:
    without = SealedReader(NO_DOOR, tmp_path)
    copy = copy_of(tmp_path, seal.close("a.test\n"))

    with pytest.raises(OSError, match="no key that can decrypt"):
        without.examine(copy, SOURCE)
    with pytest.raises(BadList, match="no key that can decrypt"):
        without.digests([(copy, SOURCE)], IMAGE_KEY, ProtectionSpec())


def test_a_reader_that_says_no_answer_fails_alone(tmp_path: Path, seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, reader = copy_of(tmp_path, seal.close("a.test\n")), SealedReader(NO_DOOR, seal.put(tmp_path / "key"))
    for program in ("/usr/bin/false", "/usr/bin/yes"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ReaderFailure, match="ended without an answer"):
            reader.examine(copy, SOURCE)
        with pytest.raises(BadList, match="ended without an answer"):
            reader.digests([(copy, SOURCE)], IMAGE_KEY, ProtectionSpec())


def test_where_no_one_listens_no_child_takes_the_place(tmp_path: Path, seal: Seal) -> None:
    listening(tmp_path / "sealed.sock").close()
    reader = SealedReader(tmp_path / "sealed.sock", seal.put(tmp_path / "key"))

    with pytest.raises(OSError, match=r"no reader \(Connection refused\); its version waits; look at filterd-sealed"):
        reader.examine(copy_of(tmp_path, seal.close("a.test\n")), SOURCE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives another account")
def test_run_by_root_the_reader_has_its_own_account_which_alone_needs_the_key(
    tmp_path: Path, seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def account(name: str) -> int:
        asked.append(name)
        return pwd.getpwnam("nobody").pw_uid

    monkeypatch.setattr(reader_client, "_account", account)
    folder = seal.put(tmp_path / "key")
    reader, copy = SealedReader(NO_DOOR, folder), copy_of(tmp_path, seal.close("a.test\n"))
    for path in (folder, *folder.glob("*")):
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o011)

    assert reader.examine(copy, SOURCE).n_rules == 1
    assert asked == ["filterd-sealed"]


def test_the_sealed_lists_of_a_configuration_are_read_and_no_others(tmp_path: Path, seal: Seal) -> None:
    config = config_of(tmp_path, "file: stop.pgp, format: plain")
    seal.put(tmp_path / "state/sealed-key")
    (tmp_path / "copy").write_bytes(seal.close("a.test\n"))
    sealed = replace(SOURCE, path=tmp_path / "copy", is_sealed=True)
    others = [SOURCE, replace(SOURCE, path=tmp_path / "copy"), replace(SOURCE, is_sealed=True)]

    assert digests_of(config, others, IMAGE_KEY) == {}
    assert digests_of(config, [*others, sealed], IMAGE_KEY)["stop"].n_names == 1
    assert sealed_reader_of(config).key_folder == tmp_path / "state/sealed-key"
