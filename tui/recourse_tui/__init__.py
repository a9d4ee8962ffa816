"""Where a person reads it."""
