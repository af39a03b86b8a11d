"""Pushing images to a registry, and the URLs under which specs then name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import ConfigError, ImageError, PushFailed
from ocisidecar.images.build import BuiltImage, Variant, architecture
from ocisidecar.images.connection import connected
from ocisidecar.images.distribution import Distribution, Manifest, manifest_list, repeating
from ocisidecar.images.events import ImageHandler, PushFinished, PushProgress, PushStarted, Telling
from ocisidecar.spec.ocir import ocir_host
from ocisidecar.spec.own_images import own_image
from ocisidecar.spec.validate.fields import REGISTRY_HOST, REPOSITORY_PATH

if TYPE_CHECKING:
    from ocisidecar.engine import Engine

_PASSING: Final = re.compile(
    r"\b(429 Too Many|50[0234] (Internal|Bad|Service|Gateway))|toomanyrequests|timeout|connection reset|\bEOF\b",
    re.IGNORECASE,
)
"""In the engine's words: it repeats the sending of a layer by itself, but not that of the manifest in the end."""
_ADVICE: Final = {
    r"no such image": "Build it again: the engine has lost it.",
    r"denied|forbidden|unauthorized|\b40[13]\b": "In OCIR the user needs `manage repos` in the compartment of the "
    "repository, whose path begins with the tenancy's namespace.",
}
"""What the engine says, as a pattern → what to do."""


@frozen(kw_only=True)
class PushedImage:
    """An image that a registry holds.

    Attributes:
        name: e.g. `prometheus`.
        repository: with registry, without tag, e.g. `fra.ocir.io/acme/ocisidecar/prometheus`.
        tags: under which it was pushed: the version, and for several platforms one more for each.
        digest: of the image, or of the list of its platforms; what it names never changes.
    """

    name: str
    repository: str
    tags: tuple[str, ...]
    digest: str

    @property
    def url(self) -> str:
        """The image for good, as specs take it: `<repository>@sha256:...`."""
        return f"{self.repository}@{self.digest}"

    @property
    def repository_name(self) -> str:
        """The repository as OCI's own APIs call it: without registry and namespace."""
        return self.repository.split("/", 2)[2]

    @property
    def tagged_url(self) -> str:
        """The image by its version, which a later push may move."""
        return f"{self.repository}:{self.tags[0]}"


def pinned(pushed: Iterable[PushedImage]) -> Mapping[str, str]:
    """Return symbolic name → URL with digest of our own images, as `with_images` of the specs takes them."""
    return {own_image(image.name): image.url for image in pushed}


