"""A deployment as the control plane shows it at one time: input of `checks` and `diagnose`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial

from attrs import field, frozen

from ocisidecar.observe.instances import Instance, read_instances
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.observed import Live, Snapshot
from ocisidecar.timestamps import from_rfc3339
from ocisidecar.verify.reach import Reach, read_reach
from ocisidecar.wire import Key, text

_GROUP_ID = re.compile(r"dynamic-group id (\S+)")
_GOING = "DELETING"


@frozen(kw_only=True)
class Inspection:
    """A deployment as the control plane shows it at one time.

    Attributes:
        site: its tenancy, region and compartment.
        snapshot: all resources with our tags there, of all deployments.
        lives: its live resources by key, oldest first.
        gone: keys of resources that it is known to have had and that no longer exist → their OCID.  They are in no
            list and, except for logs, a GET does not find them either.
        instances: its container instances.
        volumes: name of the instance → names of its volumes.
        reach: OCID of a topic that an alarm notifies → whom its messages reach.
    """

    site: Site
    snapshot: Snapshot = field(repr=False)
    lives: Mapping[Key, tuple[Live, ...]] = field(repr=False)
    gone: Mapping[Key, str]
    instances: tuple[Instance, ...] = field(repr=False)
    volumes: Mapping[str, tuple[str, ...]] = field(repr=False)
    reach: Mapping[str, Reach] = field(factory=dict, repr=False)

    def of_kind(self, kind: str) -> list[Live]:
        """Return the live resources of one kind, by key."""
        return [lives[0] for key, lives in sorted(self.lives.items()) if key.kind == kind]

    def missing_groups(self, policy: Live) -> list[str]:
        """Return the OCIDs of dynamic groups that a policy names and that the deployment no longer has.

        Empty if the deployment has no dynamic group: it uses an existing one, which is not checked.
        """
        ids = {live.id for live in self.of_kind("dynamic-group")}
        named = set(_GROUP_ID.findall(" ".join(statements_in(policy))))
        return sorted(named - ids) if ids else []


def statements_in(policy: Live) -> list[str]:
    """Return a policy's statements."""
    listed = policy.body.get("statements")
    return [str(one) for one in listed] if isinstance(listed, list) else []


def moved(inspection: Inspection) -> dict[Key, str]:
    """Return the resources that are in another compartment than the deployment → the OCID of that one."""
    place = inspection.site.identity.compartment_id
    found = {key: text(lives[0].body, "compartmentId") for key, lives in sorted(inspection.lives.items())}
    return {key: one for key, one in found.items() if one not in {"", place} and not KINDS[key.kind].is_in_root}


def age_of(instance: Instance, time: datetime) -> timedelta:
    """Return for how long an instance has existed; no time at all if that is not known."""
    created = from_rfc3339(instance.time_created)
    return timedelta() if created is None else time - created


def read_standing(
    reader: DeploymentReader, *, first: Collection[str] = (), most: int | None = None
) -> tuple[Instance, ...]:
    """Return the instances, see `read_instances`, without those that are being deleted and have a successor."""
    found = read_instances(reader, first=first, most=most)
    standing = {one.key for one in found if one.lifecycle_state != _GOING}
    return tuple(one for one in found if one.lifecycle_state != _GOING or one.key not in standing)


def inspect(
    reader: DeploymentReader,
    resources: Mapping[str, str],
    *,
    first: Collection[str] = (),
    most_instances: int | None = None,
) -> Inspection:
    """Read a deployment from the control plane.

    Args:
        reader: of the deployment.
        resources: key → OCID of the resources that it is known to have had.
        first: keys of instances that are read before others, see `read_instances`.
        most_instances: how many of them are read; all by default.
    """
    snapshot = reader.snapshot()
    lives = snapshot.of(reader.site.identity.name)
    parsed = {key: live_id for word, live_id in resources.items() if (key := Key.parse(word)) is not None}
    visible = KINDS.keys() - snapshot.invisible.keys()
    absent = {key: live_id for key, live_id in sorted(parsed.items()) if key not in lives and key.kind in visible}
    to_confirm = [key for key in absent if not KINDS[key.kind].parent]
    found = reader.call_all(
        [partial(KINDS[key.kind].get, reader.caller, reader.site, absent[key]) for key in to_confirm],
    )
    unlisted = {key: (live,) for key, live in zip(to_confirm, found, strict=True) if live is not None}
    instances = read_standing(reader, first=first, most=most_instances)
    alarms = [live for key, found in lives.items() if key.kind == "alarm" for live in found]
    topics = [live.id for key, found in lives.items() if key.kind == "topic" for live in found]
    return Inspection(
        site=reader.site,
        snapshot=snapshot,
        lives={**lives, **unlisted},
        gone={key: live_id for key, live_id in absent.items() if key not in unlisted},
        instances=instances,
        volumes={instance.name: instance.volume_names for instance in instances},
        reach=read_reach(reader, alarms, topics),
    )
