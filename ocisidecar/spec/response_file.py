"""The response file with which a management agent registers."""

from __future__ import annotations

from attrs import frozen

from ocisidecar.spec.repr import ShortRepr


@frozen(repr=False)
class AgentResponseFile(ShortRepr):
    """An `input.rsp` that is written when the instance is created, with an install key that the deployment makes.

    The agent gets the instance's display name, and the deployment's tags.  The key enters no plan, tag or log.
    """
