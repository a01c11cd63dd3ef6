"""Single values as JSON that loses nothing."""
