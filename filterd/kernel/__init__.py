"""nftables, netlink, conntrack: what filterd sets in the kernel."""
