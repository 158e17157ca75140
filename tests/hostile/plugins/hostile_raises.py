"""Raises on import."""

raise RuntimeError("raised on import")
