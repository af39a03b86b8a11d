"""Object Storage: only the tenancy's namespace, the first part of every image's path in the registry.

Source: oci.object_storage.ObjectStorageClient; the namespace is a JSON string, not an object.
"""

from __future__ import annotations

from typing import Final

from ocisidecar.emulator.declarations import Call, Result, Service

NAMESPACE: Final = "emulatedns"

OBJECT_STORAGE: Final = Service(
    name="object_storage",
    prefixes=("objectstorage",),
    version="",
    client="object_storage.ObjectStorageClient",
)


@OBJECT_STORAGE.operation("GET", "/n", "get_namespace")
def get_namespace(call: Call) -> Result:
    """Respond with the tenancy's namespace."""
    client_id = call.headers.get("opc-client-request-id")
    return Result(body=NAMESPACE, headers={"opc-client-request-id": client_id} if client_id else {})
