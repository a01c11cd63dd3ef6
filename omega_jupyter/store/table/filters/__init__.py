"""Conditions on rows: what they ask of columns, and which rows meet them."""
