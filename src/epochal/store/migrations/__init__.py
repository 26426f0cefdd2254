"""Revisions of the database, one file each under ``versions``, numbered like ``PRAGMA user_version``."""
