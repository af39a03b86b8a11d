"""The tenancy's container registry: its namespace, and repositories that are there before anything is pushed.

A push makes a missing repository by itself, but in the root compartment; with the repository made before, policies
of a compartment hold for it.  Source: Container Registry documentation, "Creating a Repository".
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
        is_public: whether everybody may pull from it.
        is_new: whether this call made it.
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
    """Make the repositories that are not there yet, private ones, in the provisioner's region.

    Those that are there stay as they are, public ones too: look at `is_public`.  They carry no tags of ours and
    belong to no deployment; for repositories that come and go with one, write `RepositorySpec` into its spec.
    Can be run again at any time, also beside itself.

    Args:
        provisioner: says tenancy, region and who calls.
        names: without registry and namespace, see `Registry.repository_name`.
        compartment_id: where; the provisioner's own by default.
        cancel: ends it.

    Raises:
        ConfigError: a name is taken in another compartment: names are unique in a tenancy.
        ServiceCallError: a call failed.
        Cancelled: `cancel` was set.
    """
    caller = provisioner.session.caller(cancel or Cancel())
    home = compartment_id or provisioner.compartment_id
    return tuple(_find(caller, name, home) or _make(caller, name, home) for name in names)


def _find(caller: Caller, name: str, compartment_id: str) -> Repository | None:
    operation = "list_container_repositories"
    for found in caller.pages(_CLIENT, operation, compartment_id, display_name=name, lifecycle_state="AVAILABLE"):
        if found["displayName"] == name:
            return _repository(found, is_new=False)
    return None


def _make(caller: Caller, name: str, compartment_id: str) -> Repository:
    details = {"compartmentId": compartment_id, "displayName": name, "isPublic": False, "isImmutable": False}
    operation = "create_container_repository"
    try:
        answer = caller.call(_CLIENT, operation, details, intent=CREATE, opc_retry_token=uuid4().hex)
    except Conflict as error:
        found = _find(caller, name, compartment_id)
        if found is None:
            raise ConfigError(
                f"The repository {name!r} cannot be made in {compartment_id}: {error.service_message} Its name is "
                "taken in another compartment of the tenancy: give that compartment_id, or push below another path."
            ) from error
        return found
    return _repository(answer.body, is_new=True)


def _repository(body: Mapping[str, Json], *, is_new: bool) -> Repository:
    return Repository(
        name=str(body["displayName"]),
        repository_id=str(body["id"]),
        is_public=bool(body["isPublic"]),
        is_new=is_new,
    )
