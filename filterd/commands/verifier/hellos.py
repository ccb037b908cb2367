"""The first octets of a client, for any name: made by libraries that filterd's own readers have nothing in common with.

Source: ssl (OpenSSL) writes the ClientHello, aioquic the QUIC Initials.
"""

import contextlib
import ssl

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

ANYWHERE = ("192.0.2.1", 443)  # QuicConnection asks for a peer, and sends nothing itself


def client_hello(name: str) -> bytes:
    """A TLS ClientHello with this server name, as one record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):  # it has said its hello, and waits for an answer
        session.do_handshake()
    return outgoing.read()


def quic_initials(name: str) -> list[bytes]:
    """The datagrams with which a QUIC client begins; the name may be in any of them."""
    connection = QuicConnection(
        configuration=QuicConfiguration(is_client=True, server_name=name, alpn_protocols=["h3"], verify_mode=0)
    )
    connection.connect(ANYWHERE, now=0.0)
    return [datagram for datagram, _ in connection.datagrams_to_send(now=0.0)]


def http_request(host: str, target: str) -> bytes:
    """An HTTP/1.1 request."""
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii")
