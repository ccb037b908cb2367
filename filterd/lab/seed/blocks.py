"""Records of a month's blocks: what control would have drained from the workers' spools, a day at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from fastpath.images.verdict import Reason
from filterd.audit.block_batches import Batches
from filterd.audit.block_rows import batch_of_rows
from filterd.lab.seed.families import Family
from filterd.lab.seed.month import N_DAYS, Change, Month
from filterd.lab.seed.orders import LIST, LIST_LETTERS, Letter
from filterd.lab.seed.staff import ISSUERS
from mgmt.orders.store import find_order
from mgmt.registers.records.block_ledger import (
    HOUSEHOLD,
    BlockRecord,
    CsamCount,
    StoredBlock,
    add_csam_counts,
    day_key,
    pseudonym_of,
)
from parental.policy.profile import lock_reason

CHANNELS = ("dns", "dns", "dns", "sni", "http", "quic")  # most names end in DNS
LISTED = ("listed.test", "blocked.test")  # of the regulator's list
CONFIDENTIAL = "sealed"
N_OF_THE_LIST, N_OF_SECURITY, N_OF_A_LETTER, N_OF_A_HOME, N_CONFIDENTIAL = (8, 30), (0, 6), (0, 3), (2, 12), (0, 2)
FIRST_DAY = 2  # the families have chosen their rules by then

Found = tuple[tuple[str, str], BlockRecord]  # (issuer, reference), both '' for what no order directs


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whose blocks they are.   node_key  of the pseudonyms;   node  that counts;   batches  that take the records"""

    families: Sequence[Family]
    node_key: bytes
    node: str
    batches: Batches


def changes_of(month: Month, letters: Sequence[Letter], traffic: Traffic) -> list[Change]:
    """One change a day, at its end."""
    found = []
    for day in range(FIRST_DAY, N_DAYS + 1):
        records = [*_of_lists(month, day, traffic), *_of_homes(month, day, traffic)]
        for letter in letters:
            records += _of_letter(month, day, letter, traffic)
        n_confidential = month.draw.randint(*N_CONFIDENTIAL)
        found.append(Change(month.close_of(day), partial(_write, records, n_confidential, traffic)))
    return found


def _write(records: Sequence[Found], n_confidential: int, traffic: Traffic, conn: Connection, at: datetime) -> None:
    numbers = {ref: _number(conn, *ref) for ref, _ in records}
    rows = [_row(conn, replace(record, order=numbers[ref]), traffic.node_key) for ref, record in records]
    traffic.batches.append(batch_of_rows(rows, {}))
    if n_confidential:
        add_csam_counts(conn, [CsamCount(int(at.timestamp()), traffic.node, CONFIDENTIAL, "dns", n_confidential)])


def _row(conn: Connection, record: BlockRecord, node_key: bytes) -> StoredBlock:
    said, whose = asdict(record), ""
    subscriber = said.pop("subscriber")
    if subscriber is not None:
        key = day_key(conn, datetime.fromtimestamp(record.time_s, UTC).date().isoformat())
        whose = pseudonym_of(subscriber, key, node_key, of_household=record.reason in HOUSEHOLD)
    return StoredBlock(id=0, pseudonym=whose, **said)


def _number(conn: Connection, issuer: str, ref: str) -> int:
    found = find_order(conn, issuer, ref)
    return 0 if found is None else int(found.id)


def _of_lists(month: Month, day: int, traffic: Traffic) -> Iterator[Found]:
    draw = month.draw
    for _ in range(draw.randint(*N_OF_THE_LIST)):
        yield (ISSUERS[0], LIST_LETTERS[0]), _block(month, day, traffic, LIST, draw.choice(LISTED), "order")
    for _ in range(draw.randint(*N_OF_SECURITY)):
        yield ("", ""), _block(month, day, traffic, "malware", "malware.test", "security")


def _of_letter(month: Month, day: int, letter: Letter, traffic: Traffic) -> Iterator[Found]:
    """Of the whole days between its push and its withdrawal."""
    if letter.day < day < (letter.withdrawn or N_DAYS + 1):
        for _ in range(month.draw.randint(*N_OF_A_LETTER)):
            rule = month.draw.choice(letter.names)
            yield (letter.issuer, letter.ref), _block(month, day, traffic, "orders", rule, "order")


def _block(month: Month, day: int, traffic: Traffic, list_id: str, rule: str, reason: str) -> BlockRecord:
    """By an order or a security list, for a line or for someone whom the database does not know."""
    who = month.draw.choice((*(family.line for family in traffic.families), None))
    at_s = int(month.at(day, month.draw.randrange(24)).timestamp())
    channel = month.draw.choice(CHANNELS)
    action = "splash" if channel in ("dns", "http") else "reset"
    return BlockRecord(at_s, channel, action, list_id, rule, 0, "", reason, day, who)


def _of_homes(month: Month, day: int, traffic: Traffic) -> Iterator[Found]:
    """What the families have chosen: the schedule in their nights, a category by day."""
    for family in traffic.families:
        for _ in range(month.draw.randint(*N_OF_A_HOME)):
            at = month.at(day, month.draw.randrange(24))
            at_s, line = int(at.timestamp()), family.line
            if lock_reason(family.profile, at) is Reason.SCHEDULE:
                yield ("", ""), BlockRecord(at_s, "dns", "splash", "", "", 0, "", "schedule", day, line)
            elif "adult" in family.categories:
                yield (
                    ("", ""),
                    BlockRecord(at_s, "dns", "splash", "adult", "adult.test", 0, "adult", "category", day, line),
                )
