"""Classifiers: what a value or an error means."""
