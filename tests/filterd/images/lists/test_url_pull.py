import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lists.one_list import HOUR, NOW, faults, good_text, kept, names, pull, take_in
from support.lists.server import Shelved, serving
from support.present import present

import filterd.images.lists.jobs as lists
from filterd.config import Config
from filterd.images.lists.jobs import pull_list
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import due


@pytest.mark.services
async def test_a_pulled_list_is_good_and_asked_for_again_only_when_it_is_due(pulled: Callable[..., Config]) -> None:
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        assert due(config, NOW) == ["pta"]
        assert "not pulled yet" in faults(config)
        assert present((await pull(config)).good).n_rules == 100
        assert (due(config, NOW + 0.8 * HOUR), due(config, NOW + 1.2 * HOUR)) == ([], ["pta"])
        assert faults(config) == ""


@pytest.mark.services
async def test_what_has_not_changed_is_confirmed_and_costs_no_octets(pulled: Callable[..., Config]) -> None:
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        found = await pull(config, NOW + HOUR)

    assert server.asked == [200, 304]
    assert (found.confirmed_s, present(found.good).fetched_s) == (NOW + HOUR, NOW)


@pytest.mark.services
async def test_unchanged_does_not_confirm_a_good_version_that_is_not_the_newest(pulled: Callable[..., Config]) -> None:
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        server.text = names(range(50))
        await pull(config, NOW + HOUR)
        found = await pull(config, NOW + 2 * HOUR)

    assert server.asked == [200, 200, 304]
    assert (present(found.held).n_rules, present(found.good).n_rules, found.confirmed_s) == (50, 100, NOW)


@pytest.mark.services
async def test_a_server_that_fails_leaves_the_last_good_version_and_is_asked_again_soon(
    pulled: Callable[..., Config],
) -> None:
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        server.status = 503
        found = await pull(config, NOW + HOUR)

        assert (present(found.good).n_rules, faults(config, NOW + HOUR)) == (100, "")  # one failure alone is no alarm
        assert due(config, NOW + 1.2 * HOUR) == ["pta"]
        for minutes in (6, 12):
            await pull(config, NOW + HOUR + minutes * 60)
        assert "status 503, since 2027-01-15 09:00:00Z; the last good" in faults(config, NOW + HOUR)
        server.status = 200
        await pull(config, NOW + 2 * HOUR)
        assert faults(config, NOW + 2 * HOUR) == ""


@pytest.mark.services
async def test_the_first_pull_that_fails_is_told_at_once(pulled: Callable[..., Config]) -> None:
    server = Shelved("")
    server.status = 404
    async with serving(server.answer) as url:
        config = pulled(f"{url}?key=secret")
        await pull(config)

    assert "status 404" in faults(config) and "nothing of it is in force" in faults(config)
    assert "secret" not in faults(config) + (
        shelf_of(config, config.lists[0]).directory / "state.json"
    ).read_text().replace(f"{url}?key=secret", "")


@pytest.mark.services
async def test_the_same_refused_list_again_is_not_read_again(
    pulled: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Shelved("192.0.2.1\n" * 10)
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        monkeypatch.setattr(lists, "read_apart", None)  # calling it would fail
        server.asked.clear()
        found = await pull(config, NOW + HOUR)

    assert (found.waiting, present(found.refused).at_s) == (None, NOW)


@pytest.mark.services
async def test_another_url_of_the_configuration_is_asked_for_everything(pulled: Callable[..., Config]) -> None:
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        await pull(pulled(url))
        await pull(pulled(f"{url}?other"))

    assert server.asked == [200, 200]


@pytest.mark.services
async def test_a_seed_is_in_force_until_the_first_good_pull_and_sets_no_limits(
    pulled: Callable[..., Config], tmp_path: Path
) -> None:
    (tmp_path / "seed.txt").write_text("seed.test\n")
    server = Shelved("<html>")
    async with serving(server.answer) as url:
        config = pulled(url, ", seed: seed.txt")
        assert present(take_in(config).good).is_seed
        await pull(config)
        assert good_text(config) == "seed.test\n"
        server.text = names(range(3000))
        found = await pull(config, NOW + HOUR)

    assert (present(found.good).n_rules, present(found.good).is_seed) == (3000, False)


def test_a_pull_of_a_server_that_is_not_there_is_noted(pulled: Callable[..., Config]) -> None:
    config = pulled("https://127.0.0.1:9/list.txt")
    asyncio.run(pull_list(config, config.lists[0], NOW))

    assert "cannot be reached" in present(kept(config).failed).why
