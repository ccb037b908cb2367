"""Every counter of a worker: its name, what it counts, what a rise means and what to do about it.

`make docs` makes the C numbers (counter_numbers.pxd) and the page docs/reference/counters.md from this table.
Invariants: a row's place is its word in a counters file, which outlives an upgrade: append rows, never move or remove
one.  The first word of a name (dns, gate, tap, radius) is its chapter on the page; all others are in "General".
"""

from fastpath.report.counter import Counter
from fastpath.report.radius_counters import RADIUS

# By their numbers: fastpath/report/counters.pxd counts on it.
RCODES = {
    "noerror": "Normal: the larger part of all answers. Blocked names that lead to the splash are among them.",
    "formerr": "Broken clients or a scan: see `dns_malformed`.",
    "servfail": "Upstreams that fail or are away: see `dns_given_up` and `dns_no_upstream`; or broken domains. "
    "A worker that is closed without images answers SERVFAIL, too.",
    "nxdomain": "Normal, blocked names too. A jump is a misconfigured program, or an attack with random names.",
    "notimp": "Programs that send updates or notifications to this resolver. Find them in a capture.",
    "refused": "Strangers ask, or clients that `/dns/clients` does not have: see `dns_not_ours`.",
    "other": "An upstream gives unusual answers. Look at a capture of its answers.",
}
SLOW = "Slow upstreams, or a path that loses packets. Check both."
TIMES = {
    "1ms": ("within 1 ms of", "Normal: answers that upstreams had in their caches."),
    "4ms": ("within 1 to 4 ms of", "Normal: answers that upstreams had in their caches."),
    "16ms": ("within 4 to 16 ms of", "Normal."),
    "64ms": ("within 16 to 64 ms of", "Normal: upstreams that ask others."),
    "256ms": (
        "within 64 to 256 ms of",
        "Normal for some names. If it is the larger part, check the upstreams and the path to them.",
    ),
    "1s": ("within 256 to 1024 ms of", SLOW),
    "longer": (
        "later than 1024 ms after",
        "Rare: a question is repeated after 0.8 s at most, and what comes then counts in `dns_upstream_late`. Many: "
        "this box is overloaded.",
    ),
}

