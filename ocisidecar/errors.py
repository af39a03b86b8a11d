"""Every exception that the package raises.  All of them pickle.

    OciSidecarError
    ├─ SpecError            wrong before any call; holds every problem at once, each with its field path
    ├─ ConfigError          credentials, region or endpoint cannot be used; names the file and the setting
    │  ├─ DockerUnavailable no Docker engine responds
    │  └─ SettingsError     a settings file is wrong; holds every problem at once, each with file and line
    ├─ PodFailed            a local pod's containers could not be started
    ├─ PlanError            AmbiguousResource · ConcurrentRun · DeploymentNotFound · DeploymentInUse
    │                     · ResourceNotOwned · StalePlan
    ├─ ServiceCallError     status, code, operation, key, opc_request_id, attempts
    │  └─ NotAuthenticated · NotAuthorizedOrNotFound · Throttled · LimitExceeded · Conflict
    │     · OutOfHostCapacity · ServiceUnavailable · ConnectionLost
    ├─ WaitError            ResourceFailed · WaitTimedOut
    ├─ ImageError           BuildFailed · LoginFailed · PushFailed
    ├─ ApplyFailed          .deployment (what exists now), .causes, .diagnosis, .rolled_back
    ├─ DestroyFailed        .remaining, .causes
    ├─ ChecksFailed         .report
    └─ Cancelled            .reason, .deployment

A message says what was tried, on which key, what the service answered and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from attrs import field, frozen

from ocisidecar.text_files import printable_halves

if TYPE_CHECKING:
    from ocisidecar.deployment import Deployment
    from ocisidecar.verify.findings import Diagnosis
    from ocisidecar.verify.report import Report


class OciSidecarError(Exception):
    """Root of every exception that the package raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by attributes, because the constructors take keyword-only arguments."""
        return (type(self).__new__, (type(self), *self.args), self.__dict__)


@frozen
class SpecProblem:
    """One problem in a spec.

    Attributes:
        path: of the field, as a user would write it: `instances["web"].replicas`; empty for the whole spec.
        message: the expected value with its unit, and the given one.
        place: line and column in the file that holds the spec; empty for a spec that was made in Python.
    """

    path: str = field(converter=printable_halves)
    message: str = field(converter=printable_halves)
    place: str = field(default="", eq=False)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.path or self.place, self.message)))


def _errors(problems: Sequence[object]) -> str:
    return f"{len(problems)} error{'s'[: len(problems) != 1]}"


class SpecError(OciSidecarError):
    """A spec cannot be deployed; found before any call, all problems at once.

    Attributes:
        problems: all problems of the spec.
        source: the file that holds the spec; None for a spec that was made in Python.
    """

    def __init__(self, problems: Sequence[SpecProblem], *, source: str | None = None) -> None:
        self.problems, self.source = tuple(problems), source
        lines = "\n".join(f"  - {one.place and one.path and one.place + ': '}{one}" for one in self.problems)
        super().__init__(f"{_errors(self.problems)} in {source or 'the spec'}:\n{lines}")


class ConfigError(OciSidecarError):
    """Credentials, region or endpoint cannot be used; the message names the file, the setting and the remedy."""


@frozen
class SettingProblem:
    """One problem, or one unused or doubtful setting, in a settings file.

    Attributes:
        place: file and line, or another source of the value.
        variable: its name; empty when the problem concerns no variable.
        message: the allowed and the given value, never a secret.
    """

    place: str
    variable: str
    message: str = field(converter=printable_halves)

    def __str__(self) -> str:
        return f"{self.place}: {self.variable} {self.message}" if self.variable else f"{self.place}: {self.message}"


class SettingsError(ConfigError):
    """A settings file cannot be used; found before any call, all problems at once.

    Attributes:
        problems: all problems of the settings.
        warnings: unused settings; a misspelt name may be the reason why a variable is missing.
    """

    def __init__(self, problems: Sequence[SettingProblem], *, warnings: Sequence[SettingProblem] = ()) -> None:
        self.problems, self.warnings = tuple(problems), tuple(warnings)
        lines = [f"{_errors(self.problems)} in the settings:", *(f"  - {problem}" for problem in self.problems)]
        lines += ["warnings:"][: len(warnings)] + [f"  - {warning}" for warning in self.warnings]
        super().__init__("\n".join(lines))


class DockerUnavailable(ConfigError):
    """No Docker engine responds; the message says at which address, why, and what to do."""


class PodFailed(OciSidecarError):
    """The containers of a local pod could not be started; nothing of it is left.

    The message is what a container instance says in its `lifecycleDetails`, its wording UNCONFIRMED.
    """


class PlanError(OciSidecarError):
    """No plan can be made, or carried out, for this spec and these resources."""


class AmbiguousResource(PlanError):
    """Several live resources have the same key, and those that would be removed may hold data."""


class ConcurrentRun(PlanError):
    """Another run changes this deployment at the same time, or did just before; the message says what."""


class ResourceNotOwned(PlanError):
    """A resource has the name of one to be created, and it does not carry this deployment's tags."""


