"""Upstream resolvers: endpoints, and queries over TCP and TLS."""
