"""Dynamic group and policy with exactly the rights that the containers need.

Statements name the group by OCID, because a group that was deleted and created again under its old name is another
group, and every statement has a reason.  IAM is written, and read, in the tenancy's home region.

Source: oci.identity.models; Oracle, "Managing Dynamic Groups" and "Policy Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve

from ocisidecar.client.retry import CREATE_AFTER_IAM, UPDATE_AFTER_IAM
from ocisidecar.client.session import Caller
from ocisidecar.resources.facts import Fact, texts_in
from ocisidecar.resources.instance_request import OcirImage, compose, ocir_images
from ocisidecar.resources.kind import Kind, RepositoryPlace, Site
from ocisidecar.resources.rights import compartment_words
from ocisidecar.spec import DeploymentSpec, InstanceSpec, Statement
from ocisidecar.spec.volume import response_file_in
from ocisidecar.state.desired import Desired
from ocisidecar.wire import Body, Json, Key, Ref, Text

_GROUP_NAMES: Mapping[str, str] = {"computecontainerinstance": "main", "managementagent": "agents"}
"""Kind of principal → name of the group for it."""


_PUSH = "request.permission='LOG_CONTENT_PUSH'"
"""Condition of a container that only pushes lines."""
_REFERENCE = re.compile(r"<(?:(?P<deployment>[\w-]+):)?(?P<kind>[a-z-]+)/(?P<name>[\w-]+)\.(?P<field>\w+)>")
"""A `Ref` as `str` writes it, within a condition."""
_REPOSITORY = re.compile(r"target\.repo\.name='(?P<name>[^']*)'")
_TAG = ", tag."
_ANYWHERE = RepositoryPlace("", is_below=True)


class DynamicGroup(Kind):
    """The principals: which containers the policy is for.  API: identity/20160918, DynamicGroup."""

    name = "dynamic-group"
    heading = "Access"
    purpose = "says which containers the policy is for"
    is_shared = True
    client = "identity.IdentityClient"
    noun = "dynamic_group"
    has_unique_name = True
    is_in_root = True
    resource_types = ("dynamic-groups",)
    is_in_home_region = True
    mutable = frozenset({"description", "matchingRule"})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one group for each kind of principal with rights."""
        access = spec.effective_access
        if access.kind != "deployment":
            return
        for principal in sorted({statement.principal for statement in statements_of(spec, site.image_prefix)}):
            name = _GROUP_NAMES[principal]
            body: dict[str, Body] = {
                "compartmentId": site.identity.tenancy_id,
                "name": site.unique_name(name),
                "description": f"Containers of the deployment {spec.name}",
                "matchingRule": _matching_rule(
                    principal, site, access.defined_tag if _is_tagged(spec, principal) else None
                ),
            }
            yield self.desired(name, body, former={"name": site.former_unique_name(name)})

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield whom the group admits, which is the true boundary of the rights."""
        rule = str(body.get("matchingRule"))
        what = "management agents" if "'managementagent'" in rule else "container instances"
        if _TAG in rule:
            yield "admits", f"the {what} of the compartment with the deployment's defined tag"
            return
        yield "admits", f"all {what} of the compartment, also those of other deployments"
        yield "narrowed by", "defined_tag of access, e.g. namespace.key"

    def entries(self, caller: Caller, site: Site, parent_id: str = "") -> Iterator[Mapping[str, Json]]:
        """Yield the tenancy's groups: they live in its root compartment."""
        yield from caller.pages(
            self.client, "list_dynamic_groups", site.identity.tenancy_id, region=site.home_region
        )


class Policy(Kind):
    """The rights of the containers.  API: identity/20160918, Policy."""

    name = "policy"
    heading = "Access"
    purpose = "what these containers may do"
    is_shared = True
    client = "identity.IdentityClient"
    noun = "policy"
    has_unique_name = True
    resource_types = ("policies",)
    is_in_home_region = True
    needs = ("dynamic-group", "log-group")
    mutable = frozenset({"description", "statements"})
    create_intent = CREATE_AFTER_IAM
    update_intent = UPDATE_AFTER_IAM

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield one policy with the minimal rights of the containers and of the deployments that share it."""
        access = spec.effective_access
        statements = statements_of(spec, site.image_prefix)
        written = [one for one in statements if not place_of(one, site).is_elsewhere]
        if access.kind not in {"deployment", "existing"} or not written:
            return
        reasons = "; ".join(dict.fromkeys(statement.reason for statement in written))
        body: dict[str, Body] = {
            "compartmentId": site.identity.compartment_id,
            "name": site.unique_name(),
            "description": f"{spec.name}: {reasons}"[:400],
            "statements": [_statement(one, access.dynamic_group, site) for one in written],
        }
        yield self.desired("main", body)

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield what each statement allows, and the reasons."""
        for statement in texts_in(body, "statements"):
            _, _, permission = statement.partition(" to ")
            right, _, condition = permission.partition(" where ")
            verb_and_type, _, _ = right.partition(" in ")
            yield "allows", f"{verb_and_type} where {condition}" if condition else verb_and_type
        yield "because", str(body.get("description"))


