"""Control's look, once an hour, whether the statistics of a quarter are to be published."""

import logging
import socket
import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from fastpath.images.decision import ListInForce
from filterd.audit.archive_client import ArchiveClient
from filterd.audit.drain import late_since_s
from filterd.audit.list_counts import attempts
from filterd.audit.seal import Seal
from filterd.box.places import SPOOL, keys_folder
from filterd.config.web_settings import clocks_of
from filterd.control.base.context import Context
from filterd.control.records.quarters import Box, publish_last
from filterd.control.records.transparency import tell_last
from mgmt.ledger.trusted_clock import read_clocks
from mgmt.registers.records.block_archive import ArchiveFailure

log = logging.getLogger("filterd.control.records")


def publish(context: Context, records: Engine, lists: Sequence[ListInForce]) -> None:
    """Publish the last quarter, if that was not done.   Blocking.   Raises OSError, ValueError, DatabaseFault

    records  of the role that keeps the records;   lists  in force, by number; none: not known yet"""
    config, engine = context.config, context.engine
    signer = Seal(engine, keys_folder(config.state_dir), socket.gethostname()).signer
    is_counted = config.records.bypass_statistics and bool(lists)
    seen = attempts(engine, lists) if is_counted else None
    waits_since = partial(late_since_s, config.state_dir / SPOOL, records, socket.gethostname(), time.time())
    box = Box(engine, records, signer, ArchiveClient(config.run_dir), config.retention.blocks, waits_since)
    rules = clocks_of(config)
    try:
        quarter = publish_last(box, read_clocks(), rules, seen)
    except ArchiveFailure as reason:
        raise OSError(f"{reason}; no statistics are published until then") from reason
    if quarter is not None:
        log.info("the statistics of %s are signed", quarter)
    if config.transparency.page and (told := tell_last(box, read_clocks(), rules, config.transparency.hidden_issuers)):
        log.info("%s is made public", told)