COUNTERS = (
    Counter(
        "dns_queries",
        "DNS queries received over any transport, refused ones included.",
        "Load. If it jumps, look for a flood: `dns_over_limit` and `dns_not_ours` show what is held back.",
    ),
    Counter(
        "dns_blocked",
        "DNS queries blocked by a list, an order or a lock, or for what their answer leads to.",
        "Subscribers ask for more blocked names, or a list grew. After a list update, check a name with "
        "`filterd lookup`.",
    ),
    Counter(
        "dns_forwarded",
        "Questions sent to an upstream for a client, first attempts only.",
        "Load on the upstreams. Compare it with `dns_cache_hits`; a larger `/dns/cache` may lower it.",
    ),
    Counter(
        "dns_answered",
        "Answers sent to clients that had to wait for an upstream.",
        "Normal. If it falls behind `dns_forwarded` and `dns_coalesced`, look at `dns_upstream_lost`.",
    ),
    Counter(
        "dns_malformed",
        "Messages too short for a DNS header, and queries that break the DNS format.",
        "Broken clients or a scan. Short messages are dropped, the others get FORMERR. Find the source in a capture.",
    ),
    Counter(
        "dns_not_a_query",
        "DNS answers that arrived where queries are expected; they are dropped.",
        "Spoofed or stray traffic, for example a reflection attack on this box. Filter it at the network's border.",
    ),
    Counter(
        "dns_upstream_late",
        "Upstream answers that fit no waiting question, or whose records cannot be read.",
        "A slow upstream, or forged answers: thousands are an attack. Let only your resolvers send to this box from "
        "port 53.",
    ),
    Counter(
        "dns_upstream_lost",
        "Questions that got no usable answer from an upstream in time, or were pushed out of a full table.",
        "An upstream is slow or away. Clients got a stale answer, SERVFAIL, or must repeat the query. Check the "
        "upstreams and the path to them.",
    ),
    Counter(
        "dns_send_failed",
        "DNS messages to clients and upstreams that the kernel refused to send.",
        "No route, a firewall rule on this box, or full socket buffers. Check routes and load.",
    ),
    Counter(
        "dns_tcp_queries",
        "DNS queries received over TCP, TLS and HTTPS together.",
        "Normal. Clients use TCP after a truncated answer: see `dns_slipped`.",
    ),
    Counter(
        "gate_packets",
        "Client packets judged by the gate or the tap.",
        "Load. Some 300,000 packets a second fill one worker: add `/gate/workers` before that.",
    ),
    Counter(
        "gate_hellos",
        "Whole ClientHellos read, of TLS and QUIC.",
        "Normal: new connections. Compare other gate counters with it.",
    ),
    Counter(
        "gate_requests",
        "Whole HTTP request heads read.",
        "Normal. Compare other gate counters with it.",
    ),
    Counter(
        "gate_blocked",
        "Blocks by the gate, for a name, a URL, an address or a lock; one connection may count several times.",
        "Subscribers try more blocked names, or a list grew. After a list update, check a name with `filterd lookup`.",
    ),
    Counter(
        "gate_released",
        "TCP connections released to the kernel: nothing more of them is inspected.",
        "Normal: allowed connections.",
    ),
    Counter(
        "gate_not_tls",
        "Data without a TLS ClientHello where one was expected, on TLS ports or in QUIC.",
        "Other protocols use these ports. `/gate/when_undecidable` applies; take ports without TLS off "
        "`/gate/tls_ports`.",
    ),
    Counter(
        "gate_no_name",
        "ClientHellos and HTTP requests without a host name that can be judged.",
        "Old or unusual clients. `/gate/when_undecidable` applies; look at a capture with `filterd inspect`.",
    ),
    Counter(
        "gate_malformed",
        "Packets, ClientHellos, host names and HTTP requests that break their format.",
        "Broken clients, scans or evasion. A packet that cannot be read is dropped. A ClientHello with the beginning "
        "of another one in its last record is blocked. Else `/gate/when_undecidable` applies. "
        "On a tap, packets with a bad checksum count too.",
    ),
    Counter(
        "gate_too_big",
        "ClientHellos, request heads, URLs and gaps in a stream that are larger than the gate reads.",
        "Unusual clients or evasion. `/gate/when_undecidable` applies; look at a capture with `filterd inspect`.",
    ),
    Counter(
        "gate_overlap",
        "Connections whose client sent different data for the same place in the stream; they are blocked. With "
        "asymmetric routing also those with data where an earlier stream of the same ports stood.",
        "An evasion attempt, or a broken client. Find the client in a capture.",
    ),
    Counter(
        "gate_flows_evicted",
        "Flows evicted from memory within five minutes of their last packet.",
        "More undecided connections than there is memory for: raise `/gate/flows` or `/gate/windows`. See also "
        "`gate_beyond_share`.",
    ),
    Counter(
        "gate_rst_sent",
        "TCP resets made for blocked connections: to the server, from a tap to both ends.",
        "Normal: it follows the blocks.",
    ),
    Counter(
        "gate_pages_sent",
        "Block pages sent in answer to HTTP requests.",
        "Normal: it follows the blocks of HTTP.",
    ),
    Counter(
        "gate_queue_overrun",
        "Packets that the kernel dropped because the gate's packet queue or its socket was full.",
        "Overload, or a worker that hung. Add `/gate/workers`. Packets that a full queue lets pass are not counted.",
    ),
    Counter(
        "gate_verdict_failed",
        "Verdicts, queue settings and injected packets that the kernel refused, and unreadable messages from it.",
        "Packets may wait without a verdict; resets and block pages may be missing. Check routes and the kernel's log.",
    ),
    Counter(
        "no_tables",
        "DNS queries and host names judged before any image was loaded; no list applies to them. `/when_no_images` "
        "decides; a gate that is closed for what is undecidable blocks them, too.",
        "Nothing is filtered. This is normal only before the first compilation: otherwise look at `filterd status`.",
    ),
    Counter(
        "events",
        "Block records written to the spool.",
        "Normal: it follows the blocks. Confidential lists and shadow lists write no records.",
    ),
    Counter(
        "events_lost",
        "Block records lost because the spool had no room.",
        "The disk is full, or control has not emptied the spool for hours. Blocking goes on. Free the disk, start "
        "control.",
    ),
    Counter(
        "dns_coalesced",
        "DNS queries that waited for the upstream's answer to the same question of another client.",
        "Normal: it spares the upstreams work.",
    ),
    Counter(
        "dns_retried",
        "Questions sent again, to another upstream or to the same one.",
        "An upstream is slow or silent, or answers SERVFAIL or REFUSED. Check the upstreams.",
    ),
    Counter(
        "dns_probes",
        "Probe questions sent to upstreams to measure their health and speed.",
        "Normal: one a second for each upstream. A single upstream is probed only while it is down.",
    ),
    Counter(
        "dns_cache_hits",
        "DNS queries found in the cache.",
        "Normal: it spares the upstreams work.",
    ),
    Counter(
        "dns_cache_misses",
        "DNS queries not found in the cache.",
        "Load on the upstreams. If it stays above `dns_cache_hits`, raise `/dns/cache`.",
    ),
    Counter(
        "dns_stale",
        "Answers sent after their TTL had expired because no upstream gave a usable one (RFC 8767).",
        "The upstreams fail, and clients are served from the cache. Check the upstreams and the path to them.",
    ),
    Counter(
        "dns_prefetched",
        "Popular names asked of an upstream again before their TTL expired (prefetch).",
        "Normal: clients do not wait for these names.",
    ),
    Counter(
        "dns_inspected",
        "Of dns_blocked: answers blocked for an alias, a service target or an address in them.",
        "Normal: names that lead to blocked names. Check one with `filterd lookup`.",
    ),
    Counter(
        "dns_given_up",
        "SERVFAIL answers to UDP clients because no upstream answered in time.",
        "Clients see failures. Check the upstreams and the path to them.",
    ),
    Counter(
        "dns_tls_queries",
        "Of dns_tcp_queries: DNS queries received over TLS.",
        "Normal.",
    ),
    Counter(
        "dns_https_queries",
        "Of dns_tcp_queries: DNS queries received over HTTPS.",
        "Normal.",
    ),
    Counter(
        "dns_streams_refused",
        "Connections closed because their client holds too many, or opens TLS connections too often.",
        "A client opens too many connections. Find the client.",
    ),
    Counter(
        "dns_handshakes_failed",
        "Connections whose TLS handshake failed or took too long.",
        "Scans, or clients that do not accept the certificate. Check it with `filterd doctor`.",
    ),
    Counter(
        "dns_proxy_refused",
        "Connections and UDP queries from a listed proxy without a valid PROXY header; they are not served.",
        "The proxy and `/dns/proxies` do not agree. Change both together.",
    ),
    Counter(
        "dns_tokens_unknown",
        "Connections and requests refused for a device token that no subscriber has.",
        "A token was withdrawn or mistyped, or is being guessed. Correct the setting of the device.",
    ),
    Counter(
        "dns_https_refused",
        "HTTPS requests answered with a 4xx status: they carry no acceptable DNS query.",
        "Web scanners or misconfigured clients. Normal in small numbers.",
    ),
    Counter(
        "dns_not_ours",
        "DNS queries answered REFUSED because the client is outside /dns/clients.",
        "Strangers use this resolver, or your own prefixes are missing in `/dns/clients`.",
    ),
    Counter(
        "dns_over_limit",
        "DNS queries and large answers dropped because their client exceeded its rate.",
        "A flood, or a large network behind one address. See `/dns/queries_per_second`, `/dns/burst` and "
        "`/dns/large_answers_per_second`.",
    ),
    Counter(
        "dns_slipped",
        "Large answers replaced by a truncated one because their client exceeded its rate.",
        "An address is abused for reflection. A genuine client repeats the query over TCP and is served.",
    ),
    Counter(
        "dns_special",
        "DNS queries for special-use names: canary domains, resolver.arpa, safe search.",
        "Normal.",
    ),
    Counter(
        "dns_unreadable",
        "SERVFAIL answers sent because an upstream's answer could not be inspected or rewritten.",
        "A broken zone or upstream, or evasion. What cannot be inspected is not delivered. Check the upstream.",
    ),
    Counter(
        "dns_forgotten",
        "Clients over their rate evicted from the rate-limit table for lack of room; they are served again.",
        "A flood from very many addresses, often forged. Filter spoofed sources at the network's border.",
    ),
    Counter(
        "dns_tcp_fallbacks",
        "Questions repeated over TCP because the upstream truncated its UDP answer.",
        "Normal in small numbers. Many: ask the resolver's operator to exempt this box from its rate limit.",
    ),
    Counter(
        "dns_tcp_failed",
        "Truncated answers passed on because TCP to the upstream gave no full answer in time.",
        "TCP to the upstream is closed, slow or full. Let this box reach its upstreams over TCP.",
    ),
    Counter(
        "gate_ignored",
        "Packets dropped because no end host would accept them.",
        "Broken network equipment, or evasion. Normal in small numbers.",
    ),
    Counter(
        "gate_over_budget",
        "QUIC Initials and hellos beyond what one client may have; they are dropped or blocked.",
        "A flood or evasion by few clients. The limits: `/gate/quic_initials_per_second`, "
        "`/gate/windows_per_subscriber`.",
    ),
    Counter(
        "gate_h2c",
        "HTTP/2 connections without TLS.",
        "Unusual clients, or evasion. They are blocked unless `/gate/h2c` is `pass`.",
    ),
    Counter(
        "gate_initials",
        "QUIC Initials decrypted.",
        "Normal: new QUIC connections.",
    ),
    Counter(
        "gate_unreadable",
        "QUIC Initials that no key decrypts.",
        "Their server cannot read them either, or their connection began before the gate saw it. They are dropped; "
        "where routing is asymmetric, `/gate/when_undecidable` applies to those at other ports than QUIC's.",
    ),
    Counter(
        "gate_beyond_share",
        "Of gate_flows_evicted: flows evicted because their own client used up its share of memory.",
        "One client holds very many undecided connections; others do not suffer. See `/gate/windows_per_subscriber`.",
    ),
    Counter(
        "gate_forgotten",
        "Connections whose start is not known: blocked, or under `open` read from there on where they seem to begin.",
        "Normal after a restart of a worker: browsers try again. Otherwise part of the traffic takes another path: "
        "see `/gate/routing`.",
    ),
    Counter(
        "gate_unknown_quic",
        "Packets of a QUIC version that the gate does not know.",
        "A new QUIC version, or other traffic on UDP. `/gate/when_undecidable` applies; look for an update.",
    ),
    Counter(
        "gate_address_blocked",
        "Of gate_blocked (on a tap, of gate_shadowed): packets blocked for their destination address.",
        "Subscribers try listed addresses. After a list update, check the address with `filterd lookup`.",
    ),
    Counter(
        "gate_quic_refused",
        "QUIC packets dropped because the client's profile refuses QUIC.",
        "Normal: browsers go on over TCP.",
    ),
    Counter(
        "gate_bypass_seen",
        "Names, and packets to addresses, that match a list of category bypass, blocked or not.",
        "Subscribers use VPNs, proxies or other resolvers more. `filterd status` shows which lists match.",
    ),
    Counter(
        "gate_bypass_blocked",
        "Of gate_bypass_seen: those blocked because the client's profile closes category bypass.",
        "Normal: it follows gate_bypass_seen.",
    ),
    Counter(
        "gate_shadowed",
        "Blocks that the gate would have made where it only listens (tap).",
        "What would be blocked inline. Look at the records before you enforce a list.",
    ),
    Counter(
        "tap_frames",
        "Frames that the tap has read.",
        "Load.",
    ),
    Counter(
        "tap_lost",
        "Frames lost because the tap's ring buffer was full.",
        "Overload: the tap does not see all traffic. Add `/gate/workers`.",
    ),
    Counter(
        "tap_unreadable",
        "Frames that are cut inside their headers, or carry more tags or labels than the tap reads.",
        "A mirror port that truncates frames, or unusual encapsulation. Check the switch and the interface.",
    ),
    Counter(
        "dns_streams_not_ours",
        "Connections closed because the client is outside /dns/clients and shows no known device token.",
        "Strangers use this resolver, or your own prefixes are missing in `/dns/clients`.",
    ),
    Counter(
        "dns_streams_evicted",
        "Connections closed for a new one because all places were taken: the longest idle of who holds most.",
        "A flood of connections, or more clients than places: add `/dns/workers`.",
    ),
    Counter(
        "dns_streams_flooded",
        "HTTPS connections closed because they sent far more frames or resets than queries.",
        "An attack, or a broken client. Find the client.",
    ),
    Counter(
        "dns_streams_hung",
        "Times that the streams of a worker made no turn for 10 s; what they worked on was ended. UDP is not affected.",
        "An attack, or an internal error. Look at the journal, and report it.",
    ),
    Counter(
        "dns_meta_refused",
        "Refused queries of another class than IN, or of a type that is no record's: TKEY, TSIG, IXFR, AXFR, MAILB, "
        "MAILA.",
        "Someone looks for zones to copy, or for what software answers. Zones that filterd itself publishes are "
        "transferred from `/rpz/listen`.",
    ),
    Counter(
        "dns_other_case",
        "Upstream answers whose question had letters in another case than they were sent in. They are not believed: "
        "the upstream is asked over TCP.",
        "With a warning in the journal: this upstream does not keep the case, and gets lower case for ten minutes. "
        "Without: forged answers, close to being believed. Look at who can send to this box from the upstream's "
        "address.",
    ),
    Counter(
        "dns_forgery_suspected",
        "Questions asked over TCP after 20 answers that did not fit.",
        "Someone guesses ids and ports to poison the cache. Drop packets with your resolvers' addresses at the "
        "network's border.",
    ),
    Counter(
        "dns_no_upstream",
        "Queries answered SERVFAIL at once, with EDE 22, because all upstreams are known to be away.",
        "All upstreams are away: see the warnings in the journal, and check the route to them.",
    ),
    Counter(
        "dns_rebinding_refused",
        "Answers with private addresses for names outside of `/dns/own_names`, refused because of "
        "`/dns/rebinding_guard`.",
        "An attack on devices in homes, or a service of your own with private addresses: put its name into "
        "`/dns/own_names`.",
    ),
    Counter(
        "gate_unproven",
        "Blocks of names without a handshake that the gate has seen: all over QUIC, and in TCP streams that it has not "
        "seen begin. They leave no record and no page.",
        "Normal over QUIC, whose clients go on over TCP, and with asymmetric routing, which shows no handshake. "
        "Otherwise forged packets, or connections older than the gate.",
    ),
    Counter(
        "gate_unfinished_lost",
        "With asymmetric routing, connections that the gate had no room to remember for an hour, or that were left "
        "unjudged for longer. Over QUIC, those left unjudged, or whose hello came less than five minutes ago.",
        "What a server still waits for in them, or over QUIC a second hello, may pass. Many: raise `/gate/flows`.",
    ),
    *(
        Counter(f"dns_rcode_{rcode}", f"Answers to clients with RCODE {rcode.upper()}, over any transport.", rise)
        for rcode, rise in RCODES.items()
    ),
    *(
        Counter(f"dns_took_{part}", f"Answers of upstreams over UDP {when} the question.", rise)
        for part, (when, rise) in TIMES.items()
    ),
    Counter(
        "dns_took_us",
        "Microseconds that the answers of upstreams over UDP took, in all.",
        "Divided by the number of those answers it is their mean time.",
    ),
    Counter(
        "gate_unlabelled",
        "Allowed connections that the kernel has kept no label of. They go on when a rule is tightened.",
        "Normal for connections that end at once. Many: the kernel has no connection labels, or tracks these "
        "connections by other addresses (DNAT) or in zones, or not at all (`notrack`).",
    ),
    *RADIUS,
)
NAMES = tuple(counter.name for counter in COUNTERS)
HELP = {counter.name: counter.counts for counter in COUNTERS}
# The parts of the histogram of upstreams' answers: counter → upper bound in seconds; None: no bound.
TOOK = {
    "dns_took_1ms": 0.001,
    "dns_took_4ms": 0.004,
    "dns_took_16ms": 0.016,
    "dns_took_64ms": 0.064,
    "dns_took_256ms": 0.256,
    "dns_took_1s": 1.024,
    "dns_took_longer": None,
}
TOOK_US = "dns_took_us"
