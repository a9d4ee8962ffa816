"""Retries are policy, not control flow."""
