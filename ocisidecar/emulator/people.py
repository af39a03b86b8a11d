"""Who calls: users of the tenancy, their groups, and the policies that have been in force for long."""

from __future__ import annotations

from collections.abc import Sequence

from ocisidecar.emulator.access import ADMINISTRATORS
from ocisidecar.emulator.app import App
from ocisidecar.emulator.iam import parse_statement
from ocisidecar.emulator.initial_state import create_builtin_policy, create_builtin_user
from ocisidecar.emulator.signature import make_key, pem


class People:
    """The methods of `Emulator` that add callers and their rights.  Thread-safe."""

    app: App

    def add_user(self, name: str, *, groups: Sequence[str] = (ADMINISTRATORS,)) -> dict[str, str]:
        """Add a user with a new API key; returns a configuration for SDK clients.

        Args:
            name: of the user.
            groups: names of the groups that the user is a member of, which are created where they do not exist.
                Administrators may do everything; other users have the rights that policies give their groups.
        """
        cloud = self.app.cloud
        key = make_key()
        with cloud.lock:
            user_id = cloud.ids.ocid("user")
            key_fingerprint = create_builtin_user(cloud, user_id, name, key.public_key(), groups)
        return {
            "user": user_id,
            "tenancy": cloud.tenancy_id,
            "fingerprint": key_fingerprint,
            "key_content": pem(key),
            "region": cloud.home_region,
        }

    def add_policy(self, *statements: str) -> None:
        """Add a policy to the root compartment that is in force at once, as if written long ago.

        Raises:
            ValueError: one of the statements is not a policy statement.
        """
        for statement in statements:
            parse_statement(statement)
        cloud = self.app.cloud
        with cloud.lock:
            create_builtin_policy(cloud, statements)
