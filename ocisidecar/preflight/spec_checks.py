"""Checks of a spec against what the caller can see: rights, shapes, existing resources, images and secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice

from attrs import frozen

from ocisidecar.errors import NotAuthorizedOrNotFound
from ocisidecar.observe.repositories import locate_repositories
from ocisidecar.plan.feasibility import allowed_shapes, impossible
from ocisidecar.plan.rights import rights_for, secrets_of
from ocisidecar.preflight.context import Context, each, failed, passed, unknown, warned
from ocisidecar.resources.instance_request import OcirImage, ocir_images, resolve_image
from ocisidecar.resources.kinds import KINDS
from ocisidecar.resources.rights import (
    caller_statement,
    domains_statement,
    functions_statements,
    secrets_statement,
)
from ocisidecar.spec import InstanceSpec
from ocisidecar.spec.limits import SHAPES
from ocisidecar.spec.own_images import OWN_IMAGES
from ocisidecar.spec.validate.place import misplaced, ocids_of
from ocisidecar.verify.report import Check
from ocisidecar.wire import Json, Ref, text

Probe = Callable[[], object]
"""Reads something that a right makes visible."""

_SECRETS = "secrets.SecretsClient"
_MAX_IMAGES = 1000
_MAX_TAGS = 5
"""How many images of a repository are looked at, and how many tags are named."""


@frozen
class _Reference:
    """How a resource that a spec names is read, and what it means that it is not visible."""

    client: str
    operation: str
    is_needed: bool = True


_REFERENCES = {
    "subnet": _Reference("core.VirtualNetworkClient", "get_subnet"),
    "networksecuritygroup": _Reference("core.VirtualNetworkClient", "get_network_security_group"),
    "loggroup": _Reference("logging.LoggingManagementClient", "get_log_group"),
    "onstopic": _Reference("ons.NotificationControlPlaneClient", "get_topic", is_needed=False),
    "dynamicgroup": _Reference("identity.IdentityClient", "get_dynamic_group", is_needed=False),
}
"""Resource type of an OCID → how it is read."""


def rights_checks(context: Context) -> Iterator[Check]:
    """Everything that an apply needs is visible to the caller; whether it may also be changed shows only then.

    The right to read secrets is checked with the secrets: there is nothing else that it makes visible.  That to
    invoke a function makes nothing visible.
    """
    identity = context.site.identity
    functions = (one for want in context.desired.values() for one in functions_statements(want.body, identity))
    unseen = {secrets_statement(identity), *functions}
    statements = [one for one in rights_for(context.desired, identity) if one not in unseen]
    rights = {one.partition(" to ")[2].partition(" in ")[0]: one for one in statements}
    yield from each("rights", ((key, partial(_right, context, key, one)) for key, one in rights.items()))


def _right(context: Context, key: str, statement: str) -> Check:
    try:
        for given, probe in _probes(context):
            if given == statement:
                probe()
    except NotAuthorizedOrNotFound as error:
        answer = f"{error.operation}: {error.status} {error.code}"
        return failed("rights", key, f"{answer} (opc-request-id {error.opc_request_id})", statement)
    return passed("rights", key, "visible to the caller")


def _probes(context: Context) -> Iterator[tuple[str, Probe]]:
    """Yield pairs of a statement and a call that is refused without it."""
    identity, caller = context.site.identity, context.caller
    for kind in {KINDS[key.kind] for key in context.desired}:
        if not kind.parent:
            for statement in kind.rights(identity)[: len(kind.resource_types)]:
                yield statement, partial(_first, kind.entries(caller, context.site))
    subnets = partial(_first, KINDS["subnet"].entries(caller, context.site))
    yield caller_statement("use", "virtual-network-family", identity), subnets
    domains = partial(caller.call, "identity.IdentityClient", "list_availability_domains", identity.compartment_id)
    yield domains_statement(identity), domains


def _first(entries: Iterator[object]) -> object:
    return next(entries, None)


def shape_checks(context: Context) -> Iterator[Check]:
    """The region offers the shapes, sizes and availability domains that the spec asks for."""
    region = context.region
    for instance in context.spec.instances:
        path = f'instances["{instance.name}"]'
        problems = [
            problem
            for problem in impossible(context.spec, region.shapes, region.availability_domains)
            if problem.path.startswith(f"{path}.")
        ]
        if problems:
            yield from (failed("shapes", one.path, one.message) for one in problems)
        elif not region.shapes:
            yield unknown("shapes", path, "the region's shapes are not visible to the caller")
        else:
            yield passed("shapes", path, _described(context, instance))


def _described(context: Context, instance: InstanceSpec) -> str:
    offered = {shape.name: shape for shape in context.region.shapes}
    shape = next(offered[name] for name in allowed_shapes(instance).values() if name in offered)
    low, high = shape.ocpus
    return f"{shape.name} has {low:g} to {high:g} OCPUs; the instance has {instance.ocpus:g}"


def reference_checks(context: Context) -> Iterator[Check]:
    """What the spec names by its OCID exists here."""
    named = [(path, ocid) for path, ocid in ocids_of(context.spec) if not _is_secret(context, ocid)]
    yield from each("references", ((path, partial(_reference, context, path, ocid)) for path, ocid in named))


def _is_secret(context: Context, ocid: str) -> bool:
    """Return whether an OCID is that of a secret, which the check of secrets reads unless it is elsewhere."""
    return ocid.startswith("ocid1.vaultsecret.") and misplaced(ocid, context.place) is None


def _reference(context: Context, path: str, ocid: str) -> Check:
    if message := misplaced(ocid, context.place):
        return failed("references", path, message)
    how = _REFERENCES.get(kind := ocid.split(".")[1])
    if how is None:
        return unknown("references", path, f"a {kind} is not read")
    try:
        body = context.caller.call(how.client, how.operation, ocid).body
    except NotAuthorizedOrNotFound:
        detail = f"{ocid} does not exist, or is not visible to the caller"
        if how.is_needed:
            return failed("references", path, detail, "check the OCID, and the rights in its compartment")
        return unknown("references", path, detail)
    state = text(body, "lifecycleState")
    name = text(body, "displayName") or text(body, "name")
    detail = f"{name} is {state}"
    is_ready = state in {"ACTIVE", "AVAILABLE"}
    return passed("references", path, detail) if is_ready else failed("references", path, detail)


def secret_checks(context: Context) -> Iterator[Check]:
    """The vault secrets that an apply reads exist; their content is not read."""
    refs = [ref for ref in secrets_of(context.desired) if _is_secret(context, ref.key.name)]
    yield from each("secrets", ((ref.key.name, partial(_secret, context, ref)) for ref in refs))
    given = [secret.secret_id for instance in context.spec.instances for secret in instance.image_pull_secrets]
    ids = [one for one in dict.fromkeys(given) if one is not None and _is_secret(context, one)]
    yield from each("secrets", ((one, partial(_pull_secret, context, one)) for one in ids))


def _pull_secret(context: Context, secret_id: str) -> Check:
    try:
        _versions(context, secret_id)
    except NotAuthorizedOrNotFound:
        return unknown("secrets", secret_id, "not visible to the caller; the instances read it")
    return passed("secrets", secret_id, "exists; the instances read it")


def _secret(context: Context, ref: Ref) -> Check:
    secret_id, version = ref.key.name, ref.field
    try:
        listed = _versions(context, secret_id)
    except NotAuthorizedOrNotFound:
        detail = "does not exist, or is not visible to the caller"
        return failed("secrets", secret_id, detail, secrets_statement(context.site.identity))
    if version.isdigit() and version not in listed:
        return failed("secrets", secret_id, f"has no version {version}, but {', '.join(sorted(listed))}")
    return passed("secrets", secret_id, f"has the version {version}; content not read")


def _versions(context: Context, secret_id: str) -> frozenset[str]:
    """Return the numbers of a secret's versions."""
    listed = context.caller.pages(_SECRETS, "list_secret_bundle_versions", secret_id)
    return frozenset(str(one.get("versionNumber")) for one in listed)


