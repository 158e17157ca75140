"""Eats 2 GiB while it is imported."""

eaten = bytearray(b"\x01") * (2 << 30)
