"""The tenancy's container registry: its namespace, and the creation of repositories before a push.

A push creates a missing repository by itself, but in the root compartment; policies of a compartment apply to a
repository that was created there before.  Source: Container Registry documentation, "Creating a Repository".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from attrs import frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.retry import CREATE
from ocisidecar.client.session import Caller
from ocisidecar.errors import ConfigError, Conflict
from ocisidecar.wire import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocisidecar.provisioner import Provisioner

_CLIENT: Final = "artifacts.ArtifactsClient"


@frozen(kw_only=True)
class Repository:
    """A repository of the tenancy's registry.

    Attributes:
        name: without registry and namespace, e.g. `ocisidecar/prometheus`.
        repository_id: its OCID.
        is_public: whether anyone may pull from it.
        is_new: whether this call created it.
    """

    name: str
    repository_id: str
    is_public: bool
    is_new: bool


def namespace(provisioner: Provisioner, *, cancel: Cancel | None = None) -> str:
    """Return the tenancy's namespace, the first part of every path in its registry.

    Raises:
        ServiceCallError: it could not be read.
    """
    caller = provisioner.session.caller(cancel or Cancel())
    return caller.call("object_storage.ObjectStorageClient", "get_namespace").text


def ensure_repositories(
    provisioner: Provisioner,
    names: Iterable[str],
    *,
    compartment_id: str | None = None,
    cancel: Cancel | None = None,
) -> tuple[Repository, ...]:
    """Create the repositories that do not exist yet, as private ones in the provisioner's region.

    Existing ones are not changed, not even public ones: see `is_public`.  Repositories created here carry none of
    our tags and belong to no deployment; use `RepositorySpec` for those that do.  Idempotent, also when called
    several times in parallel.

    Args:
        provisioner: has the tenancy, region and credentials.
        names: without registry and namespace, see `Registry.repository_name`.
        compartment_id: where to create them; by default the provisioner's.
        cancel: cancels the call.

    Raises:
        ConfigError: a name is taken in another compartment: names are unique in a tenancy.
        ServiceCallError: a call failed.
        Cancelled: `cancel` was set.
    """
    caller = provisioner.session.caller(cancel or Cancel())
    home = compartment_id or provisioner.compartment_id
    return tuple(_find(caller, name, home) or _create(caller, name, home) for name in names)


def _find(caller: Caller, name: str, compartment_id: str) -> Repository | None:
    operation = "list_container_repositories"
    for found in caller.pages(_CLIENT, operation, compartment_id, display_name=name, lifecycle_state="AVAILABLE"):
        if found["displayName"] == name:
            return _repository(found, is_new=False)
    return None


def _create(caller: Caller, name: str, compartment_id: str) -> Repository:
    details = {"compartmentId": compartment_id, "displayName": name, "isPublic": False}
    operation = "create_container_repository"
    try:
        response = caller.call(_CLIENT, operation, details, intent=CREATE, opc_retry_token=uuid4().hex)
    except Conflict as error:
        found = _find(caller, name, compartment_id)
        if found is None:
            raise ConfigError(
                f"The repository {name!r} cannot be created in {compartment_id}: {error.service_message} Its name "
                "is used in another compartment of the tenancy: pass that compartment_id, or use another path."
            ) from error
        return found
    return _repository(response.body, is_new=True)


def _repository(body: Mapping[str, Json], *, is_new: bool) -> Repository:
    return Repository(
        name=str(body["displayName"]),
        repository_id=str(body["id"]),
        is_public=bool(body["isPublic"]),
        is_new=is_new,
    )
