"""The four people's doors: API, parent's page, splash; and the records behind them."""
