"""Orders that come as files in a folder or as mails: signed by their issuer, or not taken."""
