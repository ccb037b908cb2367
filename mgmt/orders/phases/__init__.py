"""How far an order is: its states, on one gateway first, or in shadow."""
