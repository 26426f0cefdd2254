"""Who asks, whose runs these are, and what this server can do.

Features are those of the client's own list; one that is not named here is off, and the client
then does without.
"""

from __future__ import annotations

from typing import Any, Final

from epochal.domain.access import Permission
from epochal.domain.names import DEFAULT_ENTITY
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import write_id
from epochal.service.permission import require

FEATURES: Final = (
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_TAGS",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "CLIENT_IDS",
    "EXPAND_DEFINED_METRIC_GLOBS",
    "FILESTREAM_GZIP",
    "LARGE_FILENAMES",
    "MARK_RUN_FILES_UPLOADED",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "STRUCTURED_CONSOLE_LOGS",
    "SWEEPS_QUERY_FILTERING",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "UPDATE_RUN_STATE",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)
VERSIONS: Final = {"max_cli_version": "99.0.0", "min_cli_version": "0.0.1"}
"""Between these the client neither asks for an upgrade nor refuses to work."""


NONE_OF_THEM: Final = {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
"""A page of what there cannot be here."""


async def viewer(asked: Asked, parent: Any, given: Given) -> Object:
    """The caller; a caller without a valid key is refused before."""
    principal = require(asked.call.principal, Permission.READ)
    return Object("User", user_of(principal.name, is_admin=principal.may(Permission.ADMINISTER)))


def user_of(name: str, *, is_admin: bool) -> dict[str, Any]:
    """A person as clients show one."""
    return {
        "id": write_id("User", name), "name": name, "username": name, "email": "",
        "admin": is_admin, "flags": "{}", "entity": DEFAULT_ENTITY, "deletedAt": None,
        "apiKeys": {"edges": []}, "projects": NONE_OF_THEM,
        "teams": {"edges": [{"node": {"name": DEFAULT_ENTITY}}]},
    }  # fmt: skip


async def server_info(asked: Asked, parent: Any, given: Given) -> Object:
    """Versions and features."""
    return Object(
        "ServerInfo",
        {
            "cliVersionInfo": VERSIONS,
            "latestLocalVersionInfo": {
                "outOfDate": False, "latestVersionString": "", "versionOnThisInstanceString": "",
            },
            "features": [{"name": name, "isEnabled": True} for name in FEATURES],
        },
    )  # fmt: skip


async def entity(asked: Asked, parent: Any, given: Given) -> Object:
    """A name under which projects lie. There are no organizations and no teams."""
    name = given.text("name") or given.text("entityName") or DEFAULT_ENTITY
    members = [] if asked.call.principal is None else [_member(asked.call.principal.name)]
    return Object("Entity", {**entity_of(name), "members": members})


def _member(name: str) -> dict[str, Any]:
    """The caller, as one of those who share an entity."""
    return {
        "id": write_id("User", name), "name": name, "username": name, "email": "",
        "admin": False, "pending": False, "photoUrl": None, "accountType": "USER", "apiKey": None,
    }  # fmt: skip


def entity_of(name: str) -> dict[str, Any]:
    """An entity as clients show one."""
    return {
        "id": write_id("Entity", name), "name": name, "isTeam": False, "entityType": "user",
        "xxhashDigestsEnabled": False, "organization": None, "user": None, "members": [],
        "available": True, "codeSavingEnabled": True, "defaultAccess": "USER_WRITE",
        "readOnlyAdmin": False, "privateOnly": False, "storageBytes": 0,
        "integrations": NONE_OF_THEM,
    }  # fmt: skip


async def nothing(asked: Asked, parent: Any, given: Given) -> None:
    """What does not exist here, and may be null."""


FIELDS: Final[Fields] = {
    "Query": {
        "viewer": viewer, "serverInfo": server_info, "entity": entity, "organization": nothing,
    },
}  # fmt: skip
