"""Results of OCI's Vulnerability Scanning service for pushed images.  This module reads results and starts no scan.

Source: oci.vulnerability_scanning.VulnerabilityScanningClient and its models.  Public clients of the API read
`repository` as path without registry and namespace, and `image` as tag (verrazzano's get_ocir_scan_results.sh).
UNCONFIRMED: what is scanned where a tag names several platforms, so results are read for the tags of each too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import field, frozen

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Caller
from ocisidecar.images.registry import PushedImage
from ocisidecar.wire import objects, text

if TYPE_CHECKING:
    from ocisidecar.provisioner import Provisioner

ScanState = Literal["SCANNED", "PENDING", "NOT_ENABLED"]

SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "NONE")
"""Severities, as the service names them, the highest first."""

_CLIENT: Final = "vulnerability_scanning.VulnerabilityScanningClient"


@frozen(kw_only=True)
class VulnerablePackage:
    """A package with the problem; `fixed_in` is the first version without it, empty when none is known."""

    name: str
    version: str
    fixed_in: str


@frozen(kw_only=True)
class Problem:
    """A problem that a scan found.

    Attributes:
        name: the service's name for it.
        cve_reference: e.g. `CVE-2024-3094`; empty if it has no CVE number.
        severity: one of `SEVERITIES`, or a newer one of the service.
        state: OPEN, FIXED or NOT_APPLICABLE.
        packages: the affected packages.
    """

    name: str
    cve_reference: str
    severity: str
    state: str
    description: str
    packages: tuple[VulnerablePackage, ...]


@frozen(kw_only=True)
class ScanResult:
    """One finished scan of one tag.

    Attributes:
        scan_result_id: its OCID.
        repository: without registry and namespace.
        tag: what was scanned.  A result names no digest: after a second push of the same tag it may be the
            earlier image's.
        highest_severity: of all its problems, in the service's words.
        time_finished: when the scan ended.
        problems: all that it found.
    """

    scan_result_id: str
    repository: str
    tag: str
    highest_severity: str
    time_finished: datetime
    problems: tuple[Problem, ...] = field(repr=False)

    @property
    def counts(self) -> Mapping[str, int]:
        """Severity → number of open problems; contains each of `SEVERITIES`, with 0 if there are none."""
        found = Counter(problem.severity for problem in self.problems if problem.state == "OPEN")
        return {severity: found[severity] for severity in dict.fromkeys((*SEVERITIES, *found))}


@frozen(kw_only=True)
class ScanReport:
    """The scan results of an image.

    Attributes:
        state: SCANNED: there are results, with or without problems.  PENDING: an active scan target covers the
            repository, and there is no result yet.  NOT_ENABLED: none covers it, so nothing is known.
        results: the newest of each tag.
    """

    state: ScanState
    results: tuple[ScanResult, ...] = ()


def scan_results(
    provisioner: Provisioner,
    image: PushedImage,
    *,
    compartment_id: str | None = None,
    cancel: Cancel | None = None,
) -> ScanReport:
    """Return the scan results of a pushed image.

    Args:
        provisioner: has region and credentials; the user needs `read vss-family`.
        image: what `push` returned.
        compartment_id: of the scan target, which holds the results; by default the provisioner's.
        cancel: cancels the call.

    Raises:
        NotAuthorizedOrNotFound: the user may not read results there.
        ServiceCallError: a call failed.
        Cancelled: `cancel` was set.
    """
    caller = provisioner.session.caller(cancel or Cancel())
    home = compartment_id or provisioner.compartment_id
    results = tuple(result for tag in image.tags for result in _newest(caller, home, image.repository_name, tag))
    if results:
        return ScanReport(state="SCANNED", results=results)
    is_covered = any(_scans(caller, target) for target in _targets(caller, home, image.repository_name))
    return ScanReport(state="PENDING" if is_covered else "NOT_ENABLED")


def _newest(caller: Caller, compartment_id: str, repository: str, tag: str) -> Iterator[ScanResult]:
    options: dict[str, Any] = {"repository": repository, "image": tag, "is_latest_only": True}
    found = list(caller.pages(_CLIENT, "list_container_scan_results", compartment_id, **options))
    if found:
        newest = max(found, key=lambda summary: str(summary["timeFinished"]))
        yield _result(caller.call(_CLIENT, "get_container_scan_result", newest["id"]).body)


def _targets(caller: Caller, compartment_id: str, repository: str) -> Iterator[Mapping[str, Any]]:
    """Yield the active targets for the repository; one that names no repositories is for all of its compartment."""
    targets = caller.pages(_CLIENT, "list_container_scan_targets", compartment_id, lifecycle_state="ACTIVE")
    for summary in targets:
        target: Mapping[str, Any] = caller.call(_CLIENT, "get_container_scan_target", summary["id"]).body
        named = target["targetRegistry"].get("repositories")
        if not isinstance(named, list) or not named or repository in named:
            yield target


def _scans(caller: Caller, target: Mapping[str, Any]) -> bool:
    recipe: Mapping[str, Any] = caller.call(
        _CLIENT, "get_container_scan_recipe", target["containerScanRecipeId"]
    ).body
    return text(recipe["scanSettings"], "scanLevel") not in {"", "NONE"}


def _result(body: Mapping[str, Any]) -> ScanResult:
    return ScanResult(
        scan_result_id=body["id"],
        repository=body["repository"],
        tag=body["image"],
        highest_severity=body["highestProblemSeverity"],
        time_finished=datetime.fromisoformat(body["timeFinished"]),
        problems=_problems(objects(body.get("problems"))),
    )


def _problems(entries: Sequence[Mapping[str, Any]]) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            name=text(entry, "name"),
            cve_reference=text(entry, "cveReference"),
            severity=text(entry, "severity"),
            state=text(entry, "state") or "OPEN",
            description=text(entry, "description"),
            packages=tuple(
                VulnerablePackage(
                    name=text(package, "name"),
                    version=text(package, "version"),
                    fixed_in=text(package, "cveFixVersion"),
                )
                for package in objects(entry.get("vulnerablePackages"))
            ),
        )
        for entry in entries
    )
