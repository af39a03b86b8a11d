"""State of the emulated cloud: the records of its resources, and everything else that its responses depend on."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import Factory, define, field, frozen
from attrs.validators import in_

from ocisidecar.clock import Clock
from ocisidecar.emulator.faults import FaultSchedule
from ocisidecar.emulator.ids import Ids
from ocisidecar.emulator.lifecycle import Latencies, Lifetime, Phase, Timeline
from ocisidecar.emulator.metric_store import MetricStore
from ocisidecar.emulator.outbox import Outbox
from ocisidecar.emulator.pods import Pods
from ocisidecar.emulator.regions import HOME, REGIONS
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.signature import KeyRing
from ocisidecar.emulator.tokens import RetryTokens

ENDED: Final = frozenset({None, "DELETED", "TERMINATED"})


@define(eq=False)
class Record:
    """One resource, or one part of a resource.

    Args:
        kind: OCI's singular noun with dashes, e.g. route-table.
        region: where it lives; the home region's name for identity's kinds.
        sequence: rises with every creation.
        body: its wire JSON without lifecycleState, which `timeline` holds.
        timeline: its states, past and planned.
        is_builtin: whether the service made it (defaults of a VCN, the tenancy): `Emulator.live` does not count it.
        is_part: whether it belongs to another record and is deleted with it.
        hidden: internal data that responses do not contain.
        version: rises with every change, for the entity tag.
    """

    kind: str
    id: str
    region: str
    sequence: int
    created_at: float
    body: JsonObject
    timeline: Timeline
    is_builtin: bool = False
    is_part: bool = False
    hidden: dict[str, Any] = Factory(dict)
    version: int = 0

    def state_at(self, now: float) -> str | None:
        """Return the lifecycle state at `now`, None once the record is gone."""
        return self.timeline.state_at(now)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply `changes`; the entity tag changes."""
        self.body.update(changes)
        self.version += 1

    def transition(self, now: float, phases: Sequence[Phase]) -> None:
        """Enter the first of `phases` now; the entity tag changes."""
        self.timeline = self.timeline.then(now, phases)
        self.version += 1


def lifetime(record: Record) -> Lifetime:
    """Return when a resource was created and deleted."""
    first = record.timeline.first_entered_at
    return Lifetime(
        kind=record.kind,
        id=record.id,
        created=record.created_at,
        ready=first({"AVAILABLE", "ACTIVE"}),
        deleting=first({"DELETING", "TERMINATING"}),
        gone=first(ENDED),
    )


class Store:
    """All records by kind and id, in order of creation.  Used under the emulator's lock.

    `history` holds those that are gone too.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Record]] = {}
        self._sequence = 0
        self.history: list[Record] = []

    def add(self, record: Record) -> Record:
        """Store the record."""
        self.history.append(record)
        self._kinds.setdefault(record.kind, {})[record.id] = record
        return record

    def next_sequence(self) -> int:
        """Return a number greater than all before."""
        self._sequence += 1
        return self._sequence

    def find(self, kind: str, record_id: str, now: float) -> Record | None:
        """Return the record, or None when it does not exist at `now`."""
        record = self._kinds.get(kind, {}).get(record_id)
        return record if record is not None and record.state_at(now) is not None else None

    def all(self, kind: str, now: float) -> list[Record]:
        """Return the records of one kind that exist at `now`, oldest first; drops those that are gone."""
        records = self._kinds.get(kind, {})
        vanished = [record.id for record in records.values() if record.timeline.entered_at(None) <= now]
        for record_id in vanished:
            del records[record_id]
        return list(records.values())

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of all records so far."""
        return tuple(self._kinds)


