"""Control's work on records of blocks: which stay, and which go."""
