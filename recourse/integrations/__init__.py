"""Clients and formats of others: one module each, imported only when asked for."""
