"""A month of a provider's life for a laboratory: people, lines, orders, blocks and reports, ending now."""
