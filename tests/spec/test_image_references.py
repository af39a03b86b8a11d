"""Image references, by the grammar of registries."""

from __future__ import annotations

import pytest

from ocisidecar.spec.validate.fields import image_prefix, image_reference

SHA256 = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "reference",
    [
        "nginx",
        "nginx:1.27",
        "library/nginx",
        "ocisidecar/prometheus:1.2.0",
        "fra.ocir.io/acme/web:1.4",
        "FRA.ocir.io/acme/web:V1.4_a-b",
        "localhost/web",
        "localhost:5000/web:1",
        "[::1]:5000/web",
        "my-host:5000/a__b/c---d/e.f_g",
        f"ghcr.io/acme/web@{SHA256}",
        f"ghcr.io/acme/web:1@{SHA256}",
        f"web@sha512:{'0a' * 64}",
        f"web:{'a' * 128}",
        "a" * 255,
    ],
)
def test_what_registries_take_is_taken(reference: str):
    """References of every form that registries and engines accept are valid."""
    assert image_reference(reference) is None


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("fra.ocir.io/acme/Web:1.4", "registries take only lower case in 'acme/Web'"),
        ("ghcr.io/Acme/web:1.4", "registries take only lower case in 'Acme/web'"),
        ("Acme/web:1", "registries take only lower case in 'Acme/web'"),
        ("Nginx", "registries take only lower case in 'Nginx'"),
        ("fra.ocir.io/acme/web:1.4/", "'acme/web:1.4/'"),
        ("fra.ocir.io/acme//web:1", "'acme//web'"),
        ("fra.ocir.io/acme/.web:1", "'acme/.web'"),
        ("fra.ocir.io/acme/web-", "'acme/web-'"),
        ("fra.ocir.io/acme/a___b", "'acme/a___b'"),
        ("https://fra.ocir.io/acme/web", "'https:' is not a registry's name"),
        ("-x.io/acme/web", "'-x.io' is not a registry's name"),
        ("a..b/acme/web", "'a..b' is not a registry's name"),
        ("web:", "the tag ''"),
        ("web:1:2", "the tag '1:2'"),
        ("web:.1", "the tag '.1'"),
        ("web:ü", "the tag 'ü'"),
        (f"web:{'a' * 129}", "is not 1 to 128 letters"),
        ("web@", "the digest ''"),
        (f"web@{SHA256.upper()}", "the digest 'SHA256:"),
        (f"web@{SHA256[:-1]}", "the digest 'sha256:"),
        ("web@md5:00", "the digest 'md5:00'"),
        ("a" * 256, "have 256 characters, and 255 at most"),
        ("", "the path ''"),
        ("web\n", "the path 'web\\n'"),
        ("web:1\n", "the tag '1\\n'"),
        ("fra.ocir.io/acme/web:1.4 ", "the tag '1.4 '"),
    ],
)
def test_what_registries_refuse_is_refused_with_the_reason(reference: str, reason: str):
    """Capitals in the path, empty parts, long names and malformed tags and digests are named."""
    problem = image_reference(reference)
    assert problem is not None
    assert reason in problem


def test_a_prefix_follows_the_same_grammar():
    """A prefix has a registry and a lower-case path, and may end in a slash."""
    assert not any(map(image_prefix, ("fra.ocir.io/acme", "fra.ocir.io/acme/x/", "localhost:5000")))
    assert "only lower case" in str(image_prefix("fra.ocir.io/Acme"))
    assert "registry" in str(image_prefix("https://fra.ocir.io/acme"))
