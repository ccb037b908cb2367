"""The web role: API, family page, splash; and the records behind them."""
