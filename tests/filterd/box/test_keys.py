import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from support.system.disk import Disk, why_not

from fastpath.images import image_key
from filterd.box.keys import CREDENTIAL, desk_key, hold_image_key, key_at, make_image_key, people_key, pseudonym_key

N_THREADS = 4


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = key_at(tmp_path / "k", 16)

    assert len(made) == 16
    assert key_at(tmp_path / "k", 16) == made
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


@pytest.mark.kernel
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "possible")
def test_a_key_that_was_used_survives_a_power_cut(tmp_path: Path) -> None:
    with closing(Disk(tmp_path)) as disk:
        made = key_at(disk.folder / "k", 16)

        disk.cut_power()

        assert (disk.folder / "k").read_bytes() == made


def test_threads_that_make_a_key_at_one_moment_end_with_the_same(tmp_path: Path) -> None:
    barrier = Barrier(N_THREADS)

    def made(name: str) -> bytes:
        barrier.wait()
        return key_at(tmp_path / name, 16)

    with ThreadPoolExecutor(N_THREADS) as threads:
        for n in range(50):
            assert len(set(threads.map(made, [f"k{n}"] * N_THREADS))) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {""}


@pytest.fixture(autouse=True)
def no_key_held() -> Iterator[None]:
    image_key.forget()
    yield
    image_key.forget()


def test_the_two_keys_of_a_box_are_not_the_same(tmp_path: Path) -> None:
    make_image_key(tmp_path)

    assert (tmp_path / "image-key/key").read_bytes() != pseudonym_key(tmp_path)


def test_the_key_of_the_desk_lies_in_a_folder_that_its_owner_alone_may_enter(tmp_path: Path) -> None:
    key = desk_key(tmp_path)

    assert desk_key(tmp_path) == key and len(key) == 32
    assert stat.S_IMODE((tmp_path / "desk").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "desk/key").stat().st_mode) == 0o600


def test_the_key_of_the_images_lies_apart_for_workers_to_read(tmp_path: Path) -> None:
    make_image_key(tmp_path)
    key = image_key.new_key()
    image_key.forget()

    hold_image_key(tmp_path)

    assert image_key.key_behind(key[: image_key.HEADER_OCTETS]) == key
    assert stat.S_IMODE((tmp_path / "image-key/key").stat().st_mode) == 0o640


def test_a_credential_of_systemd_is_used_and_no_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CREDENTIAL).write_bytes(bytes(range(32)))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    make_image_key(tmp_path / "state")
    key = image_key.new_key()

    image_key.hold(bytes(range(32)))
    assert image_key.key_behind(key[: image_key.HEADER_OCTETS]) == key
    assert not (tmp_path / "state/image-key/key").exists()


def test_a_credential_of_another_length_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CREDENTIAL).write_bytes(b"short")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(ValueError, match="5 octets; not used; it has 32"):
        make_image_key(tmp_path / "state")


def test_a_key_of_another_length_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"short")

    with pytest.raises(ValueError, match="5 octets, a key of 16 was expected"):
        key_at(tmp_path / "k", 16)


def test_the_key_of_telephone_numbers_is_its_owners_alone_and_stays_the_same(tmp_path: Path) -> None:
    key = people_key(tmp_path)

    assert len(key) == 32 and people_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "people-key/key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "people-key").stat().st_mode) == 0o700
