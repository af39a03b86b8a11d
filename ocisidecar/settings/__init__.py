"""Settings in an environment file, which the scripts read, and the deployment that it describes."""

from ocisidecar.settings.settings import Settings
from ocisidecar.settings.template import template
from ocisidecar.settings.writing import write_values

__all__ = ["Settings", "template", "write_values"]
