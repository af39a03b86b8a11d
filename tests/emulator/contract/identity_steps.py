"""Steps of the walk: identity."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.emulator.contract.walker import Walk


def identities(walk: Walk) -> None:
    client, tenancy = walk.client("identity.IdentityClient", "/identity"), walk.emulator.tenancy_id
    client.list_regions()
    client.list_region_subscriptions(tenancy)
    client.get_tenancy(tenancy)
    client.list_fault_domains(walk.home, client.list_availability_domains(walk.home)[0].name)
    client.list_compartments(tenancy)
    made = client.create_compartment({"compartmentId": walk.home, "name": "child", "description": "child"})
    client.get_compartment(made.id)
    client.get_compartment(tenancy)
    client.update_compartment(made.id, {"description": "changed"})
    rule = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{walk.home}'}}"
    members = {"compartmentId": tenancy, "description": "walk"}
    group = client.create_dynamic_group({**members, "name": "web", "matchingRule": rule})
    client.create_dynamic_group({**members, "name": "other", "matchingRule": rule})
    client.list_dynamic_groups(tenancy)
    client.get_dynamic_group(group.id)
    client.update_dynamic_group(group.id, {"description": "changed"})
    statement = f"Allow dynamic-group id {group.id} to use log-content in compartment id {walk.home}"
    policy = client.create_policy({**members, "name": "web", "statements": [statement]})
    client.create_policy({**members, "name": "other", "statements": [statement]})
    client.list_policies(tenancy)
    client.get_policy(policy.id)
    client.update_policy(policy.id, {"description": "changed"})
    walk.ids |= {"compartment": made.id, "dynamic_group": group.id, "policy": policy.id}


def users(walk: Walk) -> None:
    client, tenancy = walk.client("identity.IdentityClient", "/identity"), walk.emulator.tenancy_id
    person = {"compartmentId": tenancy, "name": "walker", "description": "walks", "email": "walker@example.com"}
    user = client.create_user(person)
    client.list_users(tenancy)
    client.get_user(user.id)
    client.update_user(user.id, {"description": "changed"})
    client.update_user_capabilities(user.id, {"canUseSmtpCredentials": False})
    key = rsa.generate_private_key(65537, 2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    uploaded = client.upload_api_key(user.id, {"key": pem})
    client.list_api_keys(user.id)
    client.delete_api_key(user.id, uploaded.fingerprint)
    group = client.create_group({"compartmentId": tenancy, "name": "walkers", "description": "walk"})
    client.create_group({"compartmentId": tenancy, "name": "runners", "description": "run"})
    client.list_groups(tenancy)
    client.get_group(group.id)
    client.update_group(group.id, {"description": "changed"})
    membership = client.add_user_to_group({"userId": user.id, "groupId": group.id})
    client.list_user_group_memberships(tenancy, user_id=user.id)
    client.get_user_group_membership(membership.id)
    client.remove_user_from_group(membership.id)
    client.delete_group(group.id)
    token = client.create_auth_token({"description": "walk"}, user.id)
    client.create_auth_token({"description": "run"}, user.id)
    client.list_auth_tokens(user.id)
    client.update_auth_token(user.id, token.id, {"description": "changed"})
    client.delete_auth_token(user.id, token.id)
    client.list_customer_secret_keys(user.id)
    client.list_db_credentials(user.id)
    client.list_smtp_credentials(user.id)
    client.list_mfa_totp_devices(user.id)
    client.get_authentication_policy(tenancy)
    client.get_domain(client.list_domains(tenancy)[0].id)
    client.delete_user(user.id)


def tags(walk: Walk) -> None:
    client = walk.client("identity.IdentityClient", "/identity")
    space = client.create_tag_namespace({"compartmentId": walk.home, "name": "walk", "description": "walk"})
    client.list_tag_namespaces(walk.home)
    client.get_tag_namespace(space.id)
    client.update_tag_namespace(space.id, {"description": "changed"})
    tag = client.create_tag(space.id, {"name": "owner", "description": "owner"})
    client.list_tags(space.id)
    client.get_tag(space.id, "owner")
    client.update_tag(space.id, "owner", {"description": "changed"})
    default = client.create_tag_default({"compartmentId": walk.home, "tagDefinitionId": tag.id, "value": "walk"})
    client.list_tag_defaults(compartment_id=walk.home)
    client.get_tag_default(default.id)
    client.update_tag_default(default.id, {"value": "changed"})
    client.delete_tag_default(default.id)
    client.update_tag(space.id, "owner", {"isCostTracking": True})
    client.list_cost_tracking_tags(walk.emulator.tenancy_id)
    client.update_tag(space.id, "owner", {"isRetired": True})
    client.delete_tag(space.id, "owner")
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    client.list_tagging_work_requests(walk.home)
    client.get_tagging_work_request(request_id)
    client.list_tagging_work_request_errors(request_id)
    client.list_tagging_work_request_logs(request_id)
    client.update_tag_namespace(space.id, {"isRetired": True})
    client.delete_tag_namespace(space.id)