@frozen(kw_only=True)
class Assumptions:
    """Choices where OCI's documentation is silent and no recorded response decides.

    The defaults are what was seen in the service or, where nothing was, the harsher of the possible readings: what
    works with them works in OCI.  `python -m ocisidecar emulator --assumptions` prints the texts below.

    Args:
        retry_token_mismatch: code of the 409 for a retry token that is sent again with another body.  Source:
            `Conflict` in terraform-provider-oci issue #170.  UNCONFIRMED: that the bodies are compared before the
            resource's deletion is noticed.
        foreign_images: what images are that OCIR has in other namespaces than the tenancy's: "private" ones exist,
            each in a repository of the instance's compartment which it must be allowed to read; "public" ones exist
            and need no right; "missing" ones do not exist.  UNCONFIRMED: the first is an invention for the sake of
            examples, whose registries nobody has.
        pulls_with_disabled_principal: whether the right of the instance counts for images of containers whose
            resource principal is disabled.  UNCONFIRMED: a comment in public code says so.
        pulls_take_security_rules: whether an image is pulled only where the rules of the instance's VNIC let the
            connection to its registry out.  UNCONFIRMED: Oracle documents that the subnet needs a gateway for pulls
            ("Creating a Container Instance", troubleshooting), from which it follows that they take the VNIC.
        removes_instance_on_refused_pull: whether an instance whose image cannot be pulled is deleted; otherwise it
            stays, FAILED.  UNCONFIRMED: the text of the refusal is on record, the instance's end is not.
        unknown_group_message: text of the 400 for a policy that names a group which does not exist or is not known
            yet; `{kind}` and `{name}` stand for it.  Source: terraform-provider-oci issue #785;
            "No permissions found" is on record too (jetuse, public-deploy-dedicated-compartment.md).
        logging_create_status: status of the response to a create of a log group or log, 202 or 200.  UNCONFIRMED:
            no recorded response decides.
        has_default_tags: whether the tenancy's default tags Oracle-Tags.CreatedBy and .CreatedOn exist.  Source:
            live answers that show them.  UNCONFIRMED: that there are tenancies without them.
        null_removes_field: whether null in an update removes an optional field; otherwise null is ignored.
            UNCONFIRMED: the SDK's NONE_SENTINEL sends null for this purpose, but no service documents it.
        resource_principal_lifetime_seconds: how long the tokens of real containers are valid; they are replaced
            after half that time.  Source: oke-credential-provider-for-ocir issue #5, 3600 s.
        emptydir_mode: permissions of the EMPTYDIR volumes of real containers, which belong to root.  UNCONFIRMED:
            dander has written to one as user 65532, monkeyci could not as user 1000, both live; the harsher reading
            is 0o755.
        first_unprivileged_port: lowest port at which users other than root may listen in real containers.
            UNCONFIRMED: it is 1024 by Linux and with containerd, whose log format OCI's containers have, and 0 with
            Docker.
        accepts_idle_actions: whether starting an ACTIVE container instance, and stopping or restarting an INACTIVE
            one, is accepted and does nothing.  Source: live use by dander, commit 9bc3fcc, for the stop: "OCI
            returns 405 (rather than 409) when an instance is already inactive".  UNCONFIRMED: start, restart, code.
        containers_have_own_tags: whether a container's tags may be other than null or exactly its instance's.
            Source: live use by dander, commit 9a75d62: "OCI rejects the entire request unless every container's
            tags are null or exactly equal to its parent's".  UNCONFIRMED: that updates are checked.
        accepts_immutable_repositories: whether `isImmutable` of a container repository may be true.  Source: live
            use by dander, commit f902e3f: 400 "Setting isImmutable is not currently supported", also on update.
        accepts_silent_alarms: whether an alarm may have no destinations.  UNCONFIRMED: the field is required, and
            no minimum is documented.
        accepts_equal_subscriptions: whether a topic may have two subscriptions of the same protocol and endpoint;
            otherwise the second one is refused with 409.  UNCONFIRMED: neither is documented.
        accepts_root_by_id: whether a policy statement may say `in compartment id <OCID of the tenancy>` for
            `in tenancy`.  UNCONFIRMED: the documented syntax for the root compartment is `in tenancy`.
        accepts_exact_source: whether log search accepts `source = '<OCID>'`; a pattern such as `'*<OCID>'` always
            works.  Source: accelerated-data-science, ads/common/oci_logging.py: "source = <OCID> is not allowed
            but source = *<OCID> works".  UNCONFIRMED: that it is refused with 400 rather than finding nothing.
        max_query_characters: maximum length of a Monitoring query, of alarms too.  UNCONFIRMED: no limit is
            documented.
        shows_vnic_release: whether the VNIC of a deleted instance is TERMINATING until it is released; otherwise it
            stays AVAILABLE.  UNCONFIRMED: the word exists for VNICs, and no recorded response shows it.
        has_resource_id_claim: whether a resource principal's token contains its resource's OCID, in the claims
            `res_id` and `sub`.  UNCONFIRMED: Oracle's SDKs document `res_tenant` and `res_compartment`
            only.
        dynamic_groups_match_tags: whether matching rules can compare the defined tags of container instances and of
            management agents.  UNCONFIRMED: documented for compute instances; no live use is known for these.
        availability_of_limits: what get_resource_availability answers for the limits that exist: "known" numbers,
            "null" numbers, or "missing", which is a 404.  Source: oci.limits for the 404; null answers are on
            record.  UNCONFIRMED: which limits answer in which way.
        agent_silent_after_seconds: after how long without a heartbeat a management agent is SILENT.  UNCONFIRMED:
            no number is documented; a longer time hides for longer that an agent is gone.
        keeps_repeated_datapoints: whether a datapoint with the time of one that the stream has counts beside that;
            otherwise it takes its place.  UNCONFIRMED: the field `count` of a datapoint suggests that datapoints
            are added up, so that sum() and count() double.
        shows_ended_install_keys: whether an install key that has expired or is used up is TERMINATED; otherwise it
            stays ACTIVE.  UNCONFIRMED: the word exists, and no document says what it is for.
        lists_shapes_without_limit: whether list_container_instance_shapes lists shapes of which the tenancy may
            have no core.  UNCONFIRMED: neither a document nor a record says so.
    """

    retry_token_mismatch: str = "Conflict"  # noqa: S105 - an error code
    foreign_images: str = "private"
    pulls_with_disabled_principal: bool = True
    pulls_take_security_rules: bool = True
    removes_instance_on_refused_pull: bool = False
    unknown_group_message: str = (
        "The {kind} {name} specified in the policy statement does not exist under current compartment hierarchy."
    )
    logging_create_status: int = 202
    has_default_tags: bool = False
    null_removes_field: bool = True
    resource_principal_lifetime_seconds: float = 3600
    emptydir_mode: int = 0o1777
    first_unprivileged_port: int = 1024
    accepts_idle_actions: bool = False
    containers_have_own_tags: bool = False
    accepts_immutable_repositories: bool = False
    accepts_silent_alarms: bool = False
    accepts_equal_subscriptions: bool = False
    accepts_root_by_id: bool = False
    accepts_exact_source: bool = False
    max_query_characters: int = 2048
    shows_vnic_release: bool = False
    has_resource_id_claim: bool = False
    dynamic_groups_match_tags: bool = False
    availability_of_limits: str = field(default="known", validator=in_(("known", "null", "missing")))
    agent_silent_after_seconds: float = 600
    keeps_repeated_datapoints: bool = True
    shows_ended_install_keys: bool = False
    lists_shapes_without_limit: bool = True


