"""The radius role: hears of sessions by RADIUS accounting, keeps them, and publishes who has which address."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fastpath.report.counters import Counters
from filterd.box.keys import key_at
from filterd.box.places import RADIUS, SESSION_IMAGES, SESSIONS, counters_folder, keep_out_of_backups, radius_socket
from filterd.config import Config
from filterd.process.jobs import run_job
from filterd.process.json_socket import serve
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from filterd.radius.compaction import compact
from filterd.radius.identities import Identities
from filterd.radius.images import SessionImages
from filterd.radius.inbox import Inbox, listen
from filterd.radius.journal import Journal, journals_from, read_back
from filterd.radius.messages import RADIUS_REQUESTS
from filterd.radius.nas import NasTable
from filterd.radius.notices import Notices
from filterd.radius.places import PlaceTable
from filterd.radius.reader import Reader
from filterd.radius.service import Service
from parental.sessions.record import Digests
from parental.sessions.table import SessionTable

KEY_OCTETS = 32
LOOK_S = 1.0  # between two looks at what has overgrown
MOST_JOURNAL_OCTETS = 16 << 20  # 0.7 s of a start
NICENESS = 10  # of the job that writes a base: it takes a core for some seconds

log = logging.getLogger("filterd.radius")

Count = Callable[[str], None]
Kept = tuple[SessionTable, Journal, SessionImages]


async def live(config: Config, config_file: Path, index: int) -> int:
    """Hear of sessions until SIGTERM."""
    del index
    stopping = stop_requested()
    counters = _counters(config)
    folder = sessions_folder(config)
    nas, digests = NasTable(config.radius.nas), Digests(key_at(folder / "key", KEY_OCTETS))
    kept = await asyncio.to_thread(_read_back, config, nas, counters.add)
    window_s, identified = int(config.radius.replay_window), folder / "revision"
    inbox, notices = Inbox(counters.add), Notices(config.run_dir)
    identities = Identities(config.run_dir, identified, digests, is_empty=not len(kept[0]))
    service = Service(inbox, Reader(nas, digests, window_s, counters.add), identities, kept, notices, counters.add)
    service.counters = lambda: {name: n for name, n in counters.values().items() if name.startswith("radius_")}
    service.places = PlaceTable(config.radius.nas, config.radius.places, digests)
    server = await serve(radius_socket(config.run_dir), RADIUS, RADIUS_REQUESTS, service.answer)
    heard = await listen(config.radius.listen, inbox)
    work = [service.hear(), service.publish(), service.follow_names(), notices.run()]
    work += [_renew(config, config_file, service, kept[2], nas), follow_log_level(config, config_file), tell_we_live()]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        for each in heard:
            each.close()
        server.close()
        radius_socket(config.run_dir).unlink(missing_ok=True)
        service.journal.close()
    return 0


def sessions_folder(config: Config) -> Path:
    """The folder of the journal, made where it is missing."""
    folder = config.state_dir / SESSIONS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _counters(config: Config) -> Counters:
    folder = counters_folder(config.run_dir, RADIUS)
    folder.mkdir(parents=True, exist_ok=True)
    return Counters(folder / f"{RADIUS}-0")


def _read_back(config: Config, nas: NasTable, count: Count) -> Kept:
    """The sessions as they were answered, with images of them in force.   Raises BadSnapshot, OSError"""
    folder = sessions_folder(config)
    keep_out_of_backups(folder)
    table, number, n_cut = read_back(folder)
    for _ in range(n_cut):
        count("radius_journal_cut")
    newest = max([number, *(int(path.stem.partition("-")[2]) for path in journals_from(folder, number))])
    images = SessionImages(config.state_dir / SESSION_IMAGES, nas.default_of)
    if images.has_base(number, nas.digest):
        images.publish(table.take_changes().holders)
        return table, Journal(folder, max(newest, 1)), images
    _leave_out(folder, newest, table, nas)
    table.take_changes()  # the base has them
    journal = Journal(folder, newest + 1)
    base = images.next_base()
    compact(folder, journal.number, base, nas, _oldest(config))
    images.use_base(base, journal.number, nas.digest)
    images.publish({})
    return table, journal, images


def _leave_out(folder: Path, newest: int, table: SessionTable, nas: NasTable) -> None:
    """End what is outside of all pools, in the journal too: control locks and cuts nothing there."""
    left_out = table.without(lambda slot: not nas.may_give(slot))
    if not left_out:
        return
    for each in left_out:
        table.put(each)
    journal = Journal(folder, newest)
    journal.append(each.packed() for each in left_out)
    journal.close()
    log.warning("%d sessions have prefixes in no pool of /radius/nas; they have ended there", len(left_out))


async def _renew(config: Config, config_file: Path, service: Service, images: SessionImages, nas: NasTable) -> None:
    """Have a job write a snapshot and a base where much has changed; forget what is old."""
    job = ["sessions", "compact", "--config", str(config_file)]
    while True:
        await asyncio.sleep(LOOK_S)
        if not images.is_overgrown and service.journal.n_octets < MOST_JOURNAL_OCTETS:
            continue
        service.table.forget_ended(_oldest(config))
        number = service.journal.number + 1
        base = await service.rotate(sessions_folder(config), number, images.next_base)
        ended = await run_job([*job, "--snapshot", str(number), "--base", str(base)], NICENESS)
        if ended.exit_code == 0:
            await service.use_base(partial(images.use_base, base, number, nas.digest))
        else:
            images.give_up_base()
            service.note("base", f"{ended.stderr or ended.exit_code}; sessions go on in the levels above it")


def _oldest(config: Config) -> int:
    """The instant before which no request is believed."""
    return int(time.time()) - int(config.radius.replay_window)
