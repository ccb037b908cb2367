"""By when orders are to be confirmed, who is alarmed before that, and how it went."""
