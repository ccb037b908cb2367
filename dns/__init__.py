"""The DNS front around fastpath.dns.loop: sockets, streams, upstreams, and how blocks are answered."""

from dns.answers import AnswerPolicy, Splash
from dns.errors import UpstreamFailed, UpstreamIsOurselves
from dns.front import DnsFront, serve
from dns.upstreams.endpoints import Endpoint, parse_endpoint

__all__ = [
    "AnswerPolicy",
    "DnsFront",
    "Endpoint",
    "Splash",
    "UpstreamFailed",
    "UpstreamIsOurselves",
    "parse_endpoint",
    "serve",
]
