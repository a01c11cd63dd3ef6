"""The local services: a MongoDB and a worker that are started on demand."""
