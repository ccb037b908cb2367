import json
from pathlib import Path

from support.block_store import drain_all
from support.spool import TIME_NS, block_event, put_segment

from fastpath.report.columns import NOT_A_SUBSCRIBER
from filterd.audit.block_batches import Kind, Rows, read_batch
from filterd.audit.record_lines import by_day, lines_of, part_of

S = 10**9
NIGHT_NS = (TIME_NS // (86_400 * S) + 1) * 86_400 * S


def drained(tmp_path: Path, *events: bytes) -> Rows:
    put_segment(tmp_path / "spool/dns-0", 1, *events)
    return read_batch(drain_all(tmp_path / "spool", tmp_path / "store").folder, 1).enforcement


def test_a_record_is_a_line_of_canonical_json(tmp_path: Path) -> None:
    rows = drained(tmp_path, block_event(), block_event(), block_event("z.test", subscriber=NOT_A_SUBSCRIBER))

    first, second = lines_of(rows).splitlines()

    assert first.decode() == (
        '{"action":"splash","category":"adult","channel":"sni","count":2,"generation":12,"list":"pta","order":3,'
        f'"province":"unknown","reason":"order","rule":"bad.test","subscriber":"{rows.pseudonyms.hex()}","time":"2027-01-15T08:00:00Z"}}'
    )
    assert json.loads(second)["subscriber"] is None


def test_a_text_with_quotes_controls_and_urdu_is_escaped_as_rfc_8785_says() -> None:
    kind = Kind("dns", "splash", 'a"b\\', "\x01\n\x7fبند", 0, "", "order", 0)
    line = lines_of(Rows([kind], b"", bytes(8), bytes(4), bytes(4), b"\x01\0\0\0"))

    said = json.loads(line)
    again = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert line == again and said["rule"] == kind.rule


def test_records_of_two_days_are_apart_and_in_order(tmp_path: Path) -> None:
    times = [NIGHT_NS, NIGHT_NS - S, NIGHT_NS + S, NIGHT_NS - 2 * S]
    rows = drained(tmp_path, *[block_event(f"{at}.test", time_ns=time) for at, time in enumerate(times)])

    found = {day: [json.loads(line)["rule"] for line in lines_of(part).splitlines()] for day, part in by_day(rows)}

    last = NIGHT_NS // S // 86_400
    assert found == {last - 1: ["3.test", "1.test"], last: ["0.test", "2.test"]}


def test_a_part_of_records_has_their_lines(tmp_path: Path) -> None:
    rows = drained(tmp_path, *[block_event(f"{n % 7}.test", subscriber=n) for n in range(20)])
    lines = lines_of(rows).splitlines(keepends=True)

    for first in range(21):
        for n in range(22 - first):
            part = part_of(rows, first, n)
            assert lines_of(part) == b"".join(lines[first : first + n])
            assert len(part.kinds) == len({json.loads(line)["rule"] for line in lines[first : first + n]})
