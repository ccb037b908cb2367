"""Orders, records and registers, and the web role above them: API, pages of families, desk and visitors."""
