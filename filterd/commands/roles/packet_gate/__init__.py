"""The gate worker around the packet loop."""