class DeploymentNotFound(PlanError):
    """Nothing of that name exists in the compartment and region."""

    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        names = ", ".join(known) or "none"
        super().__init__(f"No deployment {name!r} in this compartment and region; existing deployments: {names}.")


class DeploymentInUse(PlanError):
    """A resource that would be deleted is used by other deployments, which the message lists."""

    def __init__(self, message: str, *, users: Sequence[str]) -> None:
        self.users = tuple(users)
        super().__init__(message)


class StalePlan(PlanError):
    """Resources or digest have changed since the plan was made; nothing was changed: plan again."""


class ServiceCallError(OciSidecarError):
    """The service refused a call.

    Attributes:
        operation: the SDK's method, e.g. `create_subnet`.
        key: of the resource, e.g. `subnet/main`; empty for lists of a whole compartment.
        status: HTTP status; 0 when no response arrived, below 300 when it was malformed.
        code: OCI's error code, e.g. `IncorrectState`; empty when the body held none.
        service_message: the service's own text.
        opc_request_id: for Oracle support; empty when no response arrived.
        attempts: number of requests that were sent.
        retry_after_seconds: the wait that the service requested; None without one.
        statements: policy statements, for the caller's group, that give the rights that may be missing.
        served: the response's Date header; empty when no response arrived.
    """

    advice = "Read the service's message; if it does not help, give the opc-request-id to Oracle support."

    def __init__(
        self,
        *,
        operation: str,
        key: str = "",
        status: int = 0,
        code: str = "",
        service_message: str = "",
        opc_request_id: str = "",
        attempts: int = 1,
        retry_after_seconds: float | None = None,
        statements: Sequence[str] = (),
        served: str = "",
    ) -> None:
        self.operation, self.key, self.status, self.code = operation, key, status, code
        self.service_message, self.opc_request_id, self.served = service_message, opc_request_id, served
        self.attempts, self.retry_after_seconds, self.statements = attempts, retry_after_seconds, tuple(statements)
        target = f" for {key}" if key else ""
        answer = f"{status} {code}".strip() if status else "no response"
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        tries += f", to be tried again after {retry_after_seconds:g} s" if retry_after_seconds else ""
        super().__init__(
            f"{operation}{target}: {answer}{tries}: {_shorten(service_message)} {self._remedy()}"
            + (f" (opc-request-id {opc_request_id})" if opc_request_id else "")
        )

    def _remedy(self) -> str:
        missing = f" If the OCIDs are right, this may be missing: {'; '.join(self.statements)}"
        return f"{self.advice}{missing if self.statements else ''}"

    def after(self, attempts: int) -> Self:
        """Return the same error with the number of attempts."""
        return self._with(attempts=attempts)

    def naming(self, *statements: str) -> Self:
        """Return the same error with the policy statements that may be missing."""
        return self._with(statements=statements)

    def _with(self, **changes: Any) -> Self:
        details = {name: value for name, value in vars(self).items() if name != "__notes__"}
        return type(self)(**{**details, **changes})


def _shorten(text: str, limit: int = 400) -> str:
    flat = " ".join(printable_halves(text).split()) or "(no text)"
    flat = flat if len(flat) <= limit else flat[: limit - 1] + "…"
    return flat if flat.endswith((".", "…", "!", "?")) else flat + "."


class NotAuthenticated(ServiceCallError):
    """401: the key, fingerprint, token or clock is wrong."""

    advice = (
        "Check user, tenancy, fingerprint and key_file of the profile, that the public key is uploaded, and that "
        "this machine's clock is right to within 5 minutes."
    )


class NotAuthorizedOrNotFound(ServiceCallError):
    """404, or 403: absent or not allowed; OCI does not say which."""

    advice = (
        "OCI answers this both when the resource is absent and when a permission is missing: check the OCID, the "
        "region and the policies of the calling user."
    )


class Throttled(ServiceCallError):
    """429, still after the retries."""

    advice = "Other callers use up this tenancy's request rate: run again later or lower max_workers."


