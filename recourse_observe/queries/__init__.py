"""Typed questions to an archive: each is one SQL file, each answer a frozen row."""
