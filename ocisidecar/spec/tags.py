"""The two kinds of OCI tags as fields of a spec."""

from __future__ import annotations

from collections.abc import Mapping

from ocisidecar.spec.converters import as_dict, text_map
from ocisidecar.spec.validate.fields import length, matches, validated

TAG_KEY = matches(r"[^\s.]{1,100}", "1 to 100 characters without blanks and dots")
TAG_VALUE = length(0, 256)

FREEFORM = validated(each=(TAG_VALUE,), names=(TAG_KEY,))
"""Source: Oracle documentation, "Limits on Tags"; a key with a dot or blank is refused by the service."""

DEFINED = validated(names=(TAG_KEY,))


def _no_tags(value: Mapping[str, object]) -> str | None:
    """Demand that containers have no tags of their own."""
    if not value:
        return None
    return (
        "OCI refuses a container instance whose containers have tags that are not exactly its own, which include "
        f"those of this library: set {', '.join(map(repr, value))} on the instance instead"
    )


OF_CONTAINER = validated(_no_tags)
"""Source: live use by github.com/harrisonoconnorhover/dander, commit 9a75d62: "OCI rejects the entire request
unless every container's tags are null or exactly equal to its parent's"."""


def as_defined_tags(value: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Normalise defined tags: namespace → key → value."""
    return as_dict(value, text_map)
