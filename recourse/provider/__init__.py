"""Policy providers: where policies come from."""
