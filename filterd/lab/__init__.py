"""The laboratory: a provider's network in namespaces, real servers and clients in it; for the demo and kernel tests."""
