"""The user's database: its client, its collections, and who is at work on it."""
