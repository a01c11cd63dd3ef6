"""Whether a store is sound, what takes room in it, and what can go."""
