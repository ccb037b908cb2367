"""A handshake by aioquic.   python quic_client.py NAME ADDRESS SECONDS [2];  prints connected, or why it is not.

With 2 it begins in version 2, and goes on in version 1 where its server wants that, under the same connection ID.
"""

import asyncio
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion


async def main(name: str, address: str, patience_s: float, is_second: bool) -> str:
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE)
    if is_second:
        configuration.original_version = QuicProtocolVersion.VERSION_2
    try:
        async with asyncio.timeout(patience_s), connect(address, 443, configuration=configuration):
            return "connected"
    except (TimeoutError, ConnectionError) as fault:
        return repr(fault)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:] == ["2"])))
