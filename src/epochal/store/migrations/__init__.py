"""Revisions of the database, one file each, numbered like ``PRAGMA user_version``."""
