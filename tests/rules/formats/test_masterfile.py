import pytest

from rules.formats.masterfile import count_open, parse_ttl, read_record, split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"a  A 192.0.2.1\n", [b"a", b"A", b"192.0.2.1"]),
        (b'a TXT "b ; (c)" ; d', [b"a", b"TXT", b'"b ; (c)"']),
        (b"a SOA (\n1 ; serial\n2 )", [b"a", b"SOA", b"1", b"2"]),
        (b"; nothing", []),
        (b"", []),
        (b'a "b', None),
        (b'a TXT "\\"" c', [b"a", b"TXT", b'"\\""', b"c"]),
    ],
)
def test_a_line_is_its_words_without_comments_and_parentheses(line: bytes, words: list[bytes] | None) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize(
    ("line", "n"),
    [(b"a ( b", 1), (b"a ) b", -1), (b"a (b) c", 0), (b'a "(" b', 0), (b"a ; (", 0), (b"((", 2)],
)
def test_open_parentheses_are_counted_where_they_are_some(line: bytes, n: int) -> None:
    assert count_open(line) == n


@pytest.mark.parametrize(
    ("words", "rtype", "ttl_s"),
    [
        (b"A 192.0.2.1", b"A", 9),
        (b"IN a 192.0.2.1", b"A", 9),
        (b"300 A x", b"A", 300),
        (b"300 IN A x", b"A", 300),
        (b"IN 1h A x", b"A", 3600),
    ],
)
def test_ttl_and_class_may_stand_before_the_type(words: bytes, rtype: bytes, ttl_s: int) -> None:
    record = read_record(words.split(), 9)

    assert record is not None
    assert (record.rtype, record.ttl_s, len(record.words)) == (rtype, ttl_s, 1)


@pytest.mark.parametrize("words", [[], [b"A"], [b"300"], [b"300", b"IN"], [b"*", b"A"]])
def test_without_type_and_data_there_is_no_record(words: list[bytes]) -> None:
    assert read_record(words, 9) is None


@pytest.mark.parametrize(
    ("word", "ttl_s"),
    [(b"0", 0), (b"300", 300), (b"5m", 300), (b"1H30M", 5400), (b"1w", 604800), (b"9" * 30, 2**31 - 1), (b"x", 0)],
)
def test_a_ttl_is_read_with_units_and_is_never_more_than_31_bits(word: bytes, ttl_s: int) -> None:
    assert parse_ttl(word) == ttl_s
