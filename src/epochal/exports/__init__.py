"""Runs written for others: event files that TensorBoard reads, a page that opens from disk.

Stands on the reading API: whatever is read, from a home or from a server, can be written.
"""
