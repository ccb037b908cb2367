"""TSIG by the rules of RFC 8945, and against dig, kdig and nsupdate.   BIND, Knot and NSD: see test_transfer."""

import base64
import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from dns.base.message import BadMessage, Question, Record, read_message, write_message
from dns.base.wire_format import AA, AXFR, NOTAUTH, QR, SOA
from dns.zones.tsig import (
    ALGORITHMS,
    AnswerChecker,
    AnswerSigner,
    BadSignature,
    Key,
    TsigError,
    VerifiedQuery,
    check_query,
    find_tsig,
    read_key,
    refusal,
    sign_query,
)

NOW = 1_800_000_000
APEX = b"\3rpz\4test\0"
SECRET = bytes(range(32))
KEY = Key(b"\1k\4test\0", "hmac-sha256", SECRET)
KEYS = {KEY.name: KEY}
QUERY = write_message(0x1234, 0, [Question(APEX, AXFR)])
ANSWER = write_message(0x1234, QR | AA, [Question(APEX, AXFR)])
Answers = Callable[[bytes, int], list[bytes]]  # a request and the time → the messages
SOA_RECORD = Record(APEX, SOA, 1, 60, b"\2ns\0\4host\0" + struct.pack(">5I", 1, 2, 3, 4, 5))


def key_of(algorithm: str, secret: bytes = SECRET) -> Key:
    return Key(KEY.name, algorithm, secret)


def refused(octets: bytes, keys: Mapping[bytes, Key] = KEYS, now_s: int = NOW) -> BadSignature:
    with pytest.raises(BadSignature) as caught:
        check_query(octets, keys, now_s)
    return caught.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_request_and_its_answer_are_believed(algorithm: str) -> None:
    key = key_of(algorithm)
    signed, mac = sign_query(QUERY, key, NOW)

    asked = check_query(signed, {key.name: key}, NOW + 299)
    answer = AnswerSigner(key, asked.mac).sign(ANSWER, NOW)
    checker = AnswerChecker(key, mac)

    assert asked == (QUERY, key, mac)
    assert checker.check(answer, NOW) == ANSWER
    checker.finish()


def test_what_is_not_signed_is_passed_on_without_a_key() -> None:
    assert check_query(QUERY, KEYS, NOW) == (QUERY, None, b"")


def test_the_id_of_a_forwarder_does_not_break_a_signature() -> None:
    signed, _ = sign_query(QUERY, KEY, NOW)

    assert check_query(b"\xab\xcd" + signed[2:], KEYS, NOW).message == b"\xab\xcd" + QUERY[2:]


def test_every_octet_of_a_signed_message_counts() -> None:
    signed, mac = sign_query(QUERY, KEY, NOW)
    for at in range(2, len(signed)):
        for bit in (0x01, 0x20):
            wrong = signed[:at] + bytes([signed[at] ^ bit]) + signed[at + 1 :]
            with contextlib.suppress(BadSignature, BadMessage):
                asked = check_query(wrong, KEYS, NOW)
                # the case of letters in the two names of the record is folded before it is digested; and a record that
                # is none of TSIG's any more leaves an unsigned request
                assert asked.key is None or (asked.mac == mac and asked.message == QUERY)


@pytest.mark.parametrize("end", range(len(sign_query(QUERY, KEY, NOW)[0])))
def test_a_signed_message_that_is_cut_off_anywhere_is_not_believed(end: int) -> None:
    with pytest.raises(BadMessage):
        check_query(sign_query(QUERY, KEY, NOW)[0][:end], KEYS, NOW)


def test_an_unknown_key_is_answered_badkey_without_a_mac() -> None:
    bad = refused(sign_query(QUERY, KEY, NOW)[0], {})
    answer = refusal(ANSWER, bad, NOW)
    tsig = find_tsig(answer)

    assert (bad.error, bad.key) == (TsigError.BADKEY, None)
    assert read_message(answer).rcode == NOTAUTH
    assert (tsig.error, tsig.mac, tsig.name) == (TsigError.BADKEY, b"", KEY.name)


def test_another_algorithm_than_the_keys_is_badkey() -> None:
    assert refused(sign_query(QUERY, key_of("hmac-sha512"), NOW)[0]).error is TsigError.BADKEY


