"""Crack growth monitoring from repeated photographs."""

__version__ = "0.1.0"
