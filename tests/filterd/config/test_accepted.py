import os
from pathlib import Path

import pytest

from filterd.config import BadConfig
from filterd.config.accepted import accept, differs, in_force

GOOD = (
    "state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\nlists: [{id: a, file: a.txt, format: plain, tier: order}]\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "f.yaml"
    path.parent.mkdir()
    path.write_text(GOOD)
    return path


def test_without_a_copy_the_file_counts(source: Path) -> None:
    found = in_force(source)

    assert (found.file, found.at_s) == (source, None)


def test_a_copy_counts_while_the_file_has_a_fault(source: Path) -> None:
    accepted = accept(source)
    source.write_text(GOOD.replace("upstreams", "upsteams"))

    found = in_force(source)

    assert found.config == accepted.config
    assert found.file == source.parent / "state/config/accepted.yaml"
    assert found.fault is not None and "/dns/upsteams: no such key" in found.fault
    assert differs(source, found.digest)


@pytest.mark.parametrize("said", ["state_dir: state\n  dns: [", '{"state_dir": "state", "dns"', "state_dir: state\0"])
def test_a_copy_is_found_for_a_file_that_is_no_yaml_any_more(source: Path, said: str) -> None:
    accepted = accept(source)
    source.write_text(said)

    assert in_force(source).config == accepted.config


def test_a_copy_counts_while_the_file_is_another_that_nobody_has_taken_in(source: Path) -> None:
    accept(source)
    source.write_text(GOOD.replace("192.0.2.53", "192.0.2.54"))

    found = in_force(source)

    assert str(found.config.dns.upstreams[0]) == "192.0.2.53:53"
    assert found.fault is None
    assert differs(source, found.digest)


def test_a_copy_counts_while_the_file_names_another_state_directory_than_the_default(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.config.accepted.DEFAULT_STATE_DIR", tmp_path / "default")
    source.write_text(GOOD.replace("state_dir: state", f"state_dir: {tmp_path}/default"))
    before = accept(source)
    source.write_text(GOOD.replace("192.0.2.53", "192.0.2.54"))

    assert in_force(source).config == before.config

    accepted = accept(source)
    assert in_force(source).config == accepted.config


def test_what_is_accepted_is_the_file_octet_for_octet_and_its_paths_stay_where_they_were(source: Path) -> None:
    accepted = accept(source)

    assert accepted.file.read_bytes().partition(b"\n")[2] == source.read_bytes()
    assert accepted.config.lists[0].file == source.parent / "a.txt"
    assert not differs(source, accepted.digest)
    assert in_force(source).config == accepted.config


def test_a_file_with_a_fault_is_not_accepted_and_the_copy_stays(source: Path) -> None:
    before = accept(source).file.read_bytes()
    source.write_text("dns: 7\n")

    with pytest.raises(BadConfig):
        accept(source)
    assert (source.parent / "state/config/accepted.yaml").read_bytes() == before


def test_a_file_with_which_a_role_cannot_start_is_not_accepted(source: Path) -> None:
    (source.parent / "junk").write_text("junk")
    source.write_text(GOOD + "api: {certificate: junk, key: junk}\n")

    with pytest.raises(BadConfig, match=r"/api/certificate: .*; the web role does not start"):
        accept(source)
    assert in_force(source).at_s is None


def test_a_copy_of_another_file_does_not_count(source: Path) -> None:
    accept(source)
    other = source.with_name("g.yaml")
    other.write_text("state_dir: state\ndns: 7\n")

    with pytest.raises(BadConfig):
        in_force(other)


def test_a_copy_that_others_may_write_is_not_believed(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = accept(source).file
    copy.chmod(0o664)

    assert in_force(source).file == source
    assert "others can write it; not believed" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another account")
def test_a_copy_of_an_account_that_does_not_own_the_folder_is_not_believed(
    source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = accept(source).file
    os.chown(copy, 12345, -1)

    assert in_force(source).file == source
    assert "owned by user 12345" in caplog.text


def test_a_link_in_place_of_the_copy_is_not_followed(source: Path) -> None:
    copy = accept(source).file
    copy.rename(copy.with_name("elsewhere"))
    copy.symlink_to(copy.with_name("elsewhere"))

    assert in_force(source).file == source


def test_a_link_that_somebody_put_where_the_copy_is_written_first_is_not_followed(source: Path) -> None:
    (source.parent / "state/config").mkdir(parents=True)
    (source.parent / "theirs").write_text("untouched")
    (source.parent / "state/config/accepted.yaml.part").symlink_to(source.parent / "theirs")

    accept(source)

    assert (source.parent / "theirs").read_text() == "untouched"


def test_a_file_with_a_retired_key_is_accepted_and_says_what_to_do(source: Path) -> None:
    source.write_text(GOOD + "records: {store: database}\n")

    accepted = accept(source)

    assert ["run filterd audit move" in str(each) for each in accepted.warnings] == [True]
    assert in_force(source).config == accepted.config
