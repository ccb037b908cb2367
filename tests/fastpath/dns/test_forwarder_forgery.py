"""What somebody has to guess who answers a query without having seen it, and what comes of guesses."""

import math
from collections import Counter
from contextlib import ExitStack

import pytest
from dnslib import DNSRecord
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.dns.streamed_bench import Streamed
from support.images.opened import Images

OPT_OCTETS = 11
COMMON = ("www.google.com", "www.youtube.com", "example.com", "graph.facebook.com", "www.bbc.co.uk")
EPHEMERAL_PORTS = 60999 - 32768 + 1  # Linux, net.ipv4.ip_local_port_range
WANTED_BITS = 40


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Streamed:
    return Streamed(images, stack, cache_octets=0)


def taken(bench: Bench) -> tuple[bytes, tuple[str, int]]:
    """The next query as the upstream gets it, and its socket."""
    return bench.upstream.recvfrom(4096)


def lower(message: bytes) -> bytes:
    """The answer with one address to a query, its question in lower case."""
    answer = with_address(DNSRecord.parse(message))
    end = len(message) - OPT_OCTETS - 4
    return answer[:12] + answer[12:end].lower() + answer[end:]


def letters_of(message: bytes) -> bytes:
    return bytes(octet for octet in message[12 : -OPT_OCTETS - 4] if octet >= 65 and chr(octet).isalpha())


def test_the_letters_of_a_question_are_in_random_case_and_the_client_gets_its_own(bench: Streamed) -> None:
    seen = set()
    for _ in range(12):
        query = bench.ask("wWw.FREE.test")
        message, sender = taken(bench)
        seen.add(letters_of(message))
        bench.reply(with_address(DNSRecord.parse(message)), sender)
        answer = bench.answer()
        assert (answer.header.id, str(answer.q.qname)) == (query.header.id, "wWw.FREE.test.")
        assert str(answer.a.rname) == "wWw.FREE.test."

    assert {each.lower() for each in seen} == {b"wwwfreetest"}
    assert len(seen) > 6


def test_an_answer_in_other_letters_is_not_believed_and_the_question_is_asked_over_a_stream(bench: Streamed) -> None:
    bench.ask("www.free.test")
    message, sender = taken(bench)
    swapped = message[:12] + message[12:-15].swapcase() + message[-15:]
    bench.reply(with_address(DNSRecord.parse(swapped), "203.0.113.66"), sender)

    assert says_nothing(bench.clients[0])
    bench.say(with_address(bench.streamed()))
    assert str(bench.answer().a.rdata) == "198.51.100.1"
    assert bench.counted("dns_other_case", "dns_tcp_fallbacks") == (1, 1)


def test_an_upstream_that_answers_in_lower_case_is_noticed_and_asked_in_it(bench: Streamed) -> None:
    for number in range(8):
        bench.ask(f"www{number}.free.test")
        message, sender = taken(bench)
        assert bench.loop.without_case() == []
        bench.reply(lower(b"%b%b" % (message[:12], message[12:-15].swapcase() + message[-15:])), sender)
        bench.say(with_address(bench.streamed()))
        assert str(bench.answer().a.rdata) == "198.51.100.1"

    assert bench.loop.without_case() == [0]
    bench.ask("last.free.test")
    message, sender = taken(bench)
    assert letters_of(message) == b"lastfreetest"
    bench.reply(lower(message), sender)
    assert str(bench.answer().a.rdata) == "198.51.100.1"

    bench.ahead_s = 601
    bench.ask("again.a-name-with-more-letters.free.test")
    message, _ = taken(bench)
    assert bench.loop.without_case() == []
    assert letters_of(message) != letters_of(message).lower()


def test_forged_answers_between_right_ones_do_not_make_an_upstream_lose_its_case(bench: Streamed) -> None:
    for number in range(20):
        bench.ask(f"www{number}.free.test")
        message, sender = taken(bench)
        if number % 5 == 4:
            bench.reply(with_address(DNSRecord.parse(message)), sender)
        else:
            bench.reply(
                with_address(DNSRecord.parse(message[:12] + message[12:-15].swapcase() + message[-15:])), sender
            )
            bench.say(with_address(bench.streamed()))
        bench.answer()

    assert bench.loop.without_case() == []


