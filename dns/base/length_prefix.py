"""DNS message framing on streams: two octets of length before each message.

Source: RFC 1035 §4.2.2, RFC 7766 §8.
"""

import asyncio
from typing import Final

MAX_MESSAGE_OCTETS: Final = 65535  # what the length can say


def framed(message: bytes) -> bytes:
    """Prefix `message` with its length."""
    return len(message).to_bytes(2, "big") + message


async def read_framed(reader: asyncio.StreamReader, max_octets: int = MAX_MESSAGE_OCTETS) -> bytes:
    """Read the next message.

    Raises IncompleteReadError where the stream ends first, ValueError for a message of more than `max_octets`."""
    length = int.from_bytes(await reader.readexactly(2), "big")
    if length > max_octets:
        raise ValueError(f"message: {length} octets; not read; at most {max_octets} are accepted")
    return await reader.readexactly(length)
