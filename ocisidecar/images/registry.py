"""Pushing images to a registry, and their URLs for specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import ConfigError, ImageError, PushFailed
from ocisidecar.images.build import BuiltImage, Variant, architecture
from ocisidecar.images.connection import engine_or_default
from ocisidecar.images.distribution import Manifest, RegistryClient, manifest_list, retrying
from ocisidecar.images.events import Emitter, ImageHandler, PushFinished, PushProgress, PushStarted
from ocisidecar.spec.ocir import ocir_host
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.validate.fields import REGISTRY_HOST, REPOSITORY_PATH
from ocisidecar.tracebacks import without_locals_in_errors

if TYPE_CHECKING:
    from ocisidecar.engine import Engine

_RETRYABLE: Final = re.compile(
    r"\b(429 Too Many|50[0234] (Internal|Bad|Service|Gateway))|toomanyrequests|timeout|connection reset|\bEOF\b",
    re.IGNORECASE,
)
"""Engine messages of failures worth a retry: the engine retries layers by itself, but not the manifest."""
_ADVICE: Final = {
    r"no such image": "Build it again: the engine does not hold it any more.",
    r"denied|forbidden|unauthorized|\b40[13]\b": "In OCIR the user needs `manage repos` in the compartment of the "
    "repository, whose path begins with the tenancy's namespace.",
}
"""Pattern of an engine message → what to do."""


@frozen(kw_only=True)
class PushedImage:
    """An image in a registry.

    Attributes:
        name: e.g. `prometheus`.
        repository: with registry, without tag, e.g. `fra.ocir.io/acme/ocisidecar/prometheus`.
        tags: the version, and for several platforms another one for each.
        digest: of the image, or of the list of its platforms; immutable.
    """

    name: str
    repository: str
    tags: tuple[str, ...]
    digest: str

    @property
    def url(self) -> str:
        """The image by digest, as specs take it: `<repository>@sha256:...`."""
        return f"{self.repository}@{self.digest}"

    @property
    def repository_name(self) -> str:
        """The repository's name in OCI's APIs: without registry and namespace."""
        return self.repository.split("/", 2)[2]


def pinned(pushed: Iterable[PushedImage]) -> Mapping[str, str]:
    """Return symbolic name → URL with digest of our own images, as `with_images` of the specs takes them."""
    return {own_image(image.name): image.url for image in pushed}


@without_locals_in_errors
@frozen
class Registry:
    """A path in a registry, and the user who pushes there.

    Attributes:
        host: e.g. `fra.ocir.io`; with a port where it is not 443.
        path: prefix of the repositories, e.g. `acme/ocisidecar`; in OCIR it begins with the tenancy's namespace.
        username: in OCIR `<namespace>/<user>`, or `<namespace>/<domain>/<user>` in an identity domain.
        password: in OCIR an auth token; or a function that returns it, called when needed.

    Methods block.  Thread-safe, except that one engine must not push an image to a repository twice at a time.

    Raises:
        ConfigError: `host` or `path` is invalid.
    """

    host: str
    path: str
    username: str
    password: str | Callable[[], str] = field(repr=False)
    clock: Clock = field(factory=SystemClock, repr=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name, rule, value in (("host", REGISTRY_HOST, self.host), ("path", REPOSITORY_PATH, self.path)):
            if fault := rule(value):
                raise ConfigError(f"{name} {fault}")

    @classmethod
    def ocir(
        cls,
        region: str,
        *,
        namespace: str,
        username: str,
        password: str | Callable[[], str],
        path: str = "ocisidecar",
    ) -> Registry:
        """Return a path in OCI's own registry.

        Args:
            region: its key (`fra`, for `fra.ocir.io`) or name (`eu-frankfurt-1`, for
                `ocir.eu-frankfurt-1.oci.oraclecloud.com`, in the commercial realm); in other realms make a
                `Registry` with the host that Oracle names.
            namespace: the tenancy's, see `images.namespace`.
            username: without the namespace: `alice@example.com`, or `domain/alice@example.com`.
            password: an auth token of this user, or a function that returns it.
            path: below the namespace.

        Raises:
            ConfigError: `region` is neither a key nor a name.

        Source: Container Registry documentation, "Preparing for Container Registry".
        """
        host = ocir_host(region)
        if host is None:
            raise ConfigError(f"region={region!r} is neither a region key such as 'fra' nor a region name.")
        return cls(host, f"{namespace}/{path}", f"{namespace}/{username}", password)

    @property
    def image_prefix(self) -> str:
        """The value of `Provisioner.from_config(image_prefix=...)` for images in this registry."""
        return f"{self.host}/{self.path}"

    def repository_name(self, image: str) -> str:
        """Return the name of an image's repository without registry and namespace, as `RepositorySpec` takes it."""
        return f"{self.path}/{image}".partition("/")[2]

    def login(self) -> None:
        """Check user name and password with the registry; `push` does it too.

        Raises:
            LoginFailed: they are wrong.
            ImageError: the registry does not respond, after five attempts or a minute.
        """
        with closing(self._client()) as client:
            client.check()

    def push(
        self, built: BuiltImage, *, engine: Engine | None = None, on_event: ImageHandler | None = None
    ) -> PushedImage:
        """Push an image, with all its platforms; layers that the registry holds are not sent again.

        Args:
            built: what `build` returned.
            engine: which holds it; by default the one that the environment names.
            on_event: receives the events, on this thread.

        Raises:
            DockerUnavailable: no engine answers.
            LoginFailed: user or password are wrong; nothing was sent.
            ImageError: the registry does not respond, after five attempts or a minute; nothing was sent.
            PushFailed: the engine does not hold the image, or the registry refused it.
        """
        emitter = Emitter(on_event, self.clock)
        repository = f"{self.path}/{built.name}"
        target = f"{self.host}/{repository}"
        with engine_or_default(engine) as holder, closing(self._client()) as client:
            client.check()
            tags = _tags(built)
            pusher = _Pusher(holder, client, emitter)
            digests = [
                pusher.push(built.name, variant, f"{target}:{tag}")
                for variant, tag in zip(built.variants, tags, strict=True)
            ]
            if len(digests) == 1:
                return PushedImage(name=built.name, repository=target, tags=tags, digest=digests[0])
            reference = f"{target}:{built.version}"
            try:
                digest = _push_list(built, repository, digests, client)
            except ImageError as error:
                raise PushFailed(f"Pushing {reference}: {error}", reference=reference) from error
        emitter.emit(PushFinished(image=built.name, reference=reference, digest=digest))
        return PushedImage(name=built.name, repository=target, tags=(built.version, *tags), digest=digest)

    def _client(self) -> RegistryClient:
        password = self.password if isinstance(self.password, str) else self.password()
        return RegistryClient(self.host, self.username, password, self.clock)


