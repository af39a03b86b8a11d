"""Who calls OCI, and in which region."""

from ocisidecar.credentials.loading import Credentials, load_credentials
from ocisidecar.credentials.settings import Setting, find

__all__ = ["Credentials", "Setting", "find", "load_credentials"]
