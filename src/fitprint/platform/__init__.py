"""How systems differ: the only room that knows.

All others ask here for locks, files, users and processes.
"""
