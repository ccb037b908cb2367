"""Control's part in lists that are public: it has their files written by a job, and signs their digests.

Invariants: control reads no list: the job, which has no key of the ledger in its memory, reads it; what a job left half
done is done again, and holds up no other list; lists that are not public any more are not served, and their files stay.
"""

import asyncio
import json
import logging
import socket

from filterd.audit.seal import Seal
from filterd.box.places import keys_folder
from filterd.config.schema import ListEntry
from filterd.control.base.context import Context
from filterd.images.lists.public_files import FORMAT, STATEMENT, folder_of, subject_of, unpublished, write_signed
from filterd.process.jobs import run_job
from mgmt.ledger.event import CONTROL, SETTINGS, Event
from mgmt.ledger.signed_statement import digest_of, document_of, sign

NICENESS, LONGEST_S = 10, 600.0

log = logging.getLogger("filterd.images.lists.jobs")


async def look(context: Context) -> None:
    """Publish each public list that has a new good version.   Raises OSError (of some), DatabaseFault"""
    faults = list[str]()
    for entry in await asyncio.to_thread(unpublished, context.config):
        try:
            await _publish(context, entry)
        except OSError as reason:
            faults.append(str(reason))
    if faults:
        raise OSError("; ".join(faults))


async def _publish(context: Context, entry: ListEntry) -> None:
    """Raises OSError, DatabaseFault"""
    command = ["lists", "publish", "--config", str(context.config_file), entry.id]
    try:
        ended = await run_job(command, NICENESS, LONGEST_S)
    except TimeoutError as reason:
        raise OSError(f"list {entry.id}: no end within {LONGEST_S:g} s; not published; tried again") from reason
    if ended.exit_code:
        raise OSError(f"list {entry.id}: {ended.stderr or ended.exit_code}; not published; tried again")
    await asyncio.to_thread(sign_list, context, entry)


def sign_list(context: Context, entry: ListEntry) -> None:
    """Sign what the job has written of a list.   Blocking.   Raises OSError, DatabaseFault"""
    text = (folder_of(context.config, entry) / STATEMENT).read_text(encoding="utf-8")
    said = json.loads(text)
    version = str(said["version"])
    signer = Seal(context.engine, keys_folder(context.config.state_dir), socket.gethostname()).signer
    write_signed(context.config, entry, document_of(text, sign(signer, FORMAT, subject_of(said), text)))
    about = {"list": entry.id, "version": version}
    context.note_event(Event(SETTINGS, "list published", CONTROL, about, {"sha256": digest_of(text)}))
    log.info("list %s: version %s is public", entry.id, version[:16])
