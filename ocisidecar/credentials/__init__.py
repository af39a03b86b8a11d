"""Credentials: the identity that calls OCI, and its region."""

from ocisidecar.credentials.loading import Credentials, load_credentials
from ocisidecar.credentials.realms import console_origin, domain_of, region_named
from ocisidecar.credentials.settings import Setting, find

__all__ = ["Credentials", "Setting", "console_origin", "domain_of", "find", "load_credentials", "region_named"]
