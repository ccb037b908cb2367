"""What every room of dns uses: faults, the wire format, framing, certificates, loop threads, upstream resolvers."""
