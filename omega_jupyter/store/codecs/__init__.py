"""One codec for each kind of object, found by a registry."""
