"""From rules to images: guards, compilation, report, export, manifest."""
