"""Selects the coins worth studying."""