def test_another_secret_is_badsig_without_a_mac_even_if_the_time_is_wrong_too() -> None:
    bad = refused(sign_query(QUERY, key_of("hmac-sha256", SECRET[::-1]), NOW - 9999)[0])

    assert (bad.error, bad.key) == (TsigError.BADSIG, None)
    assert find_tsig(refusal(ANSWER, bad, NOW)).mac == b""


def test_another_clock_is_badtime_and_its_answer_is_signed_and_tells_ours() -> None:
    signed, mac = sign_query(QUERY, KEY, NOW - 301)
    bad = refused(signed)
    answer = refusal(ANSWER, bad, NOW)
    tsig = find_tsig(answer)

    assert (bad.error, bad.key) == (TsigError.BADTIME, KEY)
    assert (tsig.time_s, int.from_bytes(tsig.other, "big")) == (NOW - 301, NOW)
    with pytest.raises(BadSignature, match=f"its clock is at {NOW}") as caught:
        AnswerChecker(KEY, mac).check(answer, NOW - 301)
    assert caught.value.error is TsigError.BADTIME


def test_a_shortened_mac_is_badtrunc_and_a_stub_of_one_no_message() -> None:
    signed, _ = sign_query(QUERY, KEY, NOW)

    def shortened(octets: int) -> bytes:
        tsig = find_tsig(signed)
        at = signed.index(tsig.mac)
        n_rdata = signed.index(b"\x0bhmac-sha256") - 2
        length = int.from_bytes(signed[n_rdata : n_rdata + 2], "big") - 32 + octets
        head = signed[:n_rdata] + length.to_bytes(2, "big") + signed[n_rdata + 2 : at - 2]
        return head + octets.to_bytes(2, "big") + tsig.mac[:octets] + signed[at + 32 :]

    assert check_query(shortened(32), KEYS, NOW).key == KEY
    assert refused(shortened(16)).error is TsigError.BADTRUNC
    assert refused(shortened(16)).key == KEY
    for octets in (0, 9, 15):
        with pytest.raises(BadMessage):
            check_query(shortened(octets), KEYS, NOW)


def test_a_record_that_is_not_last_or_of_another_class_or_ttl_is_a_format_error() -> None:
    signed, _ = sign_query(QUERY, KEY, NOW)
    more = signed[:10] + b"\0\2" + signed[12:] + b"\0\0\x10\0\1\0\0\0\0\0\0"
    twice, _ = sign_query(signed, KEY, NOW)
    fixed = find_tsig(signed).start + len(KEY.name)
    of_class = signed[: fixed + 3] + b"\1" + signed[fixed + 4 :]
    of_ttl = signed[: fixed + 7] + b"\1" + signed[fixed + 8 :]
    elsewhere = signed[:6] + b"\0\1" + signed[8:10] + b"\0\0" + signed[12:]
    for octets in (more, twice, of_class, of_ttl, elsewhere, signed + b"\0"):
        with pytest.raises(BadMessage):
            check_query(octets, KEYS, NOW)


def stream(n: int, signed_every: int) -> tuple[list[bytes], bytes]:
    """A stream of answers of which every so many-th is signed, and the last."""
    query, mac = sign_query(QUERY, KEY, NOW)
    prior = check_query(query, KEYS, NOW).mac
    found, since = [], b""
    for number in range(n):
        message = ANSWER[:2] + ANSWER[2:]
        if number % signed_every == 0 or number == n - 1:
            # What a signer digests is what it has sent since the last signature, too.
            signer = AnswerSigner(KEY, prior)
            signer._is_first = number == 0
            signed = _sign_behind(signer, since, message)
            prior, since = find_tsig(signed).mac, b""
            found.append(signed)
        else:
            since += message
            found.append(message)
    return found, mac


def _sign_behind(signer: AnswerSigner, since: bytes, message: bytes) -> bytes:
    if not since:
        return signer.sign(message, NOW)
    import hmac

    import dns.zones.tsig as signing

    tsig = signing._new(message, KEY, NOW)
    mac = hmac.digest(KEY.secret, signing._prefixed(signer._mac) + since + message + signing._timers(tsig), "sha256")
    return signing._append(message, tsig._replace(mac=mac))