def image_checks(context: Context) -> Iterator[Check]:
    """The images in the tenancy's registry exist; of others only their registries know."""
    images: dict[str, OcirImage | None] = {}
    for instance in context.spec.instances:
        ours = dict(ocir_images(instance, context.site.image_prefix))
        for container in instance.containers:
            images[resolve_image(container.image_url, context.site.image_prefix)] = ours.get(container.name)
    yield from each("images", ((url, partial(_image, context, url, image)) for url, image in images.items()))


def _image(context: Context, url: str, image: OcirImage | None) -> Check:
    site = context.site
    if url.startswith(OWN_IMAGES):
        return unknown("images", url, "an image of this project; the emulator takes it by its name")
    if image is None:
        return unknown("images", url, "not looked up: its registry is not OCI's")
    if not image.is_in(site.identity.region, site.region_key) or image.namespace != site.namespace:
        return unknown("images", url, "in the registry of another region or tenancy")
    places = locate_repositories(context.caller, site, lambda calls: [call() for call in calls], [image])
    place = places[image.repository]
    if not place.compartment_id:
        return _missing_repository(context, url, image, is_visible=place.is_visible)
    return _tag(context, url, image, place.compartment_id)


def _missing_repository(context: Context, url: str, image: OcirImage, *, is_visible: bool) -> Check:
    if image.repository in {one.name for one in context.spec.repositories}:
        return warned(
            "images", url, "an apply makes the repository, which is empty then", "apply, push, apply again"
        )
    if is_visible:
        remedy = "push the image: docker push, or scripts/build_all.py for images of this project"
        return failed("images", url, f"the tenancy has no repository {image.repository} here", remedy)
    right = caller_statement("inspect", "repos", context.site.identity, tenancy=True)
    return unknown("images", url, f"the repository {image.repository} is not visible to the caller", right)


