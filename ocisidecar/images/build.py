"""Building images: several in parallel, with the engine's cache, for one platform or several."""

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
from ocisidecar.images.connection import engine_or_default
from ocisidecar.images.events import (
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildStopped,
    Emitter,
    ImageEvent,
    ImageHandler,
)
from ocisidecar.images.sources import ImageSource

if TYPE_CHECKING:
    from ocisidecar.engine import Engine
    from ocisidecar.engine.streams import Stop

PLATFORMS: Final = ("linux/amd64", "linux/arm64")
"""The platforms of container instances: x86 shapes and the Ampere shapes (CI.Standard.A1.Flex)."""

_TAG: Final = re.compile(r"\w[\w.-]{0,119}", re.ASCII)
_KEPT_LINES: Final = 40
_SHOWN_LINES: Final = 10


@frozen(kw_only=True)
class Variant:
    """An image for one platform, in the engine.

    Attributes:
        platform: e.g. `linux/arm64`.
        reference: name and tag in the engine.
        image_id: of the engine.
        size_bytes: of all layers, uncompressed.
    """

    platform: str
    reference: str
    image_id: str
    size_bytes: int


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

    Blocks.  Steps that did not change come from the engine's cache.  For several platforms a tag ends in the
    architecture (`:1.0-arm64`), and the engine's own platform has the plain tag too.  `RUN` for another platform
    than the engine's needs emulation on its host; `FROM scratch` and `COPY` do not.  An engine holds one platform
    of a base at a time: building for several pulls the base again, and images `FROM scratch` then bypass the cache.

    Args:
        sources: what to build, e.g. `own_images()`.
        version: the tag.
        platforms: some of `linux/amd64` and `linux/arm64`; None means the engine's own.
        base_images: name of a source → image to use as its base, passed as argument `BASE_IMAGE`.
        repository_prefix: with the default and this release's version, local pods find the project's images under
            the names in specs.
        engine: where to build; by default the one that the environment names.
        max_workers: number of parallel builds.
        on_event: receives the events, on this thread.
        clock: the source of time.

    Returns:
        One image per source, in their order.

    Raises:
        ConfigError: a platform, the version or a name in `base_images` is invalid.
        DockerUnavailable: no engine answers.
        BuildFailed: at least one failed; the others were built.
        ImageError: the connection to the engine was lost.
    """
    bases = base_images or {}
    _check(sources, version, platforms, bases)
    with engine_or_default(engine) as holder:
        native = _native_platform(holder)
        platforms = (native,) if platforms is None else platforms
        builds = _Builder(holder, native, max_workers, Emitter(on_event, clock or SystemClock()), _new_stop())
        # One platform after the other, as the engine holds a base for one at a time; its own comes last and stays.
        for platform in sorted(platforms, key=lambda platform: platform == native):
            suffix = f"-{architecture(platform)}" if len(platforms) > 1 else ""
            builds.run(
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
    builds.raise_failures()
    return tuple(
        BuiltImage(name=source.name, version=version, variants=builds.variants_of(source, platforms))
        for source in sources
    )


def architecture(platform: str) -> str:
    """Return the architecture of a platform, e.g. `arm64`."""
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
        raise ConfigError(f"sources: duplicate name in {', '.join(names)}.")
    if unknown := sorted(set(bases) - set(names)):
        raise ConfigError(f"base_images[{unknown[0]!r}]: there is no such source; available: {', '.join(names)}.")


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
        """Labels that stay the same from build to build, so that an unchanged image keeps its digest."""
        labels = {
            "org.opencontainers.image.title": self.source.name,
            "org.opencontainers.image.version": self.version,
            "ocisidecar.image": self.source.name,
        }
        return labels if self.base is None else {**labels, "org.opencontainers.image.base.name": self.base}


@define
class _Builder:
    """Runs builds in threads and delivers their events on the calling thread."""

    engine: Engine
    native_platform: str
    max_workers: int
    emitter: Emitter
    stop: Stop
    built: dict[tuple[str, str], Variant] = field(factory=dict)
    failures: list[BuildFailed] = field(factory=list)
    _inbox: SimpleQueue[ImageEvent | Future[Variant]] = field(factory=SimpleQueue, init=False)

    def run(self, jobs: Iterable[_Job]) -> None:
        """Run all builds; when a handler raises or Ctrl-C is pressed, the engine stops all of them."""
        pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix="ocisidecar-build")
        try:
            running = {self._submit(pool, job): job for job in jobs}
            while running:
                item = self._inbox.get()
                if isinstance(item, ImageEvent):
                    self.emitter.emit(item)
                else:
                    self._handle_result(item, running.pop(item))
        except BaseException:
            self.stop.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def variants_of(self, source: ImageSource, platforms: Sequence[str]) -> tuple[Variant, ...]:
        """Return what was built of a source, in the order of `platforms`."""
        return tuple(self.built[source.name, platform] for platform in platforms)

    def raise_failures(self) -> None:
        """Raise the first build that failed, with the others as its `others`."""
        if self.failures:
            first, *others = self.failures
            first.others = tuple(others)
            raise first

    def _submit(self, pool: ThreadPoolExecutor, job: _Job) -> Future[Variant]:
        future = pool.submit(self._build, job)
        future.add_done_callback(self._inbox.put)
        return future

    def _handle_result(self, future: Future[Variant], job: _Job) -> None:
        name, platform = job.source.name, job.platform
        try:
            self.built[name, platform] = future.result()
        except BuildFailed as error:
            self.failures.append(error)
            self.emitter.emit(BuildStopped(image=name, platform=platform, error=str(error)))

    def _build(self, job: _Job) -> Variant:
        log = _BuildLog()
        started = BuildStarted(image=job.source.name, platform=job.platform, base_image=job.base or "")
        self._inbox.put(started)
        try:
            self._fetch_base(job)
            variant = self._build_variant(job, log)
        except ImageError as error:
            raise log.failure(job, str(error), is_foreign=job.platform != self.native_platform) from error
        self._inbox.put(log.finish(job, variant))
        return variant

    def _build_variant(self, job: _Job, log: _BuildLog) -> Variant:
        from ocisidecar.engine.building import find_image, tag_image

        platform, size, image_id = "", 0, ""
        for is_cache_used in (True, False):
            image_id = self._attempt(job, log, is_cache_used=is_cache_used)
            platform, size = find_image(self.engine, image_id) or (platform, size)
            if platform == job.platform:
                break
        else:
            raise ImageError(f"the engine built it for {platform}: a stage has a base that is not {job.platform}")
        if job.alias is not None:
            tag_image(self.engine, image_id, job.alias)
        return Variant(platform=platform, reference=job.reference, image_id=image_id, size_bytes=size)

    def _fetch_base(self, job: _Job) -> None:
        from ocisidecar.engine.building import fetch_image

        if job.base in {None, "scratch"}:
            return
        try:
            fetch_image(self.engine, str(job.base), job.platform, stop=self.stop)
        except ImageError as error:
            raise ImageError(
                f"the engine cannot pull the base {job.base}: {error}. Pull it, or name another: "
                f"base_images={{{job.source.name!r}: ...}}, or --base {job.source.name}=... of build_all.py"
            ) from error

    def _attempt(self, job: _Job, log: _BuildLog, *, is_cache_used: bool) -> str:
        from ocisidecar.engine.building import CacheHit, ImageBuilt, OutputLine, StepBegun, build_image

        log.begin()
        image_id = ""
        building = build_image(
            self.engine,
            job.source.context,
            dockerfile=job.source.directory.resolve() / "Dockerfile",
            reference=job.reference,
            platform=job.platform,
            arguments=job.arguments,
            labels=job.labels,
            stop=self.stop,
            use_cache=is_cache_used,
        )
        with closing(building):
            for event in building:
                match event:
                    case StepBegun():
                        self._inbox.put(log.begin_step(job, event.number, event.count, event.instruction))
                    case CacheHit():
                        log.cached_steps += 1
                    case OutputLine():
                        log.lines.append(event.line)
                    case ImageBuilt():
                        image_id = event.image_id
        if not image_id:
            raise ImageError("the engine returned no image")
        return image_id


@define
class _BuildLog:
    """The output of one build so far."""

    step: str = ""
    position: str = ""
    cached_steps: int = 0
    lines: deque[str] = field(factory=lambda: deque(maxlen=_KEPT_LINES))

    def begin(self) -> None:
        self.step, self.position, self.cached_steps = "", "", 0

    def begin_step(self, job: _Job, number: int, count: int, instruction: str) -> BuildStep:
        self.step, self.position = instruction, f" in step {number}/{count} {instruction!r}"
        self.lines.append(f"Step {number}/{count} : {instruction}")
        return BuildStep(
            image=job.source.name, platform=job.platform, number=number, count=count, instruction=instruction
        )

    def finish(self, job: _Job, variant: Variant) -> BuildFinished:
        return BuildFinished(
            image=job.source.name,
            platform=job.platform,
            reference=variant.reference,
            image_id=variant.image_id,
            size_bytes=variant.size_bytes,
            cached_steps=self.cached_steps,
        )

    def failure(self, job: _Job, message: str, *, is_foreign: bool) -> BuildFailed:
        advice = ""
        if self.step.startswith("FROM"):
            advice = " Pull this base, or declare it as ARG BASE_IMAGE in the Dockerfile and name another."
        elif self.step.startswith("RUN") and is_foreign:
            advice = (
                f" RUN for {job.platform} needs emulation on the engine's host: install qemu-user-static and "
                "binfmt-support there."
            )
        tail = "".join(f"\n  | {line}" for line in list(self.lines)[-_SHOWN_LINES:])
        cause = message.rstrip(".")
        return BuildFailed(
            f"Building {job.source.name} for {job.platform} failed{self.position}: {cause}.{advice}{tail}",
            image=job.source.name,
            platform=job.platform,
            step=self.step,
            log=tuple(self.lines),
        )
