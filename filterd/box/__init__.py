"""The box that filterd runs on: its folders, accounts, keys and errors, and as whom root works there."""