def _tag(context: Context, url: str, image: OcirImage, compartment_id: str) -> Check:
    """Return whether the repository has the image; which platform it is for only the registry's protocol shows."""
    rest = url.partition(image.repository)[2]
    wanted = rest[1:] or "latest"
    found = _images(context, image, compartment_id, **({} if rest.startswith("@") else {"version": wanted}))
    digests = [text(one, "digest") for one in found if wanted in {text(one, "version"), text(one, "digest")}]
    if digests:
        platforms = " and ".join(_platforms(context, url)) or "that of the shape"
        return passed("images", url, f"{digests[0]}; its platform, which is not shown, must be {platforms}")
    tags = sorted(filter(None, (text(one, "version") for one in _images(context, image, compartment_id))))
    has = f"it has {', '.join(tags[-_MAX_TAGS:])}" if tags else "it is empty"
    return failed(
        "images", url, f"the repository has no {wanted}; {has}", "push the image, or name one that is there"
    )


def _platforms(context: Context, url: str) -> tuple[str, ...]:
    """Return the platforms of the shapes on which an image may run."""
    prefix = context.site.image_prefix
    users = [
        instance
        for instance in context.spec.instances
        if url in {resolve_image(container.image_url, prefix) for container in instance.containers}
    ]
    shapes = [SHAPES.get(name) for instance in users for name in allowed_shapes(instance).values()]
    return tuple(sorted({shape.platform for shape in shapes if shape is not None}))


def _images(
    context: Context, image: OcirImage, compartment_id: str, **filters: str
) -> tuple[Mapping[str, Json], ...]:
    listed = context.caller.pages(
        "artifacts.ArtifactsClient",
        "list_container_images",
        compartment_id,
        repository_name=image.repository,
        **filters,
    )
    return tuple(islice(listed, _MAX_IMAGES))
