"""DNS over TCP, TLS and HTTPS."""
