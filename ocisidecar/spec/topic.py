"""The topics that alarms notify."""

from __future__ import annotations

from attrs import field, frozen

from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import RESOURCE_NAME, length, validated


@frozen(repr=False)
class TopicSpec(ShortRepr):
    """A notification topic that the deployment makes; its name is made unique in the tenancy.

    Source: oci.ons.models.CreateTopicDetails.
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    description: str | None = field(default=None, kw_only=True, metadata=validated(length(1, 400)))


DEFAULT_TOPIC = TopicSpec("alarms")
"""Where alarms without destinations notify."""
