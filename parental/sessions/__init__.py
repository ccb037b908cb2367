"""Sessions: which line has which address for now, as network access servers tell it by RADIUS accounting."""
