"""What every room of dns uses: faults, the wire format, framing, listeners, certificates, loop threads, resolvers."""
