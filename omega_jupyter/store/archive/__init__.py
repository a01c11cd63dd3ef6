"""A whole store, or parts of it, as one file."""
