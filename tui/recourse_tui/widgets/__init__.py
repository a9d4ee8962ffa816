"""What the screens are made of: each turns values into lines."""
