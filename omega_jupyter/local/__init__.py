"""The local services: a MongoDB and a worker that are started on demand.

``services`` is what the rest of the package uses. ``supervisor`` is the process that
holds the lock, runs ``mongod`` and the worker as its children, and ends both when
nobody uses them.
"""
