import asyncio

import pytest

from dns.base.length_prefix import MAX_MESSAGE_OCTETS, framed, read_framed


def reader_of(octets: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(octets)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize("message", [b"", b"x", bytes(255), bytes(256), bytes(MAX_MESSAGE_OCTETS)])
async def test_what_is_written_is_read_back(message: bytes) -> None:
    reader = reader_of(framed(message) * 2)

    assert [await read_framed(reader), await read_framed(reader)] == [message, message]


@pytest.mark.parametrize("n", range(5))
async def test_a_stream_that_ends_inside_a_message_is_said_so(n: int) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await read_framed(reader_of(framed(b"abc")[:n]))


async def test_a_message_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ValueError, match="message: 4 octets; not read; at most 3 are accepted"):
        await read_framed(reader_of(b"\0\4"), 3)
