"""The journal: an append-only file per process that makes recording durable and nearly free.

``frames`` is the format, ``codec`` turns events into JSON and back, ``writer`` appends, ``reader``
reads what is intact, ``delivery`` hands it to a store exactly once and settles the runs of writers
that died.
"""
