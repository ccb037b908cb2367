"""The box that filterd runs on: its folders, accounts and keys, and as whom root works there."""
