"""Core as a whole: importing its parts declares their operations."""

from ocisidecar.emulator.services import addresses, gateways, routing, security, vcns
from ocisidecar.emulator.services.core import CORE

__all__ = ["CORE", "addresses", "gateways", "routing", "security", "vcns"]
