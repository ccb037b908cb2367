"""A family's time over the API: cards and dates, exceptions and screen time, tickets."""
