"""The causes that `diagnose()` can name, with what to do about each: data."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Cause:
    """A cause of a problem: its title, and what to do about it."""

    title: str
    remedy: str


CAUSES: Mapping[str, Cause] = {
    "resource-gone": Cause(
        title="A resource of the deployment no longer exists",
        remedy="Apply the spec again: it creates missing resources.",
    ),
    "in-other-compartment": Cause(
        title="A resource was moved to another compartment, where the deployment's permissions do not count",
        remedy="Move it back with change-compartment, or apply the spec again: it makes a new one here.",
    ),
    "out-of-host-capacity": Cause(
        title="OCI has no capacity for the shape in this location",
        remedy=(
            "Allow more availability domains or shapes with with_placement(PlacementSpec(...)), or retry later."
        ),
    ),
    "limit-exceeded": Cause(
        title="A service limit or a compartment quota is exceeded",
        remedy=("Delete what is not needed (stopped and failed instances count too), or request a higher limit."),
    ),
    "no-way-out": Cause(
        title="The subnet has no outbound route, so images cannot be pulled and nothing can be sent to OCI",
        remedy="Apply the spec again: it restores gateways and routes.",
    ),
    "egress-closed": Cause(
        title="Security rules let nothing out to OCI",
        remedy=(
            "Apply the spec again: it restores the rules of its own groups. In an existing subnet, have its "
            "owner allow TCP 443 out to Oracle's services, which images, metrics and log lines need."
        ),
    ),
    "missing-right": Cause(
        title="A permission is missing",
        remedy=("Grant the user or dynamic group what the evidence names; a new policy can take minutes to work."),
    ),
    "principal-disabled": Cause(
        title="A container that sends to OCI has no resource principal",
        remedy=(
            "Leave is_resource_principal_disabled out for this container, or set it to False, and apply again."
        ),
    ),
    "image-pull-failed": Cause(
        title="An image cannot be pulled",
        remedy=(
            "Check its name and tag, that it is built for the shape's processor, that the subnet can reach "
            "the registry, and the permission to pull: for OCIR `read repos` in the repository's own "
            "compartment (or try is_resource_principal_disabled=False), with_pull_secret(...) for others."
        ),
    ),
    "instance-failed": Cause(
        title="OCI reports that the instance failed",
        remedy="Fix what the evidence names, then apply again: the failed instance is replaced.",
    ),
    "stuck": Cause(
        title="A change takes far longer than usual",
        remedy="Check its work request in the console; apply again to continue waiting.",
    ),
    "instance-stopped": Cause(
        title="An instance is stopped",
        remedy="Start it with start(), or apply the spec again.",
    ),
    "install-key-ended": Cause(
        title="Management agents cannot register: their install key is no use any more",
        remedy=(
            "Apply the spec again: it makes a new key. An instance whose agent is not registered has the old "
            "one: replace it."
        ),
    ),
    "wrong-architecture": Cause(
        title="A container's image is built for another processor",
        remedy=(
            "Build the image for the shape's processor (linux/amd64 for E shapes, linux/arm64 for A1), or "
            "choose the other shape. Oracle's management agent is for x86 only: use "
            "SidecarSpec.metrics_forwarder() on Arm."
        ),
    ),
    "cannot-start": Cause(
        title="A container's command cannot be started",
        remedy="Check command and arguments against the image: the file must exist there and be executable.",
    ),
    "unknown-flag": Cause(
        title="A container's program does not know one of its flags",
        remedy=(
            "Pin the version of the image that the flags are for, not latest: exporters rename flags between "
            "versions. The presets pin versions that were run with their flags."
        ),
    ),
    "port-taken": Cause(
        title="Two containers of an instance listen on the same port",
        remedy="Give one of them another port: the containers of an instance share one network address.",
    ),
    "configuration-refused": Cause(
        title="A container's program refuses its configuration",
        remedy=(
            "Correct what the last log lines name. Exporters change how they are configured between versions, "
            "so pin the version of the image."
        ),
    ),
    "disk-full": Cause(
        title="An instance's disk is full, or nearly so",
        remedy=(
            "Write and keep less: limit what the app logs, and Prometheus' retention. An instance has 15 GB "
            "for all its containers and volumes together; a restart of the instance empties them."
        ),
    ),
    "not-writable": Cause(
        title="A container may not write to one of its directories",
        remedy=(
            "Check that the directory is on a volume of type EMPTYDIR, that a read-only root file system has "
            "a volume there, and that the containers that share the volume run as the same user "
            "(run_as_user), or may write by group or mode."
        ),
    ),
    "out-of-memory": Cause(
        title="A container was killed, probably because it ran out of memory",
        remedy="Raise its memory_limit_in_gbs or the instance's memory_in_gbs, or reduce its memory use.",
    ),
    "killed": Cause(
        title="A container was killed: it ran out of memory, or its health check failed",
        remedy=(
            "Check that the program listens on 0.0.0.0 at the check's port, answers its path in time, and is "
            "up before the check fails too often (initial_delay_in_seconds). If so, raise its "
            "memory_limit_in_gbs."
        ),
    ),
    "killed-by-health-check": Cause(
        title="A failing health check kills a container repeatedly",
        remedy=(
            "Check that the program listens on 0.0.0.0 at the check's port and answers its path in time; give "
            "it a longer initial_delay_in_seconds if it starts slowly."
        ),
    ),
    "crash-loop": Cause(
        title="A container is restarting repeatedly (crash loop)",
        remedy="Check its last log lines in the evidence and fix the error.",
    ),
    "container-ended": Cause(
        title="A container exited with an error and is not restarted",
        remedy="Check its last log lines in the evidence; restart() runs it again.",
    ),
    "memory-used-up": Cause(
        title="An instance or container has nearly no memory left",
        remedy=(
            "Raise memory_in_gbs or the container's memory_limit_in_gbs, leave out exporters that are not "
            "needed, or make the app use less: the container is killed when nothing is left."
        ),
    ),
    "cpu-used-up": Cause(
        title="An instance has nearly no CPU left, so its containers are slowed down",
        remedy=(
            "Raise ocpus, leave out exporters that are not needed, scrape less often (interval), or make the "
            "app use less."
        ),
    ),
    "unhealthy": Cause(
        title="A container is running but its health check fails",
        remedy="Check that the program listens on 0.0.0.0 at the check's port and answers its path in time.",
    ),
    "log-missing": Cause(
        title="The log that a forwarder sends to is not there any more",
        remedy=(
            "Apply the spec again: it makes the log, and replaces instances that send to another one. If its "
            "log group was moved to another compartment, move it back."
        ),
    ),
    "log-disabled": Cause(
        title="A log is disabled, so what is sent to it may be lost",
        remedy="Apply the spec again: it enables the log.",
    ),
    "volume-not-shared": Cause(
        title="A log forwarder reads a volume that no other container writes to",
        remedy=(
            "Mount the same volume, by its name, in the container that writes the log files and in the "
            'forwarder, see the evidence: with_volume(VolumeSpec.empty_dir("logs"), mount_path=...).'
        ),
    ),
    "files-unreadable": Cause(
        title="A log forwarder may not read the files that the app writes",
        remedy=(
            "Let the app create files that others may read (umask 022), or run both containers as the same "
            "user (run_as_user); the forwarder runs as user 10001."
        ),
    ),
    "no-log-files": Cause(
        title="A log forwarder has found no log file on its volume",
        remedy=(
            "Check in the evidence that the app writes its log below the path at which it mounts the volume, "
            "and that the names of its files match log_files (*.log by default)."
        ),
    ),
    "clock-wrong": Cause(
        title="OCI refuses a container's calls because its clock is wrong",
        remedy=(
            "Restart the instance; it takes the time of its host. If that does not help, open a service "
            "request with the request id in the log."
        ),
    ),
    "lines-held-back": Cause(
        title="A log forwarder cannot send the lines that the app writes",
        remedy=(
            "If pushes fail, allow the instance's dynamic group to `use log-content` in the log's "
            "compartment, and check that the log exists and is enabled. Files that it cannot open must be "
            "readable for user 10001. It retries by itself."
        ),
    ),
    "agent-not-registered": Cause(
        title="A management agent has not registered",
        remedy=(
            "Look at the log of its container; check that the subnet lets it reach Oracle's services, and "
            "that its image is Oracle's agent, for x86. One that was deregistered while its container ran "
            "registers again when the instance is restarted."
        ),
    ),
    "no-data-source": Cause(
        title="A management agent has lost its data source, which tells it what to read",
        remedy="Apply the spec again: it makes the data source.",
    ),
    "agent-silent": Cause(
        title="A management agent is not in contact any more",
        remedy=(
            "Look at the log of its container, and check that the subnet lets it reach Oracle's services. It "
            "is in contact again when the container runs."
        ),
    ),
    "metrics-held-back": Cause(
        title="A metrics forwarder cannot send all metrics",
        remedy=(
            "If pushes fail, allow the instance's dynamic group to `use metrics` in the compartment, in the "
            "namespace of the forwarder. If the budget is used up, choose fewer metrics or raise max_streams. "
            "It retries by itself."
        ),
    ),
    "remote-write-refused": Cause(
        title="Another system refuses the samples that Prometheus writes to it",
        remedy=(
            "Check the RemoteWrite against the evidence: its URL, and its user and password or token; 400 and 415 "
            "are for another format. What is refused is lost."
        ),
    ),
    "remote-write-failing": Cause(
        title="Another system does not take the samples that Prometheus writes to it",
        remedy=(
            "Check that it runs, and that the egress of the deployment and the subnet let the instance reach it. "
            "Prometheus repeats what waits for about two hours."
        ),
    ),
    "datapoints-too-old": Cause(
        title="Datapoints were lost because they were older than two hours when OCI could be reached again",
        remedy=(
            "Nothing brings them back. Look for what kept the forwarder from sending, and give it more than "
            "one way out, or an alarm on absence."
        ),
    ),
    "budget-used-up": Cause(
        title="A metrics forwarder does not send all series, because its budget of streams is used up",
        remedy=(
            "Choose fewer metrics with metrics=[...], or raise max_streams; labels with many values, such as "
            "user or request ids, make many series."
        ),
    ),
    "content-refused": Cause(
        title="OCI refuses some datapoints or log entries for their content",
        remedy=(
            "Read the reason in the evidence; they lie in the dead-letter file on the forwarder's volume. "
            "Metric names, dimensions and their number have limits in OCI Monitoring."
        ),
    ),
    "target-down": Cause(
        title="Prometheus cannot scrape a target",
        remedy=(
            "Check that the target's program listens on the port and path that Prometheus' configuration "
            "names; containers of the same instance answer at 127.0.0.1, and security rules must let out what "
            "is elsewhere."
        ),
    ),
    "no-metrics": Cause(
        title="Metrics of an instance do not arrive in OCI Monitoring",
        remedy=(
            "Check that metric_namespace is the one that you look at, that a Prometheus or an app sends to "
            "the container, and, where prometheus.yml is your own, that external_labels has deployment and "
            "container_instance."
        ),
    ),
    "alarm-without-data": Cause(
        title="An alarm asks for a metric that does not exist, so it cannot fire",
        remedy=(
            "Correct the alarm's namespace or the metric in its query, see the evidence; or let a sidecar "
            "send the metric."
        ),
    ),
    "nobody-notified": Cause(
        title="The messages of alarms reach nobody",
        remedy=(
            "Confirm the subscriptions in the evidence, or give the topic some, such as mailto:ops@example.com."
        ),
    ),
}
"""By code, in the order in which findings are listed: a cause comes before what it explains."""
