"""The laboratory: a provider's network in namespaces, with real servers and real clients, for the demo and the kernel tests."""