def statements_of(spec: DeploymentSpec, image_prefix: str | None) -> tuple[Statement, ...]:
    """Return the statements of all containers and of the shared access, each once, sorted."""
    declared = [
        one
        for instance in spec.instances
        for _, one in compose(spec, instance, replica=0, image_prefix=image_prefix).statements
    ]
    group = _log_group(spec)
    narrowed = (_in_log_group(one, group) for one in declared)
    found = {
        (one.principal, one.resource_type, one.verb, one.where or ""): one
        for one in (*spec.effective_access.statements, *narrowed)
    }
    return tuple(found[name] for name in sorted(found))


def _in_log_group(statement: Statement, group: str) -> Statement:
    """Return a right to push lines for one log group alone, if that is known.

    Source: Oracle, "Details for Logging": target.loggroup.id is a variable of log-content.
    """
    if statement.resource_type != "log-content" or statement.where != _PUSH or not group:
        return statement
    return evolve(statement, where=f"all {{{_PUSH}, target.loggroup.id='{group}'}}")


def _log_group(spec: DeploymentSpec) -> str:
    """Return the OCID of the deployment's log group, or the reference to it; empty for an existing log alone."""
    logging = spec.effective_logging
    if logging.kind == "deployment":
        return str(Ref(Key("log-group", "main")))
    if logging.kind == "of":
        used = (value for one in spec.instances for value in _values(one) if isinstance(value, Ref))
        log = min((ref.key for ref in used if ref.key.kind == "log"), default=None)
        return str(Ref(log, "logGroupId", deployment=logging.name or "")) if log else ""
    return logging.log_group_id or ""


def _values(instance: InstanceSpec) -> Iterator[object]:
    for container in instance.containers:
        yield from container.environment_variables.values()


def is_granted(right: str, statements: Iterable[str]) -> bool:
    """Return whether one of a policy's statements grants a right, for all log groups or for the same one."""
    everywhere = re.sub(rf"all {{({re.escape(_PUSH)}), target\.loggroup\.id='[^']*'}}", r"\1", right)
    return any(one.endswith((f" to {right}", f" to {everywhere}")) for one in statements)


def _is_tagged(spec: DeploymentSpec, principal: str) -> bool:
    """Return whether all principals of a kind have the deployment's defined tag: agents that we register do."""
    declared = (
        one
        for instance in spec.instances
        if not response_file_in(instance.all_volumes)
        for container in instance.containers
        for one in container.statements
    )
    others = (*spec.effective_access.statements, *declared)
    return principal == "computecontainerinstance" or all(one.principal != principal for one in others)


def _matching_rule(principal: str, site: Site, defined_tag: str | None) -> str:
    clauses = [f"resource.type = '{principal}'", f"resource.compartment.id = '{site.identity.compartment_id}'"]
    if defined_tag is not None:
        clauses.append(f"tag.{defined_tag}.value = '{site.identity.name}'")
    return f"ALL {{{', '.join(clauses)}}}"


def right_of(statement: Statement, site: Site) -> str:
    """Return the part of a policy statement from the verb on, which describes the right."""
    where = f" where {statement.where}" if statement.where else ""
    compartment_id = place_of(statement, site).compartment_id or site.identity.compartment_id
    place = compartment_words(compartment_id, site.identity)
    return f"{statement.verb} {statement.resource_type} in {place}{where}"


def place_of(statement: Statement, site: Site) -> RepositoryPlace:
    """Return where the repository is that a statement is about; an empty place for statements about others."""
    found = _REPOSITORY.fullmatch(statement.where or "") if statement.resource_type == "repos" else None
    return site.repositories.get(found["name"], _ANYWHERE) if found else _ANYWHERE


def images_of(spec: DeploymentSpec, image_prefix: str | None) -> frozenset[OcirImage]:
    """Return the images that OCI pulls with rights that the deployment's own policy gives."""
    if spec.effective_access.kind not in {"deployment", "existing"}:
        return frozenset()
    return frozenset(one for instance in spec.instances for _, one in ocir_images(instance, image_prefix))


def elsewhere_statement(statement: Statement, spec: DeploymentSpec, site: Site) -> str:
    """Return the statement for a policy in the compartment of a repository that is elsewhere."""
    group = spec.effective_access.dynamic_group or site.unique_name(_GROUP_NAMES[statement.principal])
    return f"Allow dynamic-group {_subject(group)} to {right_of(statement, site)}"


def _subject(group: str) -> str:
    return f"id {group}" if group.startswith("ocid1.") else group


def _statement(statement: Statement, group: str | None, site: Site) -> Body:
    named = Ref(Key("dynamic-group", _GROUP_NAMES[statement.principal])) if group is None else _subject(group)
    subject = ("id ", named) if isinstance(named, Ref) else (named,)
    parts = ("Allow dynamic-group ", *subject, *_with_references(f" to {right_of(statement, site)}"))
    return Text(parts) if any(isinstance(part, Ref) for part in parts) else "".join(map(str, parts))


def _with_references(text: str) -> Iterator[str | Ref]:
    """Yield the parts of a text, with the references that it names."""
    end = 0
    for found in _REFERENCE.finditer(text):
        yield text[end : found.start()]
        yield Ref(Key(found["kind"], found["name"]), found["field"], deployment=found["deployment"] or "")
        end = found.end()
    yield text[end:]
