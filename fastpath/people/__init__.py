"""Who holds which address and what holds for them: columns for control, writers of the images, levels of sessions."""
