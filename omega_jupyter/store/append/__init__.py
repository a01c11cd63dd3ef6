"""Rows that come piece by piece."""
