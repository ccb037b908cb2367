"""A stream resolver with its reporter and hand-over, asked directly."""

from pathlib import Path
from typing import Any

from dnslib import DNSRecord
from support.images.opened import Entry, Images

from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Reason
from fastpath.report.spool import Reporter

NOW_NS = 1_795_000_000_000_000_000
CLIENT = "192.0.2.7"
SPLASH4 = bytes([192, 0, 2, 80])
SPLASH6 = bytes([0x20, 1, 0x0D, 0xB8]) + bytes(11) + b"\x50"
SPECS = [AnswerSpec(SPLASH4, SPLASH6, 60, 16, Action.NO_ACTION)] * len(Reason)


def ask(name: str, qtype: str = "A") -> bytes:
    return bytes(DNSRecord.question(name, qtype).pack())


class Desk:
    """A StreamResolver with its reporter."""

    def __init__(self, folder: Path, specs: list[AnswerSpec], **wanted: Any) -> None:
        self.folder = folder / "spool"
        self.reporter = Reporter(folder / "counters", self.folder)
        self.resolver = StreamResolver(self.reporter, specs, **wanted)

    def serve(self, tables: TableSet) -> None:
        self.resolver.use(tables)

    def ask(self, name: str, qtype: str = "A") -> DNSRecord | None:
        answer = self.resolver.answer(ask(name, qtype), CLIENT, NOW_NS)
        return DNSRecord.parse(answer) if answer else None

    def upstream_query(self, name: str) -> bytes:
        return self.resolver.upstream_query(ask(name), CLIENT, NOW_NS)

    def deliver(self, name: str, theirs: DNSRecord) -> DNSRecord:
        answer = self.resolver.deliver(ask(name), CLIENT, self.upstream_query(name), bytes(theirs.pack()), NOW_NS)
        return DNSRecord.parse(answer)

    def counted(self) -> dict[str, int]:
        return {name: n for name, n in self.reporter.counters.values().items() if n}


def desk_with(images: Images, *entries: Entry, specs: list[AnswerSpec] = SPECS) -> Desk:
    desk = Desk(images.folder, specs)
    desk.serve(TableSet(images.names(entries)))
    return desk