def _tags(built: BuiltImage) -> tuple[str, ...]:
    if len(built.variants) == 1:
        return (built.version,)
    return tuple(f"{built.version}-{architecture(variant.platform)}" for variant in built.variants)


@frozen
class _Pusher:
    """Pushes variants one after the other."""

    engine: Engine
    registry: RegistryClient
    emitter: Emitter

    def push(self, image: str, variant: Variant, reference: str) -> str:
        """Push one variant, retrying failures that are likely to pass, and return its digest."""
        retry = retrying(self.emitter.clock, is_retryable=_is_retryable)
        self.emitter.emit(PushStarted(image=image, platform=variant.platform, reference=reference))
        try:
            digest = retry(self._send, image, variant, reference)
        except ImageError as error:
            said = _with_advice(self.registry.without_secrets(str(error)))
            message = f"Pushing {reference} as {self.registry.username!r}: {said}"
            raise PushFailed(message, reference=reference) from None
        finished = PushFinished(image=image, platform=variant.platform, reference=reference, digest=digest)
        self.emitter.emit(finished)
        return digest

    def _send(self, image: str, variant: Variant, reference: str) -> str:
        from ocisidecar.engine.pushing import ImagePushed, push_image

        user, password = self.registry.username, self.registry.password
        digest = ""
        pushing = push_image(self.engine, variant.image_id, reference, username=user, password=password)
        with closing(pushing):
            for event in pushing:
                if isinstance(event, ImagePushed):
                    digest = event.digest
                    continue
                sent, total = event.sent_bytes, event.total_bytes
                progress = PushProgress(image=image, platform=variant.platform, sent_bytes=sent, total_bytes=total)
                self.emitter.emit(progress)
        if not digest:
            raise ImageError("the engine reported no digest")
        return digest


def _with_advice(message: str) -> str:
    advice = (remedy for pattern, remedy in _ADVICE.items() if re.search(pattern, message, re.IGNORECASE))
    return "  ".join((f"{message.rstrip('.')}.", *advice))


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ImageError) and _RETRYABLE.search(str(error)) is not None


def _push_list(built: BuiltImage, repository: str, digests: list[str], registry: RegistryClient) -> str:
    """Store the list of the platforms' manifests under the version; return its digest."""
    variants: list[tuple[str, Manifest]] = [
        (variant.platform, registry.manifest(repository, digest))
        for variant, digest in zip(built.variants, digests, strict=True)
    ]
    manifest = manifest_list(variants)
    registry.put_manifest(repository, built.version, manifest)
    return manifest.digest
