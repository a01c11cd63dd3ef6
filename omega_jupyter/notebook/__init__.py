"""The kernel side: the magics and what they show."""
