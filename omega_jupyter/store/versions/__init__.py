"""Versions: what is known of one, how it appears, how it is copied, how it goes."""
