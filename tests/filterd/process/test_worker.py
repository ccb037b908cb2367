import asyncio
import json
import os
import signal
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.images.opened import Images

from dns.base.thread_priority import BEHIND_NICENESS
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.session_levels import sessions_generation
from fastpath.report.counters import Counters
from filterd.process.json_socket import ask_blocking
from filterd.process.messages import Use
from filterd.process.worker import Worker, _open_gently, classes_counted, counted, make_reporter


class Front:
    """Notes the tables that it is given."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.given: list[TableSet] = []
        self.fault, self.n_turns, self.n_given_first = fault, 0, -1
        self.itself: Front | None = None

    def give(self, tables: TableSet) -> None:
        self.given.append(tables)

    async def use(self, tables: TableSet) -> None:
        if self.fault:
            raise self.fault
        self.given.append(tables)

    def upstreams(self) -> dict[str, bool]:
        return {"192.0.2.53:53": False}

    def connections(self) -> dict[str, int]:
        return {"tcp": 3}

    async def run(self) -> None:
        self.n_given_first = len(self.given)
        await asyncio.Event().wait()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "run").mkdir()
    return tmp_path


def publish(
    images: Images, state: Path, name: str = "current.json", entries: Any = (("orders", "bad.test", Mode.SUBTREE),)
) -> Any:
    image = images.names(entries)
    path = state / "images" / name
    os.replace(image.path, state / "images" / os.path.basename(image.path))  # noqa: PTH105, PTH119
    path.write_text(json.dumps({"names": {"base": os.path.basename(image.path), "delta": None}}))  # noqa: PTH119
    return path


def play(state: Path, front: Any, *requests: Any) -> Any:
    """Run a worker, ask it, stop it as its supervisor does; returns its replies."""

    async def run() -> Any:
        worker = Worker("dns-0", state, state / "run", front)
        path = state / "run/dns-0/worker.sock"
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            while not path.exists():  # noqa: ASYNC110  # a socket's birth cannot be awaited
                await asyncio.sleep(0.001)
            replies = [await asyncio.to_thread(ask_blocking, path, "dns", request) for request in requests]
            os.kill(os.getpid(), signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
        return replies

    return asyncio.run(run())


def test_a_worker_reads_the_manifest_itself_at_its_start(images: Images, state: Path) -> None:
    publish(images, state)
    front = Front()

    (status,) = play(state, front, {"op": "status"})

    assert len(front.given) == 1
    assert (status["generations"]["names"], status["refused"]) == ([1, 0], None)
    assert status["ja4_classes"] == {}


@pytest.mark.parametrize("torn", ["", "\0" * 200, '{"names": {"base": "gone.img"}}'])
def test_where_a_power_cut_has_torn_the_manifest_a_worker_starts_with_what_was_on_the_disk_and_says_so(
    images: Images, state: Path, torn: str
) -> None:
    publish(images, state, "settled.json")
    (state / "images/current.json").write_text(torn)
    front = Front()

    (status,) = play(state, front, {"op": "status"})

    assert front.n_given_first == 1
    assert status["generations"]["names"] == [1, 0]
    assert "now those of settled.json" in status["refused"]


def test_where_both_are_torn_a_worker_says_that_it_serves_nothing(state: Path) -> None:
    for name in ("current.json", "settled.json"):
        (state / "images" / name).write_text("")
    front = Front()

    (status,) = play(state, front, {"op": "status"})

    assert (front.given, status["generations"]["names"]) == ([], [0, 0])
    assert "still serving names 0/0" in status["refused"]


def test_the_images_are_open_before_the_front_serves(images: Images, state: Path) -> None:
    publish(images, state)
    front = Front()

    play(state, front, {"op": "status"})

    assert front.n_given_first == 1


@pytest.mark.parametrize("is_first", [False, True])
def test_what_is_published_before_control_can_reach_a_worker_is_served_all_the_same(
    images: Images, state: Path, is_first: bool
) -> None:
    class Hurried(Front):
        """Control publishes while this one starts."""

        async def run(self) -> None:
            publish(images, state)
            await super().run()

    front = Hurried()
    if not is_first:
        publish(images, state)

    play(state, front, {"op": "status"})

    assert [tables.generations["names"] for tables in front.given] == ([(1, 0)] if is_first else [(1, 0), (2, 0)])


def test_a_worker_without_a_manifest_says_what_it_waits_for(state: Path) -> None:
    (status,) = play(state, Front(), {"op": "status"})

    assert "when_no_images decides" in status["refused"]


def test_a_newer_manifest_is_used_when_control_says_so(images: Images, state: Path) -> None:
    publish(images, state)
    front = Front()
    newer = publish(images, state, "newer.json")

    (reply,) = play(state, front, {"op": "use", "manifest": newer.name})

    assert (reply["ok"], reply["generations"]["names"]) == (True, [2, 0])
    assert len(front.given) == 2


def test_an_image_that_is_served_already_is_not_opened_again(images: Images, state: Path) -> None:
    manifest = publish(images, state)
    front = Front()

    play(state, front, {"op": "use", "manifest": manifest.name})

    first, second = front.given
    assert first.images[0] is second.images[0]


@pytest.mark.parametrize(
    "manifest",
    [
        '{"names": {"base": "damaged.img"}}',
        '{"names": {"base": "absent.img"}}',
        '{"names": {"base": 7}}',
        '{"names": 7}',
        "rubbish",
        "[]",
    ],
)
def test_what_is_no_good_is_refused_told_and_the_old_one_stays(images: Images, state: Path, manifest: str) -> None:
    publish(images, state)
    image = next((state / "images").glob("*.img"))
    damaged = bytearray(image.read_bytes())
    damaged[-1] ^= 0xFF
    (state / "images/damaged.img").write_bytes(damaged)
    (state / "images/bad.json").write_text(manifest)
    front = Front()

    reply, status = play(state, front, {"op": "use", "manifest": "bad.json"}, {"op": "status"})

    assert not reply["ok"]
    assert reply["refused"].endswith("; still serving names 1/0")
    assert status["refused"] == reply["refused"]
    assert len(front.given) == 1


@pytest.mark.parametrize("manifest", ["../other/current.json", "/etc/passwd", "..", "", "images/current.json"])
def test_a_request_leads_to_no_other_folder(images: Images, state: Path, manifest: str) -> None:
    (state / "other").mkdir()
    publish(images, state)
    (state / "other/current.json").write_text("{}")
    front = Front()

    (reply,) = play(state, front, {"op": "use", "manifest": manifest})

    assert not reply["ok"]
    assert "nothing done" in reply["error"]
    assert len(front.given) == 1


def test_images_that_others_may_write_are_not_served(images: Images, state: Path) -> None:
    publish(images, state)
    next((state / "images").glob("*.img")).chmod(0o664)

    (status,) = play(state, Front(), {"op": "status"})

    assert "no group or other may write it" in status["refused"]


def test_a_manifest_that_is_a_link_is_not_followed(images: Images, state: Path) -> None:
    publish(images, state, "elsewhere.json")
    (state / "images/current.json").symlink_to(state / "images/elsewhere.json")

    (status,) = play(state, Front(), {"op": "status"})

    assert "Too many levels of symbolic links" in status["refused"]


def test_a_loop_that_takes_nothing_is_told(images: Images, state: Path) -> None:
    manifest = publish(images, state).name

    _, status = play(state, Front(TimeoutError()), {"op": "use", "manifest": manifest}, {"op": "status"})

    assert "took no new images" in status["refused"]


def test_a_worker_says_which_start_of_it_this_is(state: Path) -> None:
    said = [play(state, Front(), {"op": "status"})[0]["starts"] for _ in range(2)]
    (state / "run/dns-0/starts").write_text("rubbish")

    assert [*said, play(state, Front(), {"op": "status"})[0]["starts"]] == [1, 2, 1]


def test_a_request_that_is_none_gets_an_answer(state: Path) -> None:
    (reply,) = play(state, Front(), {"op": "dance"})

    error = "request: op 'dance' is unknown; nothing done; send one of status, use, configure"
    assert reply == {"ok": False, "error": error}


def test_a_front_that_ends_ends_the_worker(state: Path) -> None:
    class Failing(Front):
        async def run(self) -> None:
            raise OSError("queue 0 is taken")

    with pytest.raises(OSError, match="queue 0 is taken"):
        asyncio.run(Worker("gate-0", state, state / "run", Failing()).run())


def test_the_counters_of_a_worker_are_those_of_its_loop_and_of_what_stands_beside(state: Path) -> None:
    for part in ("", "-tcp"):
        make_reporter(state, state / "run", "dns-0", part)
        Counters(state / "run/counters-dns" / f"dns-0{part}").add("dns_queries", 2)

    assert counted(state / "run", "dns-0")["dns_queries"] == 4


def test_the_classes_of_software_are_told_where_hellos_are_counted_by_them(state: Path) -> None:
    assert classes_counted(state / "run", "gate-0") == {}
    reporter = make_reporter(state, state / "run", "gate-0")
    assert classes_counted(state / "run", "gate-0") == {}
    reporter.counters.name_classes(["other", "tor"])

    assert classes_counted(state / "run", "gate-0") == {"other": 0, "tor": 0}


def test_a_loop_that_makes_no_turn_does_not_count_as_alive(state: Path) -> None:
    front = Front()
    worker = Worker("dns-0", state, state / "run", front)

    assert worker.is_turning()
    assert not worker.is_turning()
    front.n_turns += 1
    assert worker.is_turning()


def test_a_loop_that_takes_over_and_has_made_no_turn_yet_counts_as_alive(state: Path) -> None:
    async def run() -> None:
        worker = Worker("dns-0", state, state / "run", Front())
        worker._running = asyncio.ensure_future(worker._front.run())  # noqa: TID251
        front = Front()
        taking = asyncio.ensure_future(worker._take_over(front))  # noqa: TID251
        await asyncio.sleep(0.05)
        assert worker.is_turning() and worker.is_turning()
        front.n_turns = 1
        await taking
        assert worker.is_turning() and not worker.is_turning()
        worker._running.cancel()

    asyncio.run(run())


def test_images_are_opened_by_a_thread_that_gives_way_to_the_loop(images: Images, state: Path) -> None:
    def niceness() -> Any:
        return os.getpriority(os.PRIO_PROCESS, 0)

    manifest, before = publish(images, state), niceness()
    with ThreadPoolExecutor(1) as opener:
        tables = opener.submit(_open_gently, manifest, TableSet(), list).result()
        gentle = opener.submit(niceness).result()

    assert tables.generations["names"] == (1, 0)
    assert (gentle, niceness()) == (max(BEHIND_NICENESS, before), before)


class Turning(Front):
    """Its loop turns once it runs."""

    async def run(self) -> None:
        self.n_turns = 1
        await super().run()


class Setup:
    """Gives the fronts that it was made with, or raises."""

    digest = "abc"

    def __init__(self, *fronts: Front | Exception | None) -> None:
        self._fronts = list(fronts)

    def take(self) -> Front | None:
        front = self._fronts.pop(0)
        if isinstance(front, Exception):
            raise front
        return front


def configured(state: Path, first: Front, setup: Setup | None, *requests: Any) -> Any:
    """As play(), with a setup."""

    async def run() -> Any:
        worker = Worker("dns-0", state, state / "run", first, setup)
        running = asyncio.ensure_future(worker.run())  # noqa: TID251
        socket = state / "run/dns-0/worker.sock"
        while not socket.exists():  # noqa: ASYNC110  # a file cannot be awaited
            await asyncio.sleep(0.01)
        replies = [await asyncio.to_thread(ask_blocking, socket, "dns", request) for request in requests]
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        return replies

    return asyncio.run(run())


def test_another_front_serves_the_same_images_from_its_first_packet_on(images: Images, state: Path) -> None:
    publish(images, state)
    first, second = Front(), Front()
    second.n_turns = 1

    replies = configured(state, first, Setup(second), {"op": "configure"}, {"op": "use", "manifest": "none"})

    assert replies[0] == {"ok": True, "digest": "abc"}
    assert second.n_given_first == 1
    assert second.given[0] is first.given[-1]


def test_a_configuration_without_a_change_for_the_front_leaves_it_alone(images: Images, state: Path) -> None:
    first = Front()

    assert configured(state, first, Setup(None), {"op": "configure"}) == [{"ok": True, "digest": "abc"}]
    assert first.n_given_first == 0


def test_a_configuration_that_cannot_be_taken_is_refused_and_the_front_goes_on(state: Path) -> None:
    refused = {"ok": False, "refused": "worker dns-0: junk"}

    replies = configured(state, Front(), Setup(ValueError("junk"), None), {"op": "configure"}, {"op": "configure"})

    assert replies == [refused, {"ok": True, "digest": "abc"}]


def test_a_worker_without_a_configuration_takes_none(state: Path) -> None:
    (reply,) = configured(state, Front(), None, {"op": "configure"})

    assert "started without a configuration; nothing changed" in reply["refused"]


def test_a_front_that_was_replaced_is_forgotten_with_its_memory(state: Path) -> None:
    alive: list[bool] = []

    class Fresh(Setup):
        before: weakref.ref[Front] | None = None
        current: weakref.ref[Front] | None = None

        def take(self) -> Front:
            alive.append(self.before is not None and self.before() is not None)
            front = Turning()
            front.itself = front  # as a front whose streams ask it
            self.before, self.current = self.current, weakref.ref(front)
            return front

    configured(state, Front(), Fresh(), *[{"op": "configure"}] * 4)

    assert alive == [False] * 4


# -- sessions ----------------------------------------------------------------------------------------------------------


def publish_sessions(images: Images, state: Path, subscriber: int, text: str | None = None) -> None:
    """Put a base of sessions in force, as the radius role does; or a manifest that is none."""
    folder = state / "session-images"
    folder.mkdir(exist_ok=True)
    image = images.subscribers([("192.0.2.7/32", subscriber)])
    Path(image.path).replace(folder / Path(image.path).name)
    part = folder / "sessions.json.part"
    part.write_text(json.dumps({"base": Path(image.path).name}) if text is None else text)
    part.replace(folder / "sessions.json")


def test_sessions_are_read_at_the_start_and_followed_without_a_request(images: Images, state: Path) -> None:
    publish(images, state)
    publish_sessions(images, state, 7)
    front = Front()

    async def run() -> None:
        worker = Worker("dns-0", state, state / "run", front)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            while not front.given:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0.001)
            publish_sessions(images, state, 8)
            while len(front.given) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            os.kill(os.getpid(), signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
        assert worker.status().sessions == sessions_generation(front.given[-1])

    asyncio.run(run())

    assert [each.subscriber_of("192.0.2.7") for each in front.given] == [7, 8]
    assert front.given[0].images[0] is front.given[1].images[0]


@pytest.mark.parametrize("text", ['{"base": "gone.img"}', "rubbish", '{"base": 7}', "[]"])
def test_sessions_that_cannot_be_read_keep_nothing_else_from_being_served(
    text: str, images: Images, state: Path
) -> None:
    publish(images, state)
    publish_sessions(images, state, 7)
    front = Front()
    worker = Worker("dns-0", state, state / "run", front)

    async def run() -> None:
        await worker.answer(Use())
        publish_sessions(images, state, 8, text)
        publish(images, state, entries=[("orders", "later.test", Mode.SUBTREE)])
        await worker.answer(Use())

    asyncio.run(run())

    assert front.given[-1].matched(b"later.test")
    assert front.given[-1].subscriber_of("192.0.2.7") == 7
    assert "still serving older sessions" in str(worker.status().refused)
