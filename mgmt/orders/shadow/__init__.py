"""Orders in shadow: what they would block is counted, and nothing of them is blocked."""