@frozen
class Registry:
    """A place in a registry, and who pushes there.

    Attributes:
        host: e.g. `fra.ocir.io`; with a port where it is not the usual one.
        path: below which the images go, e.g. `acme/ocisidecar`; in OCIR the tenancy's namespace comes first.
        username: in OCIR `<namespace>/<user>`, where the user of an identity domain has its name before it.
        password: in OCIR an auth token; or a function that returns it, called when it is needed.

    Methods block.  Thread-safe; but of one engine, an image must not be pushed twice to one place at the same time.

    Raises:
        ConfigError: `host` or `path` is none.
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
        """Return a place in OCI's own registry.

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
            raise ConfigError(f"region={region!r} is neither a region's key such as 'fra' nor a name.")
        return cls(host, f"{namespace}/{path}", f"{namespace}/{username}", password)

    @property
    def image_prefix(self) -> str:
        """What `Provisioner.from_config(image_prefix=...)` takes to find our own images here."""
        return f"{self.host}/{self.path}"

    def repository_name(self, image: str) -> str:
        """Return the name of an image's repository without registry and namespace, as `RepositorySpec` takes it."""
        return f"{self.path}/{image}".partition("/")[2]

    def login(self) -> None:
        """Ask the registry whether user and password are right; `push` needs no login before it.

        Raises:
            LoginFailed: they are not.
            ImageError: the registry does not answer, after five attempts or a minute.
        """
        with closing(self._distribution()) as distribution:
            distribution.check()

    def push(
        self, built: BuiltImage, *, engine: Engine | None = None, on_event: ImageHandler | None = None
    ) -> PushedImage:
        """Push an image, with all its platforms; layers that the registry has are not sent again.

        Args:
            built: what `build` returned.
            engine: which holds it; the one that the environment names by default.
            on_event: receives the events, on this thread.

        Raises:
            EngineMissing: no engine answers.
            LoginFailed: user or password are wrong; nothing was sent.
            ImageError: the registry does not answer, after five attempts or a minute; nothing was sent.
            PushFailed: the engine does not hold the image, or the registry refused it; their words.
        """
        telling = Telling(on_event, self.clock)
        repository = f"{self.path}/{built.name}"
        target = f"{self.host}/{repository}"
        with connected(engine) as holder, closing(self._distribution()) as distribution:
            distribution.check()
            tags = _tags(built)
            pusher = _Pusher(holder, distribution, telling)
            digests = [
                pusher.push(built.name, variant, f"{target}:{tag}")
                for variant, tag in zip(built.variants, tags, strict=True)
            ]
            if len(digests) == 1:
                return PushedImage(name=built.name, repository=target, tags=tags, digest=digests[0])
            reference = f"{target}:{built.version}"
            try:
                digest = _push_list(built, repository, digests, distribution)
            except ImageError as error:
                raise PushFailed(f"Pushing {reference}: {error}", reference=reference) from error
        telling.tell(PushFinished(image=built.name, reference=reference, digest=digest))
        return PushedImage(name=built.name, repository=target, tags=(built.version, *tags), digest=digest)

    def _distribution(self) -> Distribution:
        password = self.password if isinstance(self.password, str) else self.password()
        return Distribution(self.host, self.username, password, self.clock)


def _tags(built: BuiltImage) -> tuple[str, ...]:
    if len(built.variants) == 1:
        return (built.version,)
    return tuple(f"{built.version}-{architecture(variant.platform)}" for variant in built.variants)


@frozen
class _Pusher:
    """Pushes one variant after the other."""

    engine: Engine
    registry: Distribution
    telling: Telling

    def push(self, image: str, variant: Variant, reference: str) -> str:
        """Push one variant, again while the registry's failure is one that passes, and return its digest."""
        repeat = repeating(self.telling.clock, is_passing=_is_passing)
        self.telling.tell(PushStarted(image=image, platform=variant.platform, reference=reference))
        try:
            digest = repeat(self._send, image, variant, reference)
        except ImageError as error:
            raise PushFailed(
                f"Pushing {reference} as {self.registry.username!r}: {_advised(str(error))}",
                reference=reference,
            ) from error
        finished = PushFinished(image=image, platform=variant.platform, reference=reference, digest=digest)
        self.telling.tell(finished)
        return digest

    def _send(self, image: str, variant: Variant, reference: str) -> str:
        from ocisidecar.engine.pushing import ImagePushed, push_image

        user, password = self.registry.username, self.registry.password
        digest = ""
        pushing = push_image(self.engine, variant.image_id, reference, username=user, password=password)
        with closing(pushing):
            for told in pushing:
                if isinstance(told, ImagePushed):
                    digest = told.digest
                    continue
                sent, total = told.sent_bytes, told.total_bytes
                progress = PushProgress(image=image, platform=variant.platform, sent_bytes=sent, total_bytes=total)
                self.telling.tell(progress)
        if not digest:
            raise ImageError("the engine reported no digest")
        return digest


def _advised(words: str) -> str:
    advice = (does for pattern, does in _ADVICE.items() if re.search(pattern, words, re.IGNORECASE))
    return "  ".join((f"{words.rstrip('.')}.", *advice))


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, ImageError) and _PASSING.search(str(error)) is not None


def _push_list(built: BuiltImage, repository: str, digests: list[str], registry: Distribution) -> str:
    """Keep the list of the platforms' images under the version; return its digest."""
    variants: list[tuple[str, Manifest]] = [
        (variant.platform, registry.manifest(repository, digest))
        for variant, digest in zip(built.variants, digests, strict=True)
    ]
    whole = manifest_list(variants)
    registry.put_manifest(repository, built.version, whole)
    return whole.digest