@define(eq=False, kw_only=True)
class Cloud:
    """Everything behind the endpoint of one emulator; `Emulator.reset` makes a new one."""

    clock: Clock
    seed: int
    latencies: Latencies
    assumptions: Assumptions
    limits: Mapping[str, int]
    keys: KeyRing
    tenancy_id: str
    compartment_id: str
    user_id: str
    home_region: str
    faults: FaultSchedule
    ids: Ids
    pods: Pods
    store: Store = field(factory=Store)
    metrics: MetricStore = field(init=False)
    outbox: Outbox = field(factory=Outbox)
    tokens: RetryTokens = field(factory=RetryTokens)
    lock: threading.RLock = field(factory=threading.RLock)

    def __attrs_post_init__(self) -> None:
        self.metrics = MetricStore(keeps_repeated=self.assumptions.keeps_repeated_datapoints)

    def draw_phases(self, draw_key: str, named: Sequence[tuple[str | None, str]]) -> list[Phase]:
        """Return phases with drawn durations: second items name fields of `Latencies`, or are empty for none."""
        key = f"{self.seed}/{draw_key}"
        return [(state, self.latencies.draw(name, f"{key}/{state}") if name else 0.0) for state, name in named]

    def record(
        self,
        kind: str,
        record_id: str,
        body: JsonObject,
        *,
        timeline: Timeline,
        now: float,
        region: str = HOME,
        is_builtin: bool = False,
        is_part: bool = False,
    ) -> Record:
        """Create and store a record."""
        return self.store.add(
            Record(
                kind=kind,
                id=record_id,
                region=region,
                sequence=self.store.next_sequence(),
                created_at=now,
                body=body,
                timeline=timeline,
                is_builtin=is_builtin,
                is_part=is_part,
            )
        )

    def availability_domain_ids(self, region: str) -> dict[str, str]:
        """Return the ids of a region's availability domains by name; they are the same for the same seed."""
        return {
            name: Ids(zlib.crc32(f"{self.seed}/{name}".encode())).ocid("availabilitydomain")
            for name in REGIONS[region].domain_names()
        }

    def path_to_root(self, compartment_id: str, now: float) -> tuple[str, ...]:
        """Return the OCIDs from a compartment up to the tenancy, both included."""
        path = []
        record = self.store.find("compartment", compartment_id, now)
        while record is not None:
            path.append(record.id)
            record = self.store.find("compartment", record.body.get("compartmentId", ""), now)
        return tuple(path)

    def compartment_below(self, compartment_id: str, wanted: str, now: float) -> Record | None:
        """Return the compartment that a statement in `compartment_id` names: an OCID, or names and colons."""
        found = self.store.find("compartment", wanted, now)
        if found is not None:
            return found
        found = self.store.find("compartment", compartment_id, now)
        for name in wanted.split(":"):
            if found is None:
                return None
            named = self.where("compartment", now, compartmentId=found.id, name=name)
            found = next((one for one in named if one.state_at(now) not in ENDED), None)
        return found

    def is_live(self, kind: str, record_id: str, now: float) -> bool:
        """Return whether a resource exists and is neither deleted nor being deleted."""
        record = self.store.find(kind, record_id, now)
        return record is not None and record.state_at(now) not in ENDED | {"DELETING", "TERMINATING"}

    def where(self, kind: str, now: float, **members: Any) -> Iterator[Record]:
        """Yield the records of a kind whose bodies have these members."""
        for record in self.store.all(kind, now):
            if all(record.body.get(name) == value for name, value in members.items()):
                yield record
