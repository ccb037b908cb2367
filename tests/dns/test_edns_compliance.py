"""ISC's EDNS compliance tests (ednscomp.isc.org), each with dig as ISC runs it, against a front with a resolver."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from support.dns.front import Serving

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront

# (ISC's name, dig's options, status, version of the answer's EDNS, what must be there, what must not)
TABLE = [
    ("dns", "+noedns +noad +norec", "NOERROR", None, "", "OPT PSEUDOSECTION"),
    ("aa", "+noedns +noad +norec", "NOERROR", None, "", ""),
    ("ad", "+noedns +norec +ad", "NOERROR", None, "", "OPT PSEUDOSECTION"),
    ("cd", "+noedns +norec +cd", "NOERROR", None, "", "OPT PSEUDOSECTION"),
    ("rd", "+noedns +noad +rec", "NOERROR", None, "flags:[^;]* rd", "OPT PSEUDOSECTION"),
    ("zflag", "+noedns +noad +norec +zflag", "NOERROR", None, "", "MBZ"),
    ("opcode", "+noedns +noad +norec +header-only +opcode=15", "NOTIMP", None, "", ""),
    ("opcode with edns", "+edns=0 +nocookie +noad +norec +opcode=15", "NOTIMP", 0, "", ""),
    ("edns", "+edns=0 +nocookie +noad +norec", "NOERROR", 0, "", ""),
    ("edns1", "+edns=1 +noednsneg +nocookie +noad +norec", "BADVERS", 0, "", r"\bIN\s+A\s+\d"),
    ("edns@512", "+edns=0 +nocookie +noad +norec +ignore +bufsize=512 +dnssec", "NOERROR", 0, "", ""),
    ("ednsopt", "+edns=0 +nocookie +noad +norec +ednsopt=100", "NOERROR", 0, "", "OPT=100"),
    ("edns1opt", "+edns=1 +noednsneg +nocookie +noad +norec +ednsopt=100", "BADVERS", 0, "", "OPT=100"),
    ("do", "+edns=0 +nocookie +noad +norec +dnssec", "NOERROR", 0, "flags: do", ""),
    ("docookie", "+edns=0 +cookie +noad +norec +dnssec", "NOERROR", 0, "flags: do", ""),
    ("edns1do", "+edns=1 +noednsneg +nocookie +noad +norec +dnssec", "BADVERS", 0, "", r"\bIN\s+A\s+\d"),
    ("ednsflags", "+edns=0 +nocookie +noad +norec +ednsflags=0x80", "NOERROR", 0, "", "MBZ"),
    ("edns1flags", "+edns=1 +noednsneg +nocookie +noad +norec +ednsflags=0x80", "BADVERS", 0, "", "MBZ"),
    (
        "optlist",
        "+edns=0 +noad +norec +nsid +subnet=0.0.0.0/0 +expire +cookie +keepalive",
        "NOERROR",
        0,
        "",
        "CLIENT-SUBNET",
    ),
    ("ednstcp", "+edns=0 +nocookie +noad +norec +tcp", "NOERROR", 0, "", ""),
    ("dnstcp", "+noedns +noad +norec +tcp", "NOERROR", None, "", "OPT PSEUDOSECTION"),
    ("bind11", "+edns=0 +noad +norec +nsid +cookie +subnet=0.0.0.0/0", "NOERROR", 0, "", "CLIENT-SUBNET"),
]


@pytest.fixture
async def front(serving: Serving, unbound: Endpoint) -> AsyncIterator[DnsFront]:
    async with serving((), (unbound,)) as opened:
        yield opened


@pytest.mark.services
@pytest.mark.parametrize(
    ("options", "status", "version", "wanted", "unwanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
async def test_the_front_is_edns_compliant(
    front: DnsFront, options: str, status: str, version: int | None, wanted: str, unwanted: str
) -> None:
    host, port = front.bound[0]
    said = await _dig(f"@{host}", "-p", str(port), "+tries=1", "+time=20", *options.split(), "www.free.test", "A")

    assert f"status: {status}," in said, said
    assert (f"EDNS: version: {version}," in said) is (version is not None), said
    assert re.search(wanted, said), said
    assert not unwanted or not re.search(unwanted, said), said


async def _dig(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "dig", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()
