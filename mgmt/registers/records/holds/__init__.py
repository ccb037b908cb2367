"""Legal holds: records of blocks that stay although they are old."""
