"""Resource principals of container instances: their tokens, and the files that containers read them from.

Source: oci.auth.signers.resource_principals_signer for the claims and variables.  UNCONFIRMED: the directory, from
a report of live use; and how early a token is replaced.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ocisidecar.emulator.signature import Principal, make_key, pem
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.engine import Owner, is_dead

RESOURCE_TYPE: Final = "computecontainerinstance"
DIRECTORY: Final = "/var/oci/rp-identity"
PREFIX: Final = "ocisidecar-pods"
SESSION_FILE: Final = "session_token"
KEY_FILE: Final = "private_key"


def principal_of(cloud: Cloud, instance: Record) -> Principal:
    """Return the principal of an instance's containers."""
    return Principal(
        id=instance.id,
        tenancy_id=cloud.tenancy_id,
        resource_type=RESOURCE_TYPE,
        compartment_id=instance.body["compartmentId"],
    )


def issue_token(cloud: Cloud, instance: Record, public: RSAPublicKey, seconds: float) -> str:
    """Return a token that makes requests signed with this key the instance's, valid for `seconds`."""
    principal = principal_of(cloud, instance)
    claims = {
        "res_tenant": principal.tenancy_id,
        "res_compartment": principal.compartment_id,
        "res_type": principal.resource_type,
        "sub": principal.resource_type,
    }
    if cloud.assumptions.has_resource_id_claim:
        claims |= {"res_id": principal.id, "sub": principal.id}
    return cloud.keys.issue_token(principal, public, seconds=seconds, claims=claims)


def environment_variables(region: str, endpoint: str) -> dict[str, str]:
    """Return the environment variables by which programs find principal, region and emulator."""
    latest = f"{DIRECTORY}/latest"
    return {
        "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
        "OCI_RESOURCE_PRINCIPAL_RPST": f"{latest}/{SESSION_FILE}",
        "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": f"{latest}/{KEY_FILE}",
        "OCI_RESOURCE_PRINCIPAL_REGION": region,
        "OCISIDECAR_ENDPOINT": endpoint,
    }


def private_directory() -> tempfile.TemporaryDirectory[str]:
    """Return a new directory that only this user can enter, and remove those that killed processes left.

    Its name holds the owning process, as the labels of objects on an engine do.
    """
    me = Owner.current()
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}.{me.pid_namespace}.*.*"):
        if is_dead(path.name.split(".")[2]):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}.{me.pid_namespace}.{me.process}.")


class PrincipalFiles:
    """Token and private key in `<directory>/latest`, a link that is switched so that both change at once.

    Containers may run with any user id, so the files are readable by all users: in a container that has the mount
    every process may act as the instance, as in OCI.  On the host the parent directory must be private.

    Args:
        directory: mounted into the containers; made by the first renewal.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._generation = 0

    def renew(self, issue: Callable[[RSAPublicKey], str]) -> None:
        """Replace key and token by a new key and the token issued for it; takes about 100 ms.

        The old files stay until the next renewal, for readers that have resolved the link already.
        """
        key = make_key()
        self._generation += 1
        fresh = self.directory / str(self._generation)
        contents: Mapping[str, str] = {SESSION_FILE: issue(key.public_key()), KEY_FILE: pem(key)}
        fresh.mkdir(parents=True)
        for directory in (self.directory, fresh):
            directory.chmod(0o755)
        for name, text in contents.items():
            (fresh / name).write_text(text)
            (fresh / name).chmod(0o644)
        link = self.directory / "next"
        link.unlink(missing_ok=True)
        link.symlink_to(fresh.name)
        link.rename(self.directory / "latest")
        shutil.rmtree(self.directory / str(self._generation - 2), ignore_errors=True)