def guesses(message: bytes, n: int) -> list[bytes]:
    """Answers to a query under `n` ids that it does not have."""
    right = int.from_bytes(message[:2], "big")
    answer = with_address(DNSRecord.parse(message), "203.0.113.66")
    return [((right + 1 + number) & 0xFFFF).to_bytes(2, "big") + answer[2:] for number in range(n)]


def test_after_twenty_wrong_answers_a_question_is_asked_over_a_stream_alone(bench: Streamed) -> None:
    bench.ask("www.free.test")
    message, sender = taken(bench)
    for guess in guesses(message, 19):
        bench.reply(guess, sender)
    assert bench.counted("dns_forgery_suspected") == (0,)
    bench.reply(guesses(message, 20)[-1], sender)

    asked = bench.streamed()
    bench.reply(with_address(DNSRecord.parse(message), "203.0.113.66"), sender)  # the right guess, too late
    assert says_nothing(bench.clients[0])
    bench.say(with_address(asked))
    assert str(bench.answer().a.rdata) == "198.51.100.1"
    assert bench.counted("dns_forgery_suspected", "dns_upstream_late") == (1, 21)


def test_guesses_at_one_question_leave_the_others_alone(bench: Streamed) -> None:
    bench.ask("www.free.test")
    message, _ = taken(bench)
    bench.ask("other.free.test")
    other, other_sender = taken(bench)
    for guess in guesses(message, 20):
        bench.reply(guess, other_sender)

    bench.reply(with_address(DNSRecord.parse(other)), other_sender)
    assert str(bench.answer().q.qname) == "other.free.test."
    assert bench.counted("dns_forgery_suspected") == (1,)


def test_without_a_stream_a_question_that_is_guessed_at_is_asked_anew(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    bench.ask("www.free.test")
    message, sender = taken(bench)
    for guess in guesses(message, 20):
        bench.reply(guess, sender)

    again, sender = taken(bench)
    assert again[:2] != message[:2]
    bench.reply(with_address(DNSRecord.parse(again)), sender)
    assert str(bench.answer().a.rdata) == "198.51.100.1"


def test_however_many_clients_wait_one_question_is_at_one_upstream_once(bench: Streamed) -> None:
    queries = [DNSRecord.question("www.free.test") for _ in range(100)]
    for number, query in enumerate(queries):
        query.header.id = number
        bench.send(bytes(query.pack()))
    message, sender = taken(bench)
    assert says_nothing(bench.upstream)

    bench.reply(with_address(DNSRecord.parse(message)), sender)
    assert sorted(bench.answer().header.id for _ in queries) == list(range(100))


def test_a_forger_has_forty_bits_to_guess_of_names_of_ten_letters(bench: Streamed) -> None:
    """Every part is drawn evenly: ids and ports rarely twice, each letter in either case half of the time."""
    n = 300
    ids: list[int] = []
    ports: set[int] = set()
    upper: Counter[str] = Counter()
    for number in range(n):
        name = COMMON[number % len(COMMON)]
        bench.ask(name, "TXT")
        message, sender = taken(bench)
        ids.append(int.from_bytes(message[:2], "big"))
        ports.add(sender[1])
        upper[name] += sum(chr(octet).isupper() for octet in letters_of(message))
        bench.reply(with_address(DNSRecord.parse(message)), sender)
        bench.answer()
        bench.loop.rotate()
        bench.turn(0)

    assert len(set(ids)) > n - 15  # of 65,536: less than one pair meets by chance
    assert sum(number >> 15 for number in ids) in range(n // 2 - 60, n // 2 + 60)
    assert len(ports) > n // 3
    for name in COMMON:
        n_letters = sum(map(str.isalpha, name))
        assert 0.4 < upper[name] / (n / len(COMMON) * n_letters) < 0.6
    bits = {name: 16 + math.log2(EPHEMERAL_PORTS) + sum(map(str.isalpha, name)) for name in COMMON}
    assert min(bits.values()) >= WANTED_BITS, bits
