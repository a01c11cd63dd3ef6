"""Bytes in the database: written, checked and read in parts."""
