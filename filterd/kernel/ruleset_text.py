"""The text of the ruleset: its table, and what some configurations add, with places for what ruleset.py knows.

Every name in %(…)s is one of ruleset._marks(), or of the values in ruleset().
"""

RULESET = """\
table inet filterd
delete table inet filterd
table inet filterd {
  set gate_ports { type inet_service; flags constant; %(gate_ports)s }
  set http_ports { type inet_service; flags constant; %(http_ports)s }
  set quic_ports { type inet_service; flags constant; %(quic_ports)s }
  set locked4 { type ipv4_addr; flags interval; auto-merge; %(locked4)s }
  set locked6 { type ipv6_addr; flags interval; auto-merge; %(locked6)s }
  set locked4_32 { type ipv4_addr; comment "hash sets: they change fast, and interval sets do not"; }
  set locked6_56 { type ipv6_addr; }
  set locked6_64 { type ipv6_addr; }
  set pools4 { type ipv4_addr; flags interval; auto-merge; %(pools4)s }
  set pools6 { type ipv6_addr; flags interval; auto-merge; %(pools6)s }
  set subscribers4 { type ipv4_addr; flags interval; auto-merge; %(subscribers4)s }
  set subscribers6 { type ipv6_addr; flags interval; auto-merge; %(subscribers6)s }
  set resolvers4 { type ipv4_addr; flags interval; auto-merge; %(resolvers4)s }
  set resolvers6 { type ipv6_addr; flags interval; auto-merge; %(resolvers6)s }
  set suspects4 { type ipv4_addr; flags interval; auto-merge; }
  set suspects6 { type ipv6_addr; flags interval; auto-merge; }
  set suspects4_32 { type ipv4_addr; }
  set suspects6_128 { type ipv6_addr; }
  set corridor4 { type ipv4_addr; flags interval; auto-merge; comment "what names of the help corridor lead to"; }
  set corridor6 { type ipv6_addr; flags interval; auto-merge; }
  set ended4 { type ipv4_addr . ipv4_addr; flags timeout; comment "between them a connection over QUIC was ended"; }
  set ended6 { type ipv6_addr . ipv6_addr; flags timeout; }
  set corridor_ports { type inet_service; flags constant; %(corridor_ports)s }
  set open4 { type ipv4_addr; flags interval; auto-merge; %(open4)s }
  set open6 { type ipv6_addr; flags interval; auto-merge; %(open6)s }
  set door4 { type ipv4_addr . inet_service; flags constant; comment "where families reach their pages"; %(door4)s }
  set door6 { type ipv6_addr . inet_service; flags constant; %(door6)s }
  counter n_queued { comment "packets for the gate"; }
  counter n_judged { comment "those with its verdict"; }
  counter n_unproven { comment "packets in a server's name, from an interface that does not lead to it"; }
  counter n_untracked { comment "packets of clients to the gate's ports that are not tracked, though they should be" }
  counter n_begun { comment "SYNs to the gate's ports whose way out was looked up: at most %(looked_at)s a second" }
  counter n_turned { comment "those of them that leave by the interface that they came from" }

  chain short {
    ip length < %(least4)d drop comment "an error repeats its cause: else more would go back than came"
    ip6 length < %(least6)d drop
  }
  chain refused {
    jump short
    reject with icmpx port-unreachable
  }
  chain corridor_from {
    ct state established return comment "begun under the lock: it goes on to the gate"
    ct state new tcp flags & (fin | syn | rst | ack) == syn return
    reject with tcp reset comment "of a connection that the lock has ended; another site may be at the address, too"
  }
  chain corridor_to {
    ct state established return
    reject with tcp reset
  }
  chain locked_from {
    ip daddr . tcp dport @door4 return
    ip6 daddr . tcp dport @door6 return
    ip daddr @corridor4 tcp dport @corridor_ports goto corridor_from
    ip6 daddr @corridor6 tcp dport @corridor_ports goto corridor_from
    meta l4proto tcp reject with tcp reset
    jump short
    reject with icmpx admin-prohibited
  }
  chain locked_to {
    ip saddr . tcp sport @door4 return
    ip6 saddr . tcp sport @door6 return
    ip saddr @corridor4 tcp sport @corridor_ports goto corridor_to
    ip6 saddr @corridor6 tcp sport @corridor_ports goto corridor_to
    meta l4proto tcp reject with tcp reset comment "else the server's connection stays open"
    drop
  }
  chain blocked {
    meta l4proto tcp reject with tcp reset
%(quic_reject)s    drop
  }
  chain answered {
    ct direction reply meta l4proto tcp reject with tcp reset
    tcp flags & fin == fin reject with tcp reset
    drop
  }
  chain queueing { %(until_queued)s comment "until what nft cannot write takes its place: it is sent again"; }
  chain queueing_quic { %(until_queued)s comment "as queueing"; }
  chain to_queue {
    counter name n_queued
    goto queueing
  }
  chain to_quic_queue {
    counter name n_queued
    goto queueing_quic
  }
%(noting)s  chain note {
    meta mark set meta mark & %(KEPT)s | %(QUEUED)s
    ct mark & %(STATE)s vmap { %(notes)s }
  }
  chain noted {
    jump note
    goto to_queue
  }
  chain to_gate {
    @ih,0,8 >= 0 goto noted comment "only packets with payload have @ih"
    tcp flags & fin == fin tcp dport @http_ports goto noted comment "some servers take what has come for a whole head"
  }
  chain to_gate_untracked { meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_queue; }
  chain to_suspect {
    tcp flags & syn == syn @ih,0,8 >= 0 drop comment "as opening_judged"
    ct state untracked goto to_gate_untracked
    jump note
    meta l4proto udp goto to_quic_queue
    goto to_queue
  }
%(embedded)s  chain suspects {
%(moves)s    ip daddr @suspects4_32 goto to_suspect
    ip daddr @suspects4 goto to_suspect
    ip6 daddr @suspects6_128 goto to_suspect
    ip6 daddr @suspects6 goto to_suspect
%(to_embedded)s  }
  chain from_suspect {
    tcp flags & syn == syn @ih,0,8 >= 0 drop
    jump note
    meta mark set meta mark | %(REPLY_ALONE)s
    meta l4proto udp goto to_quic_queue
    goto to_queue
  }
%(embedded_sources)s  chain suspect_sources {
    ip saddr @suspects4_32 goto from_suspect
    ip saddr @suspects4 goto from_suspect
    ip6 saddr @suspects6_128 goto from_suspect
    ip6 saddr @suspects6 goto from_suspect
%(from_embedded)s  }
  chain opening {
    tcp dport @gate_ports goto opening_judged
    tcp sport @gate_ports goto opening_judged
  }
  chain opening_judged {
    @ih,0,8 >= 0 drop comment "a client without an answer repeats its SYN without payload"
%(invalid)s    reset tcp option mptcp comment "a stream over several connections is read in none of them (RFC 8684)"
    tcp option mptcp exists drop comment "a second one: the rule above removes the first alone"
    reset tcp option fastopen
%(proven)s    tcp flags & ack == ack goto opening_server
    tcp dport != @gate_ports goto opening_elsewhere
    limit rate %(looked_at)s/second burst %(looked_at)s packets counter name n_begun \
fib daddr . mark . iif oif exists counter name n_turned comment "not of each SYN: a lookup costs"
    ct direction reply ct mark & %(STATE)s == %(RELEASED)s ct mark set ct mark & %(NO_STATE)s | %(BLOCKED)s drop \
comment "no client from another port is asked by its server: both open"
    ct direction reply drop
    ct mark & %(STATE)s != %(UNDECIDED)s ct mark set ct mark | %(SYN)s
    jump suspects
    ct state new jump suspect_sources
    ct state untracked meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_queue
    ct status & confirmed == confirmed goto noted \
comment "behind what waits there: its server would take that for the new connection's"
    accept
  }
  chain opening_elsewhere { comment "a client from a judged port: a translator of addresses chooses any";
    ct direction reply drop comment "its client has begun: no server opens, too"
    ct mark & %(STATE)s == %(BLOCKED)s drop
    ct state new ip daddr != @subscribers4 ct mark set ct mark & %(NO_STATE)s | %(RELEASED)s \
comment "to a subscriber anyone may write it in a server's name: what goes back is judged"
    ct state new ip6 daddr != @subscribers6 ct mark set ct mark & %(NO_STATE)s | %(RELEASED)s
    jump suspects
    ct state new jump suspect_sources
    accept
  }
  chain opening_server {
    tcp sport != @gate_ports ct direction reply ct mark & %(STATE)s { %(RELEASED)s, %(UNDECIDED)s } accept \
comment "of another port, to opening_elsewhere's client"
    tcp sport != @gate_ports drop comment "a client answers no SYN"
    ct direction original drop
    ct mark & %(STATE)s == %(UNDECIDED)s goto begun
    ct mark & %(SYN)s == %(SYN)s goto begun
    accept
  }
  chain begun {
    ct mark set ct mark & %(KEPT)s
    meta mark set meta mark & %(KEPT)s | %(REPLY)s goto to_queue comment "the gate keeps the client's ISN"
  }
  chain from_untracked {
    @ih,0,8 >= 0 goto to_gate_untracked
    tcp flags & fin == fin goto to_gate_untracked
  }
  chain from_client {
    ct state untracked counter name n_untracked goto from_untracked
    ct mark & %(STATE)s { %(to_gate)s } goto to_gate
  }
  chain long_headers {
    udp dport @quic_ports goto to_quic_gate
    udp sport @quic_ports ct direction reply accept
    @th,72,32 { %(quic_versions)s } goto long_headers_elsewhere
  }
  chain several_datagrams {
    udp dport @quic_ports goto to_quic_gate
    udp sport @quic_ports ct direction reply accept
    goto long_headers_elsewhere
  }
  chain long_headers_elsewhere {
    ct state untracked meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_quic_queue
    jump note
%(quic_unproven)s    ct direction reply meta mark set meta mark | %(REPLY_ALONE)s
    goto to_quic_queue
  }
  chain to_quic_gate {
    jump note
    goto to_quic_queue
  }
  chain from_server {
    ct mark & %(STATE)s { %(to_spoken)s } @ih,0,8 >= 0 jump speaking
    ct mark & %(ASKED)s == %(ASKED)s goto asked
  }
  chain speaking {
%(proven)s%(speaking)s  }
  chain asked {
%(proven)s    meta mark set meta mark & %(KEPT)s | %(REPLY)s goto to_queue
  }
  chain locks4 {
    ip saddr @locked4_32 ip daddr != @open4 goto locked_from
    ip daddr @locked4_32 ip saddr != @open4 goto locked_to
  }
  chain locks4_wide {
    ip saddr @locked4 ip daddr != @open4 goto locked_from
    ip daddr @locked4 ip saddr != @open4 goto locked_to
    goto locks4
  }
  chain locks6 {
    ip6 saddr & ffff:ffff:ffff:ff00:: @locked6_56 ip6 daddr != @open6 goto locked_from
    ip6 saddr & ffff:ffff:ffff:ffff:: @locked6_64 ip6 daddr != @open6 goto locked_from
    ip6 daddr & ffff:ffff:ffff:ff00:: @locked6_56 ip6 saddr != @open6 goto locked_to
    ip6 daddr & ffff:ffff:ffff:ffff:: @locked6_64 ip6 saddr != @open6 goto locked_to
  }
  chain locks6_wide {
    ip6 saddr @locked6 ip6 daddr != @open6 goto locked_from
    ip6 daddr @locked6 ip6 saddr != @open6 goto locked_to
    goto locks6
  }
  chain locking { %(locking)s}
  chain pool_locks4 {
    ip saddr @pools4 ip daddr != @open4 goto locked_from
    ip daddr @pools4 ip saddr != @open4 goto locked_to
  }
  chain pool_locks6 {
    ip6 saddr @pools6 ip6 daddr != @open6 goto locked_from
    ip6 daddr @pools6 ip6 saddr != @open6 goto locked_to
  }
  chain pool_locking { %(pool_locking)s}
  chain before {
    type filter hook forward priority -160; policy accept;
    jump locking
    jump pool_locking
%(refused_udp)s    meta mark & %(NO_ANSWER)s == %(VERDICT)s goto judged \
comment "set by the gate alone"
    tcp flags & syn == syn jump opening
    ct mark & %(STATE)s == %(RELEASED)s accept comment "nearly every packet; an invalid one has no ct mark"
%(dot)s    exthdr frag exists drop comment "inside of what the kernel has reassembled: its server would do the rest"
%(invalid)s    ct mark & %(STATE)s vmap { %(BLOCKED)s : goto blocked, %(ANSWERED)s : goto answered }
    tcp dport @gate_ports tcp option mptcp exists drop comment "behind a SYN without it no client has any"
%(half)s%(suspects)s%(quic)s    tcp dport @gate_ports goto from_client comment "between two such ports, either end"
    tcp sport @gate_ports goto from_server
  }

%(keeping)s  chain judged {
    counter name n_judged
    ct status & dying == dying drop comment "another connection may have its ports by now"
    meta mark & %(ASK)s == %(ASK)s ct mark set ct mark | %(ASKED)s
    ct mark & %(ASKED)s == %(ASKED)s meta mark & %(ASK)s == 0 ct mark set ct mark & %(NOT_ASKED)s
    meta mark & %(STATE)s vmap {
      %(RELEASED)s : goto keep_released, %(BLOCKED)s : goto keep_blocked, %(ALLOWED)s : goto keep_allowed,
      %(ALLOWED_SPOKEN)s : goto keep_allowed, %(OPENED)s : goto keep_opened,
      %(PARTIAL)s : goto keep_partial, %(PARTIAL_AGAIN)s : goto keep_partial, %(PARTIAL_SPOKEN)s : goto keep_partial,
      %(ANSWERED)s : goto keep_answered, %(DROPPED)s : drop
    }
    meta mark set meta mark & %(KEPT)s
  }
%(labels)s%(dns)s%(untracked)s%(asymmetric)s}
"""
# A client of QUIC that gets no answer goes on from another port.  Where answers take another path, every packet looks
# like the first.
MOVES = """\
    udp dport @quic_ports @th,64,8 & 0x80 == 0 ip saddr . ip daddr @ended4 drop comment "it goes on from another port"
    udp dport @quic_ports @th,64,8 & 0x80 == 0 ip6 saddr . ip6 daddr @ended6 drop
"""
# No packet comes here.  The kernel makes room for the labels of connections where a rule says that it needs them.
LABELS = """
  chain labels { ct label set 0; }
"""
LABELS_TRIAL = """\
table inet filterd_trial {
  chain labels { ct label set 0; }
}
delete table inet filterd_trial
"""
# Which way answers come is not known where routing is asymmetric.
PROVEN = """\
    fib saddr . mark . iif oif missing counter name n_unproven drop
"""
INVALID = """\
    ct state invalid drop
"""
REFUSED_UDP = """\
    udp dport { %(ports)s } goto refused comment "QUIC: its client goes on over TCP at once"
"""
# Long headers alone (their first bit is set, RFC 8999 §5.1): a handful of each connection.  At any port where the
# version is one that the gate reads (E55), in both directions: anyone who writes the first packet of an entry chooses
# which is the client's.  Where routing is asymmetric a server's Initial may come alone: nothing proves it to be one.
# A packet so long that two datagrams with an Initial fit in may be several, whose first octets stand within: a sender
# next door hands them over in one piece (UDP_SEGMENT), and so does a network card (rx-udp-gro-forwarding).
QUIC = """\
    meta l4proto udp @th,64,8 & 0x80 == 0x80 ct mark & %(STATE)s { %(UNDECIDED)s, %(PARTIAL)s } goto long_headers
    meta l4proto udp @th,64,8 & 0x80 == 0x80 ct state untracked goto long_headers
    meta l4proto udp meta length >= %(several)d ct mark & %(STATE)s { %(UNDECIDED)s, %(PARTIAL)s } \
goto several_datagrams
    meta l4proto udp meta length >= %(several)d ct state untracked goto several_datagrams
"""
# The IPv4 address inside of one of IPv6: nft cannot write the rules that look for it.
EMBEDDED_CHAIN = """\
  chain %(name)s { comment "is the IPv4 address behind bit %(length)d a suspect?"; }
"""
TO_EMBEDDED = """\
    ip6 %(end)s { %(prefixes)s } goto %(name)s
"""
# In any protocol, at any port, until an answer comes: none exists where the gate blocks.  From such an address, too:
# in an entry that a server has begun, or someone in its name, its client's packets are the answers.
SUSPECTS = """\
    ct state new ct direction original jump suspects
    ct state new ct direction original jump suspect_sources
"""
# What conntrack says of a packet proves nothing then, but its state is its connection's.
QUIC_UNPROVEN = """\
    meta mark set meta mark | %(UNTRACKED)s
"""
# The states that a packet's mark tells the gate; without one it is UNDECIDED.
NOTING = """\
  chain note_%(name)s { meta mark set meta mark | %(bits)s; }
"""
QUIC_REJECT = """\
    jump short
    meta l4proto udp reject with icmpx admin-prohibited
"""
# A phone that is refused DNS over TLS falls back to plain DNS, which is redirected (RFC 7858 §4.1, RFC 9250 §5.1).
DOT = """\
    tcp dport 853 ip saddr @subscribers4 ip saddr != @resolvers4 reject with tcp reset
    tcp dport 853 ip6 saddr @subscribers6 ip6 saddr != @resolvers6 reject with tcp reset
    udp dport 853 ip saddr @subscribers4 ip saddr != @resolvers4 goto refused
    udp dport 853 ip6 saddr @subscribers6 ip6 saddr != @resolvers6 goto refused
"""
UNTRACKED = """
  set untracked { type inet_service; %(ports)s }
  chain untracked_queries {
    type filter hook prerouting priority raw; policy accept;
    udp dport @untracked fib daddr type local notrack
  }
  chain untracked_answers {
    type filter hook output priority raw; policy accept;
    udp sport @untracked fib saddr type local notrack
  }
"""
# Conntrack takes half a handshake for invalid.  Without its SYN, a client's half is picked up in the middle
# (nf_conntrack_tcp_loose), and lives until its client was silent for nf_conntrack_tcp_timeout_unacknowledged: for the
# cut alone, which finds connections by their labels.  A RST would end the entry, and is no proof of an end.
# Connections to this box stay tracked: redirection needs it.
ASYMMETRIC = """
  chain untracked_streams {
    type filter hook prerouting priority raw; policy accept;
    tcp dport @gate_ports tcp flags & (syn | rst) == 0 accept
    tcp dport @gate_ports fib daddr type != local notrack
    tcp sport @gate_ports fib daddr type != local notrack
  }
"""
# The gate itself keeps the state of such a half: every payload is judged.
HALF = """\
    tcp dport @gate_ports goto from_untracked
"""
DNS = """
  chain to_resolver {
    meta l4proto { tcp, udp } redirect to :%(port)d
  }
  chain foreign_dns {
    fib daddr type local accept
    ip saddr @subscribers4 ip saddr != @resolvers4 goto to_resolver
    ip6 saddr @subscribers6 ip6 saddr != @resolvers6 goto to_resolver
  }
  chain dns {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp } th dport 53 goto foreign_dns
  }
"""
# Deletes what needs a resolver of ours, for a box that is stopped and keeps its gate shut.  Each part is added first,
# so that its deletion succeeds where it is missing.
NO_RESOLVER_CHAIN = """\
add chain inet filterd %(name)s
flush chain inet filterd %(name)s
delete chain inet filterd %(name)s
"""
