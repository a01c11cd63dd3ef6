"""Taking models apart and putting them together again."""