@pytest.mark.parametrize(("n", "every"), [(1, 1), (5, 1), (250, 100), (102, 101)])
def test_a_stream_is_believed_with_at_most_99_unsigned_between(n: int, every: int) -> None:
    messages, mac = stream(n, every)
    checker = AnswerChecker(KEY, mac)

    if every == 101:
        with pytest.raises(BadSignature, match="more than 99"):
            [checker.check(each, NOW) for each in messages]
        return
    assert [checker.check(each, NOW) for each in messages] == [ANSWER] * n
    checker.finish()


def test_a_stream_that_begins_or_ends_unsigned_is_not_believed() -> None:
    messages, mac = stream(3, 100)
    with pytest.raises(BadSignature, match="the answer is not signed"):
        AnswerChecker(KEY, mac).check(ANSWER, NOW)
    checker = AnswerChecker(KEY, mac)
    [checker.check(each, NOW) for each in messages[:2]]
    with pytest.raises(BadSignature, match="the last message is not signed"):
        checker.finish()


def test_a_stream_in_another_order_or_with_a_message_changed_is_not_believed() -> None:
    messages, mac = stream(4, 1)
    checker = AnswerChecker(KEY, mac)
    checker.check(messages[0], NOW)
    with pytest.raises(BadSignature):
        checker.check(messages[2], NOW)
    messages, mac = stream(4, 100)
    checker = AnswerChecker(KEY, mac)
    checker.check(messages[0], NOW)
    checker.check(messages[1][:3] + b"\5" + messages[1][4:], NOW)
    checker.check(messages[2], NOW)
    with pytest.raises(BadSignature):
        checker.check(messages[3], NOW)


@pytest.mark.parametrize("error", [TsigError.BADKEY, TsigError.BADSIG])
def test_an_answer_that_says_that_we_are_not_believed_says_so(error: TsigError) -> None:
    signed, mac = sign_query(QUERY, KEY, NOW)
    answer = refusal(ANSWER, BadSignature(error, "", find_tsig(signed)), NOW)

    with pytest.raises(BadSignature, match="does not accept our key") as caught:
        AnswerChecker(KEY, mac).check(answer, NOW)
    assert caught.value.error is error


def test_an_answer_with_another_key_is_not_believed() -> None:
    other = Key(b"\1o\0", "hmac-sha256", SECRET)
    _, mac = sign_query(QUERY, KEY, NOW)
    with pytest.raises(BadSignature, match="signed with key o"):
        AnswerChecker(KEY, mac).check(AnswerSigner(other, mac).sign(ANSWER, NOW), NOW)


@pytest.mark.services
def test_a_key_is_read_as_the_tools_write_it() -> None:
    made = subprocess.run(["tsig-keygen", "-a", "hmac-sha384", "K.Test"], capture_output=True, text=True, check=True)
    text = base64.b64encode(SECRET).decode()

    assert read_key(made.stdout).algorithm == "hmac-sha384"
    assert read_key(made.stdout).name == b"\1k\4test\0"
    assert read_key(f"hmac-sha256:k.test.:{text}\n") == KEY
    assert "MDEy" not in repr(KEY) and repr(SECRET) not in repr(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        "hmac-md5:k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "hmac-sha256:k:AAAA",
        "hmac-sha256:k:***",
        'key "k" { algorithm hmac-sha1; secret "AAAAAAAAAAAAAAAAAAAAAAAA"; };',
        'key "k" { secret "AAAA"; };',
        "hmac-sha256:k..k:" + base64.b64encode(SECRET).decode(),
    ],
)
def test_a_key_that_is_none_is_refused_with_what_to_do_and_without_its_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"not used; \w+") as caught:
        read_key(text)
    assert "AAAA" not in str(caught.value)


# -------------------------------------------------------------------------------------------------- dig, kdig, nsupdate


