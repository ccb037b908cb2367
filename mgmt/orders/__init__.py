"""Orders: model, judgement, store."""
