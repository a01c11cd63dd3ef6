"""The worker side of remote execution."""
