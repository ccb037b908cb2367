"""The box that filterd runs on: its folders, accounts, keys, signatures and errors, and as whom root works there."""
