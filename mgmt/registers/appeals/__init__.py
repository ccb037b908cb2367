"""Appeals against blocks by law: sealed where they are written, kept sealed, sent to who passes them on."""
