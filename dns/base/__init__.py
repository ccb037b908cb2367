"""What every room of dns uses: faults, the wire format, framing, certificates, the loop thread and its priority."""
