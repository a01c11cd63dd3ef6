"""The client side of remote execution."""
