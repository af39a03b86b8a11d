"""Building images: several at a time, from the engine's cache, for one platform or several."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import BuildFailed, ConfigError, ImageError
from ocisidecar.images.connection import connected
from ocisidecar.images.events import (
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildStopped,
    ImageEvent,
    ImageHandler,
    Telling,
)
from ocisidecar.images.sources import ImageSource

if TYPE_CHECKING:
    from ocisidecar.engine import Engine
    from ocisidecar.engine.streams import Stop

PLATFORMS: Final = ("linux/amd64", "linux/arm64")
"""What container instances run: x86 shapes and the Ampere shapes (CI.Standard.A1.Flex)."""

_TAG: Final = re.compile(r"\w[\w.-]{0,119}", re.ASCII)
_KEPT_LINES: Final = 40
_SHOWN_LINES: Final = 10


@frozen(kw_only=True)
class Variant:
    """An image for one platform, as the engine holds it.

    Attributes:
        platform: e.g. `linux/arm64`.
        reference: name and tag in the engine.
        image_id: of the engine.
        size_in_bytes: of all layers, unpacked.
    """

    platform: str
    reference: str
    image_id: str
    size_in_bytes: int


@frozen(kw_only=True)
class BuiltImage:
    """An image that was built; `variants` holds one entry per platform."""

    name: str
    version: str
    variants: tuple[Variant, ...]


def build(
    sources: Sequence[ImageSource],
    *,
    version: str,
    platforms: Sequence[str] | None = ("linux/amd64",),
    base_images: Mapping[str, str] | None = None,
    repository_prefix: str = "ocisidecar",
    engine: Engine | None = None,
    max_workers: int = 4,
    on_event: ImageHandler | None = None,
    clock: Clock | None = None,
) -> tuple[BuiltImage, ...]:
    """Build images and leave them in the engine, tagged `<prefix>/<name>:<version>`.

    Blocks.  What did not change comes from the engine's cache.  For several platforms a tag ends in the
    architecture (`:1.0-arm64`), and the engine's own platform has the plain tag besides.  `RUN` for another
    platform than the engine's needs emulation on its host; `FROM scratch` and `COPY` do not.  An engine holds one
    platform of a base at a time: building for several pulls the base anew, and images `FROM scratch` then bypass
    the cache.

    Args:
        sources: what to build, e.g. `own_images()`.
        version: the tag.
        platforms: some of `linux/amd64` and `linux/arm64`; None means the engine's own.
        base_images: name of a source → image that takes the place of its own base, as argument `BASE_IMAGE`.
        repository_prefix: with the default and this release's version, the names are those that specs hold for
            our own images, and local pods find them.
        engine: where to build; the one that the environment names by default.
        max_workers: builds at a time.
        on_event: receives the events, on this thread.
        clock: where time comes from.

    Returns:
        One image per source, in their order.

    Raises:
        ConfigError: a platform, the version or a name in `base_images` is not possible.
        DockerUnavailable: no engine answers.
        BuildFailed: one of them, or several: the others were built.
        ImageError: the engine went away.
    """
    bases = base_images or {}
    _check(sources, version, platforms, bases)
    with connected(engine) as builder:
        native = _native_platform(builder)
        platforms = (native,) if platforms is None else platforms
        run = _Run(builder, native, max_workers, Telling(on_event, clock or SystemClock()), _new_stop())
        # Platforms follow each other, as a base is there for one at a time; the engine's own comes last and stays.
        for platform in sorted(platforms, key=lambda platform: platform == native):
            suffix = f"-{architecture(platform)}" if len(platforms) > 1 else ""
            run.carry_out(
                _Job(
                    source=source,
                    platform=platform,
                    version=version,
                    base=bases.get(source.name, source.base_image),
                    reference=f"{repository_prefix}/{source.name}:{version}{suffix}",
                    alias=f"{repository_prefix}/{source.name}:{version}" if platform == native and suffix else None,
                )
                for source in sources
            )
    if run.failures:
        first, *others = run.failures
        first.others = tuple(others)
        raise first
    return tuple(
        BuiltImage(
            name=source.name,
            version=version,
            variants=tuple(run.built[source.name, platform] for platform in platforms),
        )
        for source in sources
    )


def architecture(platform: str) -> str:
    """Return the second half of a platform, e.g. `arm64`."""
    return platform.partition("/")[2]


def _native_platform(engine: Engine) -> str:
    from ocisidecar.engine.building import native_platform

    return native_platform(engine)


def _new_stop() -> Stop:
    from ocisidecar.engine.streams import Stop

    return Stop()


def _check(
    sources: Sequence[ImageSource], version: str, platforms: Sequence[str] | None, bases: Mapping[str, str]
) -> None:
    names = [source.name for source in sources]
    if not _TAG.fullmatch(version):
        raise ConfigError(f"version={version!r}: a tag holds at most 120 letters, digits, '_', '.' and '-'.")
    if platforms is not None and (not platforms or sorted(set(platforms) & set(PLATFORMS)) != sorted(platforms)):
        raise ConfigError(f"platforms={tuple(platforms)}: container instances run {' and '.join(PLATFORMS)}.")
    if len(set(names)) < len(names):
        raise ConfigError(f"sources: a name stands twice in {', '.join(names)}.")
    if unknown := sorted(set(bases) - set(names)):
        raise ConfigError(f"base_images[{unknown[0]!r}]: there is no such source; there are {', '.join(names)}.")


@frozen(kw_only=True)
class _Job:
    """One image for one platform."""

    source: ImageSource
    platform: str
    version: str
    base: str | None
    reference: str
    alias: str | None

    @property
    def arguments(self) -> Mapping[str, str]:
        return {} if self.base is None else {"BASE_IMAGE": self.base}

    @property
    def labels(self) -> Mapping[str, str]:
        """Nothing that changes from build to build: what did not change keeps its digest."""
        labels = {
            "org.opencontainers.image.title": self.source.name,
            "org.opencontainers.image.version": self.version,
            "ocisidecar.image": self.source.name,
        }
        return labels if self.base is None else {**labels, "org.opencontainers.image.base.name": self.base}


@define
class _Run:
    """Carries out jobs in threads; everything is told on the calling thread."""

    engine: Engine
    native_platform: str
    max_workers: int
    telling: Telling
    stop: Stop
    built: dict[tuple[str, str], Variant] = field(factory=dict)
    failures: list[BuildFailed] = field(factory=list)
    _inbox: SimpleQueue[ImageEvent | Future[Variant]] = field(factory=SimpleQueue, init=False)

    def carry_out(self, jobs: Iterable[_Job]) -> None:
        """Build them all; when a handler raises or Ctrl-C is pressed, the engine stops all of them at once."""
        pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix="ocisidecar-build")
        try:
            running = {self._submit(pool, job): job for job in jobs}
            while running:
                item = self._inbox.get()
                if isinstance(item, ImageEvent):
                    self.telling.tell(item)
                else:
                    self._ended(item, running.pop(item))
        except BaseException:
            self.stop.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, job: _Job) -> Future[Variant]:
        future = pool.submit(self._build, job)
        future.add_done_callback(self._inbox.put)
        return future

    def _ended(self, future: Future[Variant], job: _Job) -> None:
        name, platform = job.source.name, job.platform
        try:
            self.built[name, platform] = future.result()
        except BuildFailed as error:
            self.failures.append(error)
            self.telling.tell(BuildStopped(image=name, platform=platform, error=str(error)))

    def _build(self, job: _Job) -> Variant:
        seen = _Seen()
        started = BuildStarted(image=job.source.name, platform=job.platform, base_image=job.base or "")
        self._inbox.put(started)
        try:
            self._fetch_base(job)
            variant = self._made(job, seen)
        except ImageError as error:
            raise seen.failure(job, str(error), is_foreign=job.platform != self.native_platform) from error
        self._inbox.put(seen.finish(job, variant))
        return variant

    def _made(self, job: _Job, seen: _Seen) -> Variant:
        from ocisidecar.engine.building import find_image, tag_image

        platform, size, image_id = "", 0, ""
        for is_cache_used in (True, False):
            image_id = self._attempt(job, seen, is_cache_used=is_cache_used)
            platform, size = find_image(self.engine, image_id) or (platform, size)
            if platform == job.platform:
                break
        else:
            raise ImageError(f"the engine made it for {platform}: a stage has a base that is not {job.platform}")
        if job.alias is not None:
            tag_image(self.engine, image_id, job.alias)
        return Variant(platform=platform, reference=job.reference, image_id=image_id, size_in_bytes=size)

    def _fetch_base(self, job: _Job) -> None:
        from ocisidecar.engine.building import fetch_image

        if job.base in {None, "scratch"}:
            return
        try:
            fetch_image(self.engine, str(job.base), job.platform, stop=self.stop)
        except ImageError as error:
            raise ImageError(
                f"the engine neither holds nor can pull the base {job.base}: {error}. Pull it, or name another: "
                f"base_images={{{job.source.name!r}: ...}}, or --base {job.source.name}=... of build_all.py"
            ) from error

    def _attempt(self, job: _Job, seen: _Seen, *, is_cache_used: bool) -> str:
        from ocisidecar.engine.building import CacheHit, ImageBuilt, OutputLine, StepBegun, build_image

        seen.begin()
        image_id = ""
        building = build_image(
            self.engine,
            job.source.directory,
            reference=job.reference,
            platform=job.platform,
            arguments=job.arguments,
            labels=job.labels,
            stop=self.stop,
            use_cache=is_cache_used,
        )
        with closing(building):
            for told in building:
                match told:
                    case StepBegun():
                        self._inbox.put(seen.begin_step(job, told.number, told.count, told.instruction))
                    case CacheHit():
                        seen.cached_steps += 1
                    case OutputLine():
                        seen.log.append(told.line)
                    case ImageBuilt():
                        image_id = told.image_id
        if not image_id:
            raise ImageError("the engine ended without an image")
        return image_id


@define
class _Seen:
    """What one build has told so far."""

    step: str = ""
    where: str = ""
    cached_steps: int = 0
    log: deque[str] = field(factory=lambda: deque(maxlen=_KEPT_LINES))

    def begin(self) -> None:
        self.step, self.where, self.cached_steps = "", "", 0

    def begin_step(self, job: _Job, number: int, count: int, instruction: str) -> BuildStep:
        self.step, self.where = instruction, f" in step {number}/{count} {instruction!r}"
        self.log.append(f"Step {number}/{count} : {instruction}")
        return BuildStep(
            image=job.source.name, platform=job.platform, number=number, count=count, instruction=instruction
        )

    def finish(self, job: _Job, variant: Variant) -> BuildFinished:
        return BuildFinished(
            image=job.source.name,
            platform=job.platform,
            reference=variant.reference,
            image_id=variant.image_id,
            size_in_bytes=variant.size_in_bytes,
            cached_steps=self.cached_steps,
        )

    def failure(self, job: _Job, words: str, *, is_foreign: bool) -> BuildFailed:
        advice = ""
        if self.step.startswith("FROM"):
            advice = " Pull this base, or let the Dockerfile take it from ARG BASE_IMAGE and name another."
        elif self.step.startswith("RUN") and is_foreign:
            advice = (
                f" RUN for {job.platform} needs emulation on the engine's host: install qemu-user-static and "
                "binfmt-support there."
            )
        tail = "".join(f"\n  | {line}" for line in list(self.log)[-_SHOWN_LINES:])
        said = words.rstrip(".")
        return BuildFailed(
            f"Building {job.source.name} for {job.platform} failed{self.where}: {said}.{advice}{tail}",
            image=job.source.name,
            platform=job.platform,
            step=self.step,
            log=tuple(self.log),
        )
