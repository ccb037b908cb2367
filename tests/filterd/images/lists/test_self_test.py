from pathlib import Path

from support.images.opened import Images
from support.lists.one_list import config_of

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from filterd.config import Config, read_config
from filterd.images.lists.self_test import missing_of, self_test_faults, self_tests


def config_with(folder: Path, *names: str) -> Config:
    """A list of the id that the images of these tests have."""
    one = f"{{id: csam, tier: csam, file: stop.txt, format: plain, self_test: [{', '.join(names)}]}}"
    return read_config(f'dns: {{upstreams: ["192.0.2.53:53"]}}\nlists: [{one}]\n'.encode(), "x", folder)


def test_a_list_that_closes_its_test_entries_is_well(tmp_path: Path, images: Images) -> None:
    tables = TableSet(images.names([("csam", "selftest.test", Mode.SUBTREE)]))
    config = config_with(tmp_path, "selftest.test", "www.selftest.test")

    assert self_tests(config, tables) == {"csam": True}
    assert self_test_faults(config, tables) == {}


def test_an_entry_that_another_list_closes_is_missed_all_the_same(tmp_path: Path, images: Images) -> None:
    tables = TableSet(images.names([("orders", "selftest.test", Mode.SUBTREE), ("csam", "a.test", Mode.EXACT)]))
    config = config_with(tmp_path, "selftest.test", "a.test", "b.test")

    assert missing_of(config.lists[0], tables) == ["selftest.test", "b.test"]
    assert self_tests(config, tables) == {"csam": False}
    assert self_test_faults(config, tables)["csam"].startswith(
        "its self-test entry selftest.test is not in force, and 1 more; "
    )


def test_a_list_without_test_entries_or_outside_of_the_images_is_not_spoken_of(tmp_path: Path, images: Images) -> None:
    config = config_with(tmp_path, "selftest.test")

    assert self_tests(config, TableSet()) == {} == self_test_faults(config, TableSet())
    tables = TableSet(images.names([("csam", "a.test", Mode.EXACT)]))
    assert self_tests(config_of(tmp_path, "file: pta.txt, format: plain"), tables) == {}
