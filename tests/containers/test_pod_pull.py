"""Images that the engine does not have: pulled with the body's secrets, or an error with the registry's reason."""

from __future__ import annotations

import base64

import pytest

from ocisidecar.engine import PodFailed
from ocisidecar.engine.images import ensure_pause
from tests.containers.bodies import body, objects_with_label
from tests.containers.registry_process import program, running


@pytest.fixture(scope="module")
def registry(eventually, tmp_path_factory):
    """A registry on loopback with one user."""
    if program() is None:
        pytest.skip("docker-registry is not installed")
    with running(tmp_path_factory.mktemp("registry"), eventually) as registry:
        yield registry


@pytest.fixture
def image_url(engine, registry):
    """An image that is in the registry and not on the engine."""
    repository, tag = f"{registry.host}/acme/tiny", "1"
    engine.api.tag(ensure_pause(engine.api), repository, tag)
    credentials = {"username": registry.username, "password": registry.password}
    events = list(engine.api.push(repository, tag, auth_config=credentials, stream=True, decode=True))
    assert [event for event in events if "error" in event] == []
    url = f"{repository}:{tag}"
    engine.api.remove_image(url)
    yield url
    if engine.has_image(url):
        engine.api.remove_image(url)


def secret(endpoint, username, password):
    words = {"username": username, "password": password}
    return {
        "secretType": "BASIC",
        "registryEndpoint": endpoint,
        **{name: base64.b64encode(word.encode()).decode() for name, word in words.items()},
    }


def pulled(image_url, *secrets):
    return body({"displayName": "tiny", "imageUrl": image_url}, imagePullSecrets=list(secrets))


def test_an_image_is_pulled_with_its_pull_secret(engine, registry, image_url):
    """An image is pulled with the secret of its registry, out of several secrets."""
    right = secret(registry.host, registry.username, registry.password)
    other = secret("ghcr.io", "bob", "x")
    pod = engine.run_pod(pulled(image_url, other, right), name="pulled")
    try:
        assert pod.containers[0].is_running
    finally:
        pod.close()


def test_an_image_can_be_pinned_by_its_digest(engine, registry, image_url):
    """A URL of the form `name@sha256:…` is pulled like a tag."""
    right = secret(registry.host, registry.username, registry.password)
    engine.run_pod(pulled(image_url, right), name="tagged").close()
    (pinned,) = [one for one in engine.api.inspect_image(image_url)["RepoDigests"] if registry.host in one]
    engine.api.remove_image(image_url)
    assert not engine.has_image(pinned)
    engine.run_pod(pulled(pinned, right), name="pinned").close()
    engine.api.remove_image(pinned)


@pytest.mark.parametrize("is_given", [False, True])
def test_a_rejected_pull_is_reported_without_the_password(engine, registry, image_url, is_given):
    """Without a secret, or with a wrong one, the error names the image and the registry's reason."""
    wrong = [secret(registry.host, registry.username, "not-the-password")] if is_given else []
    with pytest.raises(PodFailed, match=r"acme/tiny:1 is not on the engine and could not be pulled: .+") as refused:
        engine.run_pod(pulled(image_url, *wrong), name="refused")
    assert "not-the-password" not in str(refused.value)
    assert objects_with_label(engine, "ocisidecar.pod=refused") == []
