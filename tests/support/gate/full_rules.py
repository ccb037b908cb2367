"""Rules that ask the kernel for everything."""

from ipaddress import IPv4Network, IPv6Network

from filterd.kernel.ruleset import Rules

CHILD4, CHILD6 = IPv4Network("198.51.100.0/28"), IPv6Network("2001:db8:1::/64")
FULL = Rules(
    ports=(80, 443),
    http_ports=(80,),
    quic_ports=(443,),
    is_quic_rejected=True,
    refused_udp=(8443,),
    n_queues=2,
    first_queue=4,
    always_open=(IPv4Network("192.0.2.1/32"), IPv6Network("2001:db8::1/128")),
    subscribers=(CHILD4, CHILD6),
    resolvers=(IPv4Network("192.0.2.53/32"),),
    dns_port=5300,
    untracked=(53,),
    is_dot_refused=True,
)
