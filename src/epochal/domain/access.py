"""Who may do what: roles, permissions and the principal that a request acts as."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Role(IntEnum):
    """Each role may do what the ones below it may."""

    READER = 1
    WRITER = 2
    ADMIN = 3


class Permission(IntEnum):
    """What a route or use case needs, as the smallest role that has it."""

    READ = Role.READER
    WRITE = Role.WRITER
    ADMINISTER = Role.ADMIN


class Principal(msgspec.Struct, frozen=True):
    """Who acts: the OS user (an admin) in local mode, the owner of an API key in team mode."""

    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether the role covers the permission."""
        return int(self.role) >= int(permission)


LOCAL_USER = Principal(name="local", role=Role.ADMIN)
