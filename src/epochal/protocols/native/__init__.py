"""Epochal's own protocol: a journal is sent as stretches of bytes at offsets (wire.md)."""

from epochal.protocols.native.journals import ROUTES

__all__ = ["ROUTES"]