class LimitExceeded(ServiceCallError):
    """400 LimitExceeded or QuotaExceeded."""

    advice = "Free some, get more on the Limits page of the console, or allow others by PlacementSpec(shapes=...)."


class Conflict(ServiceCallError):
    """409 or 412: the resource is busy, referenced or changed meanwhile."""

    advice = "Run again when the other change has ended; what the message names is in the way."


class OutOfHostCapacity(ServiceCallError):
    """No host has room for the shape here; every placement allowed was tried."""

    advice = "Allow more availability domains or shapes with with_placement(PlacementSpec(...)), or try later."


class ServiceUnavailable(ServiceCallError):
    """5xx, still after the retries."""

    advice = "The service has a fault; run again later: what exists is tagged and will be found."


class ConnectionLost(ServiceCallError):
    """No response arrived, or a malformed one, still after the retries; whether a write ran is not known."""

    advice = "Check network, proxy and endpoint, then run again: what exists is tagged and will be found."


class WaitError(OciSidecarError):
    """A resource did not reach the state that was waited for."""


class ResourceFailed(WaitError):
    """The service says that the resource failed; the message holds the work request's errors."""

    def __init__(self, message: str, *, key: str, resource_id: str, state: str, errors: Sequence[str]) -> None:
        self.key, self.resource_id, self.state = key, resource_id, state
        self.errors = tuple(errors)
        super().__init__(message)


class WaitTimedOut(WaitError):
    """The timeout passed before the state was reached."""

    def __init__(self, message: str, *, key: str, last_state: str, waited_seconds: float) -> None:
        self.key, self.last_state, self.waited_seconds = key, last_state, waited_seconds
        super().__init__(message)


class ImageError(OciSidecarError):
    """An image could not be built, pushed or looked into; the message holds the engine's or the tool's."""


class BuildFailed(ImageError):
    """An image could not be built; the engine keeps what it made before.  The text names all failures.

    Attributes:
        image, platform: name of the image, and the platform it was built for.
        step: the instruction that failed, e.g. `RUN apt-get update`; empty when it failed before the first.
        log: the last lines of the build's output.
        others: the failures of images that were built in the same call; its text contains them too.
    """

    def __init__(
        self,
        message: str,
        *,
        image: str,
        platform: str,
        step: str = "",
        log: Sequence[str] = (),
        others: Sequence[BuildFailed] = (),
    ) -> None:
        self.image, self.platform, self.step = image, platform, step
        self.log, self.others = tuple(log), tuple(others)
        super().__init__(message)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(str, self.others)])


class LoginFailed(ImageError):
    """The registry rejects user name and password, or the user lacks a right there."""


class PushFailed(ImageError):
    """A push of `reference`, with registry and tag, failed; the message holds the registry's or the engine's."""

    def __init__(self, message: str, *, reference: str) -> None:
        self.reference = reference
        super().__init__(message)


class ApplyFailed(OciSidecarError):
    """An apply stopped; what exists is tagged and listed, and applying again continues.

    Attributes:
        deployment: what exists now; `deployments` of each item of a sequence, in its order.
        causes: key of the failed step → its exception.
        diagnosis: the likely causes where an instance failed, else None; of many it looks at 20, failed ones first.
        rolled_back: keys of instances that are again as before; see `RolloutSpec.on_failure`.
    """

    def __init__(
        self,
        message: str,
        *,
        deployment: Deployment,
        causes: Mapping[str, Exception],
        deployments: Sequence[Deployment] = (),
        diagnosis: Diagnosis | None = None,
        rolled_back: Sequence[str] = (),
    ) -> None:
        self.deployment, self.deployments = deployment, tuple(deployments)
        self.causes, self.diagnosis, self.rolled_back = dict(causes), diagnosis, tuple(rolled_back)
        super().__init__(message)


class DestroyFailed(OciSidecarError):
    """A destroy stopped; `remaining` lists what still exists, and destroying again continues."""

    def __init__(self, message: str, *, remaining: Mapping[str, str], causes: Mapping[str, Exception]) -> None:
        self.remaining, self.causes = dict(remaining), dict(causes)
        super().__init__(message)


class ChecksFailed(OciSidecarError):
    """`verify()` found failures; `report` holds every check."""

    def __init__(self, message: str, *, report: Report) -> None:
        self.report = report
        super().__init__(message)


class Cancelled(OciSidecarError):
    """The caller cancelled; what exists is tagged and listed, and applying again continues."""

    def __init__(self, reason: str, *, deployment: Deployment | None = None) -> None:
        self.reason, self.deployment = reason, deployment
        super().__init__(reason)
