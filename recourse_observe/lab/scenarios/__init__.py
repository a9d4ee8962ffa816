"""Scenarios drawn at random: incidents of every cause, compositions, and archives in which nothing is wrong."""
