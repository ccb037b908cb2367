"""Control's work on records of blocks: which stay, which go, and each quarter's statistics."""
