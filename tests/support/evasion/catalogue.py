"""The catalogue of evasions: what each is, who does it, how the gate answers; docs/reference/evasions.md is made of it.

How a number is played, the page counts in the rows of rows.py; other tests that play it are named here.
"""

from typing import NamedTuple


class Evasion(NamedTuple):
    """One number of the catalogue.

    who      programs that do it
    result   won, policy or lost, as the page explains
    tests    that play it, other than the rows"""

    what: str
    who: str
    result: str
    answer: str
    tests: tuple[str, ...] = ()


class Chapter(NamedTuple):
    """Evasions of one kind, by their numbers, and what more there is to say of them."""

    title: str
    evasions: dict[str, Evasion]
    notes: str


CHAPTERS = (
    Chapter(
        "TCP: segmentation and order",
        {
            "E01": Evasion(
                "the hello in two to hundreds of pieces",
                "zapret, tpws, GoodbyeDPI, byedpi, SpoofDPI, DPYProxy",
                "won",
                "pieces are forwarded; the one that completes the name is judged",
            ),
            "E02": Evasion(
                "a hello in two segments because of its large key share",
                "Chrome, Firefox, Go, curl",
                "won",
                "ordinary browser traffic, not an evasion",
                ("test_real_clients",),
            ),
            "E03": Evasion(
                "pieces out of order, or the first one lost at first",
                "zapret, GoodbyeDPI, byedpi, youtubeUnblock",
                "won",
                "reassembly",
            ),
            "E04": Evasion(
                "octets before the start of the stream, or overlapping pieces",
                "zapret",
                "won",
                "one content for each sequence number",
            ),
            "E05": Evasion("the name sent again with other octets", "Geneva", "won", "as E04"),
            "E06": Evasion("duplicates", "zapret", "won", "identical octets change nothing"),
            "E07": Evasion(
                "a tiny window, so that the server's answer is cut",
                "zapret, tpws, byedpi",
                "won",
                "nothing depends on the server's side",
            ),
            "E08": Evasion("urgent data", "tpws, byedpi", "won", "such packets are dropped; no web client sends them"),
            "E09": Evasion(
                "long pauses", "byedpi", "won", "a flow is kept for five minutes of silence, see below", ("test_gate",)
            ),
            "E10": Evasion(
                "data on the SYN, TCP Fast Open",
                "zapret, byedpi, youtubeUnblock",
                "won",
                "a SYN with data is dropped; its client repeats it without, see below",
            ),
            "E11": Evasion(
                "simultaneous open, a split handshake, a SYN/ACK of the client's",
                "zapret",
                "won",
                "see below",
                ("test_openings",),
            ),
            "E12": Evasion(
                "wait until the gateway forgets the connection, then send the hello",
                "by hand",
                "won",
                "that hello is blocked, see below",
            ),
        },
        """\
**E09.** A hello whose start was forgotten while it was incomplete is blocked.

**E10.** A tap and `filterd inspect` read the data of a SYN when the server has acknowledged it.

**E11.** A SYN from the server's side behind its client's, and a SYN/ACK from the client's, are dropped
(`filterd/kernel/ruleset.py`); where the server's SYN comes first and the client's second, the connection is blocked. So
neither both ends open a connection, nor does a server split its SYN/ACK into an ACK and a SYN (`synack` of zapret is
a SYN/ACK in front of the SYN).

**E12.** A hello in a connection whose SYN/ACK was not seen is blocked, for any name and wherever in the received
octets it starts. Its client opens another connection. A connection that is past its hello goes on. A segment that is
not adjacent to what came before is blocked until the server has spoken. Over HTTP, where connections live long, the
octets are read as a new start, and no length that they claim is believed. Behind 96 KiB of other octets,
`gate.when_undecidable` decides; with asymmetric routing a connection over TLS is searched as long as it lives.""",
    ),
    Chapter(
        "Decoys: packets meant for the gate alone",
        {
            "E13": Evasion(
                "a false hello whose TTL ends before the server",
                "zapret, GoodbyeDPI, byedpi, SpoofDPI, youtubeUnblock",
                "won",
                "the decoy was forwarded, so the real octets contradict it",
            ),
            "E14": Evasion(
                "a wrong checksum",
                "zapret, GoodbyeDPI, byedpi, youtubeUnblock",
                "won",
                "the kernel drops it, see below",
            ),
            "E15": Evasion(
                "sequence or acknowledgement numbers out of window",
                "zapret, GoodbyeDPI, youtubeUnblock",
                "won",
                "positions count from the number that the server acknowledged",
            ),
            "E16": Evasion("the TCP MD5 option", "zapret, byedpi", "won", "dropped"),
            "E17": Evasion("an old timestamp", "zapret, youtubeUnblock", "won", "dropped, or as E13"),
            "E18": Evasion("no ACK flag, odd flags", "zapret", "won", "dropped"),
            "E19": Evasion("a forged RST or FIN", "zapret, Geneva", "won", "none releases a connection"),
            "E20": Evasion("false pieces between real ones", "zapret", "won", "as E13, octet by octet"),
            "E21": Evasion("a false hello whose padding covers the real one", "zapret", "won", "as E13"),
            "E22": Evasion("junk first", "zapret", "won", "as E13"),
            "E23": Evasion("unusual IP identifications", "zapret", "won", "not looked at"),
        },
        """\
**E14.** `net.netfilter.nf_conntrack_checksum` must be 1; `filterd doctor` checks it.""",
    ),
    Chapter(
        "IP",
        {
            "E24": Evasion(
                "fragments: small, reversed, overlapping",
                "zapret, youtubeUnblock",
                "won",
                "the kernel reassembles them first",
            ),
            "E25": Evasion(
                "IPv6 extension headers, fragments within a fragment", "zapret", "won", "the chain is walked, see below"
            ),
            "E26": Evasion("IPv4 options", "by hand", "won", "the header length is used"),
            "E27": Evasion("octets behind the packet", "by hand", "won", "lengths are IP's"),
            "E28": Evasion(
                "a tunnel (GRE, 6in4, Teredo, VXLAN, L2TP)",
                "tunnels of any kind",
                "lost",
                "filter behind the end of your own tunnels; a subscriber's own is E65, or drop 6in4 and GRE",
            ),
            "E29": Evasion(
                "the server's packets take another path",
                "the network itself",
                "won",
                "`gate.routing: asymmetric`, see below",
                ("test_asymmetric",),
            ),
        },
        """\
**E25.** Hosts drop a second hop-by-hop header. Linux takes a packet with such a header and no length to its end; so
does the gate, and what it cannot read is dropped. The kernel reassembles once: what is a fragment even then is dropped,
as it would leave as an ordinary one, for its server to reassemble.

**E29.** Every row of this page is also played with half of each connection. The client's SYN alone then says where
its octets start. Behind a second SYN with another number, what stands where the first one's octets may be is
blocked. Every packet of a *client* must cross one gateway, so share the load by the subscriber's address.""",
    ),
    Chapter(
        "State and resources",
        {
            "E30": Evasion(
                "hundreds of decoys before the hello",
                "zapret",
                "won",
                "a flow is released by a verdict, never by a count",
            ),
            "E31": Evasion(
                "very long hellos and request heads",
                "tpws, DPYProxy",
                "won up to 64 KiB",
                "beyond that, `gate.when_undecidable` decides",
            ),
            "E32": Evasion(
                "floods of incomplete hellos and of QUIC Initials",
                "floods",
                "policy",
                "each client has its own budget, see below",
                ("test_gate",),
            ),
            "E33": Evasion(
                "a spoofed hello that gets another client's flow blocked",
                "floods",
                "won",
                "a flow is blocked, never a pair of hosts; drop spoofed sources at the edge (BCP 38)",
            ),
        },
        """\
**E32.** Each client has a share of memory and a number of Initials a second. Beyond them its own flows are blocked,
and no other client's. Packets that overflow the gate's queue pass uninspected, unless `gate.when_overloaded` is
closed.

**More than one packet's worth.** `tests/kernel/test_escapes.py` plays what needs several connections, another hand,
or time: a port that is used again, packets in the server's name, an entry of connection tracking that starts the
wrong way round, memory that runs out, halves between which the kernel forgets or the gate is restarted, Multipath
TCP, SYN cookies, several datagrams in one packet, an operator's `notrack` rule. Each is served without a gate, and is
played with both routings under both policies. So are honest clients that look odd: keep-alives of one octet, early
data, many QUIC connections of one port, another subscriber's flood.""",
    ),
    Chapter(
        "TLS",
        {
            "E34": Evasion(
                "records of one octet, or split inside the name",
                "tpws, byedpi, DPYProxy, Xray, sing-box",
                "won",
                "records are concatenated",
            ),
            "E35": Evasion("odd record versions", "byedpi, DPYProxy", "won", "the minor version is ignored"),
            "E36": Evasion(
                "alerts, change_cipher_spec and empty records in front and between", "by hand", "won", "stepped over"
            ),
            "E37": Evasion(
                "capital letters, a trailing dot, a port, several names, malformed lists", "by hand", "won", "see below"
            ),
            "E38": Evasion("the name last, extensions in any order", "Chrome", "won", "the whole hello is parsed"),
            "E39": Evasion(
                "no name at all",
                "old clients, `curl https://ADDRESS`",
                "policy",
                "`gate.when_undecidable`; address lists in DNS stop a client that asked there",
                ("test_gate",),
            ),
            "E40": Evasion(
                "another name in the second hello, after a HelloRetryRequest", "by hand", "won", "every hello is judged"
            ),
            "E41": Evasion(
                "renegotiation under encryption",
                "by hand",
                "lost",
                "few TLS 1.2 servers allow it, and DNS was asked before",
            ),
            "E42": Evasion(
                "a false name to a cooperating server (domain fronting, Reality)",
                "Xray",
                "lost",
                "list the server's address, or the front's name if nothing else is behind it",
            ),
            "E43": Evasion(
                "another name over an open connection (coalescing)",
                "browsers",
                "lost",
                "most browsers ask DNS first, where the same list applies",
            ),
            "E44": Evasion(
                "Encrypted Client Hello", "Chrome, Firefox", "lost in packets", "DNS removes the keys, see below"
            ),
            "E45": Evasion(
                "the old ESNI extension",
                "old Firefox",
                "policy",
                "the plain name in the same hello is judged; no current browser sends it",
            ),
        },
        """\
**E37.** Any listed name blocks. For what is not a name, `gate.when_undecidable` decides.

**E44.** filterd removes ECH keys from DNS answers, and browsers then send the name; refuse foreign resolvers (E66).
Nearly every hello carries a decoy of the extension (GREASE), so it is never a reason to block.""",
    ),
    Chapter(
        "QUIC",
        {
            "E46": Evasion(
                "CRYPTO frames shuffled, repeated, overlapping",
                "Chrome, quic-go, Firefox",
                "won",
                "reassembly; Chromium does it",
                ("test_real_clients",),
            ),
            "E47": Evasion(
                "a hello over several datagrams, in any order, from several ports",
                "Chrome, curl",
                "won",
                "reassembly by connection ID",
            ),
            "E48": Evasion(
                "other packets in the same datagram", "QUIC clients", "won", "every packet of the datagram is read"
            ),
            "E49": Evasion(
                "other versions",
                "by hand",
                "won for 1, 2 and draft-29",
                "unknown: `gate.when_undecidable`; a refused client uses TCP",
            ),
            "E50": Evasion(
                "connection IDs of any length, changed, after a Retry",
                "by hand",
                "won",
                "keys of each ID, and those kept for the ports",
            ),
            "E51": Evasion(
                "Initials that are too small, truncated, or have a wrong tag",
                "by hand",
                "won",
                "no server accepts them, and they end nothing",
            ),
            "E52": Evasion(
                "decoys first",
                "zapret, byedpi, SpoofDPI, youtubeUnblock",
                "won",
                "every Initial is opened for as long as the flow lives",
            ),
            "E53": Evasion(
                "wrong checksums, fragments", "zapret, youtubeUnblock", "won", "the kernel drops and reassembles"
            ),
            "E54": Evasion("a source port below the destination's", "by hand", "won", "ports are not compared"),
            "E55": Evasion("another port", "by hand", "won for known versions", "they are queued at any port"),
            "E56": Evasion(
                "a connection that moved to another address, 0-RTT",
                "phones that change networks",
                "won for the hello",
                "it is in an Initial even then, see below",
            ),
            "E57": Evasion("QUIC is refused", "–", "–", "`gate.quic: refuse` tells clients at once, and they use TCP"),
        },
        """\
**E56.** A connection that started on another network and has moved here shows no name. A lock cuts it; a list does
not.""",
    ),
    Chapter(
        "HTTP",
        {
            "E58": Evasion(
                "case and white space around Host", "zapret, GoodbyeDPI, byedpi, DPYProxy", "won", "a tolerant parser"
            ),
            "E59": Evasion(
                "a dot, a port, absolute form, several hosts, fillers, folded lines",
                "tpws, DPYProxy",
                "won",
                "every reading of a request is judged",
            ),
            "E60": Evasion(
                "junk in front, LF alone, unknown methods, HTTP/0.9",
                "tpws, GoodbyeDPI, DPYProxy",
                "won",
                "a tolerant parser",
            ),
            "E61": Evasion(
                "requests in pieces, on kept connections, pipelined, behind bodies",
                "zapret, GoodbyeDPI",
                "won",
                "every request is judged",
            ),
            "E62": Evasion(
                "URLs spelled in another way",
                "by hand",
                "won",
                "one canonical form for lists; a request with `..` is read in each way that servers read it",
                ("tests/fastpath/gate/test_http_request.py",),
            ),
            "E63": Evasion(
                "a request hidden in a body, CONNECT",
                "DPYProxy",
                "won",
                "a body of uncertain length is searched line by line",
            ),
            "E64": Evasion(
                "HTTP/2 without TLS, TLS and HTTP at other ports",
                "by hand",
                "policy",
                "HTTP/2 is blocked unless `gate.h2c: pass`, an offer of it (`Upgrade: h2c`) is hidden from its server,"
                " see below; ports are `gate.tls_ports` and `gate.http_ports`",
            ),
        },
        """\
**E63.** Ten servers were asked what they take for a request in a body. In one whose length is plain, or that is in
plain chunks, none goes on behind a line that is no request. A server that reads no bodies takes the first line: so it
is read as a whole line (R3), and quotations pass.

**E64.** curl with `--http2`, and Java's HttpClient by default, offer HTTP/2 in their first request. It goes on in a
copy in which the offer names a protocol that no server knows, so its server answers in HTTP/1.1. A head that comes in
pieces, behind another in one segment, in front of octets that are not judged, or in a packet of more than 1,460 octets,
goes on as it is: if its server takes the offer, what follows is blocked. With asymmetric routing the copy counts as
what was forwarded, so a decoy SYN behind it hides nothing.""",
    ),
    Chapter(
        "Above the packets",
        {
            "E65": Evasion(
                "VPN, Tor, proxies, MASQUE, SSH",
                "VPN and Tor clients",
                "lost",
                "lists of their names and server addresses, if the law asks for it",
            ),
            "E66": Evasion(
                "other resolvers; DNS over TLS, HTTPS, QUIC",
                "GoodbyeDPI, DPYProxy, browsers",
                "policy",
                "redirect, refuse, and list them, see below",
            ),
            "E67": Evasion(
                "addresses instead of names, /etc/hosts",
                "by hand",
                "won if a name is sent",
                "it is still in the hello or the Host; otherwise E39",
            ),
            "E68": Evasion(
                "learn what is listed by its effect",
                "by hand",
                "policy",
                "every block looks the same, and only subscribers see one",
            ),
            "E69": Evasion(
                "a listed domain that points to another owner's address",
                "owners of domains",
                "won",
                "the gate blocks names, never an address that a name led to",
            ),
            "E70": Evasion(
                "our resets are ignored",
                "GoodbyeDPI, iptables",
                "won",
                "the packets themselves are dropped; resets only save time",
            ),
        },
        """\
**E66.** `dns.redirect_foreign`, `dns.refuse_foreign_dot`, and a list of DoH names and addresses: see
[circumvention.md](../operate/circumvention.md).""",
    ),
)
