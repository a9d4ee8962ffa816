"""How a recorded incident would have gone under another policy; every number says of what kind it is."""
