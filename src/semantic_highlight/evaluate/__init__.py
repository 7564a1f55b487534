"""Measure what pruning saves and what it loses."""
