"""The one question that every use case asks first: may this principal do it?"""

from __future__ import annotations

from epochal.domain.access import Permission, Principal, Role
from epochal.errors import PermissionDenied, Unauthenticated


def require(principal: Principal | None, permission: Permission) -> Principal:
    """Return the principal when it has the permission.

    Args:
        principal: who acts; None when the caller gave no valid credential.
        permission: what the use case needs.

    Raises:
        Unauthenticated: there is no principal.
        PermissionDenied: its role is too small.
    """
    if principal is None:
        raise Unauthenticated(
            "this needs an API key; send it as 'Authorization: Bearer KEY', or log in on the page "
            "(`epochal key create` makes one)"
        )
    if not principal.may(permission):
        needed = Role(int(permission)).name.lower()
        has = principal.role.name.lower()
        raise PermissionDenied(
            f"{principal.name!r} is a {has}, this needs a {needed}; "
            f"ask an admin for a key with that role"
        )
    return principal