@contextlib.contextmanager
def serving(kind: socket.SocketKind, answer_all: Answers) -> Iterator[int]:
    """A server that answers one request; answer_all(octets, now_s) → the messages."""
    with socket.socket(type=kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        if kind == socket.SOCK_STREAM:
            server.listen()

        def serve() -> None:
            now_s = int(time.time())
            if kind == socket.SOCK_DGRAM:
                octets, peer = server.recvfrom(65535)
                server.sendto(answer_all(octets, now_s)[0], peer)
                return
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as incoming:
                octets = incoming.read(int.from_bytes(incoming.read(2), "big"))
                for each in answer_all(octets, now_s):
                    connection.sendall(len(each).to_bytes(2, "big") + each)
                connection.shutdown(socket.SHUT_WR)
                incoming.read()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def dig(tool: str, port: int, algorithm: str, *words: str, secret: bytes = SECRET) -> str:
    key = f"{algorithm}:k.test:{base64.b64encode(secret).decode()}"
    argv = [tool, "@127.0.0.1", "-p", str(port), "-y", key, "+noedns", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=os.environ | {"HOME": "/"})
    return done.stdout + done.stderr


def answer_of(octets: bytes, asked: VerifiedQuery, record: Record = SOA_RECORD) -> bytes:
    message = read_message(asked.message)
    return write_message(message.id, QR | AA, message.questions, [record])


@pytest.mark.services
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("tool", ["dig", "kdig"])
def test_dig_and_kdig_are_believed_and_believe_us(tool: str, algorithm: str) -> None:
    key = key_of(algorithm)

    def answers(octets: bytes, now_s: int) -> list[bytes]:
        asked = check_query(octets, {key.name: key}, now_s)
        assert asked.key == key
        return [AnswerSigner(key, asked.mac).sign(answer_of(octets, asked), now_s)]

    with serving(socket.SOCK_DGRAM, answers) as port:
        said = dig(tool, port, algorithm, "rpz.test", "SOA")

    assert "NOERROR" in said and "ns. host. 1 2 3 4 5" in said
    assert not any(word in said.lower() for word in ("warning", "bad", "fail", "could"))


@pytest.mark.services
@pytest.mark.parametrize("tool", ["dig", "kdig"])
def test_dig_and_kdig_believe_a_stream_of_ours(tool: str) -> None:
    def answers(octets: bytes, now_s: int) -> list[bytes]:
        asked = check_query(octets, KEYS, now_s)
        signer = AnswerSigner(KEY, asked.mac)
        middle = [Record(b"\1%c" % (97 + n) + APEX, 1, 1, 60, bytes([192, 0, 2, n])) for n in range(5)]
        return [signer.sign(answer_of(octets, asked, each), now_s) for each in (SOA_RECORD, *middle, SOA_RECORD)]

    with serving(socket.SOCK_STREAM, answers) as port:
        said = dig(tool, port, "hmac-sha256", "rpz.test", "AXFR")

    assert said.count("192.0.2.") == 5 and said.count("SOA") >= 2
    assert not any(word in said.lower() for word in ("warning", "failed", "could"))


@pytest.mark.services
@pytest.mark.parametrize(("tool", "word"), [("dig", "BADSIG"), ("kdig", "BADSIG")])
def test_dig_and_kdig_are_told_why_they_are_refused(tool: str, word: str) -> None:
    def answers(octets: bytes, now_s: int) -> list[bytes]:
        with pytest.raises(BadSignature) as caught:
            check_query(octets, KEYS, now_s)
        message = read_message(octets)
        return [refusal(write_message(message.id, QR, message.questions), caught.value, now_s)]

    with serving(socket.SOCK_DGRAM, answers) as port:
        said = dig(tool, port, "hmac-sha256", "rpz.test", "SOA", "+retry=0", "+time=3", secret=SECRET[::-1])

    assert word in said


@pytest.mark.services
def test_nsupdate_is_believed() -> None:
    found = []

    def answers(octets: bytes, now_s: int) -> list[bytes]:
        asked = check_query(octets, KEYS, now_s)
        found.append(asked.key)
        return [AnswerSigner(KEY, asked.mac).sign(asked.message[:2] + b"\xa8\0" + bytes(8), now_s)]

    with serving(socket.SOCK_DGRAM, answers) as port:
        key = f"hmac-sha256:k.test:{base64.b64encode(SECRET).decode()}"
        text = f"server 127.0.0.1 {port}\nzone rpz.test\nupdate add a.rpz.test 60 A 192.0.2.1\nsend\n"
        done = subprocess.run(["nsupdate", "-y", key], input=text, capture_output=True, text=True, timeout=60)

    assert found == [KEY]
    assert (done.returncode, done.stderr) == (0, "")
