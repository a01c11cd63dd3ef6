"""Names and tags: how they are written, found, listed and changed."""
