"""What an order is: its model, entries, letters and events, and how entries are judged."""
