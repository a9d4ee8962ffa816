"""Hedging: when a second run of a slow attempt is worth its load."""
