"""Users, their keys and capabilities, and groups of users."""

from __future__ import annotations

import pytest

from ocisidecar.emulator import Latencies


class TestOperator:
    def test_the_key_that_signs_is_listed(self, emulator, identity):
        """The operator's API keys hold the one of oci_config, and an added user's the one that it got."""
        for config in (emulator.oci_config, emulator.add_user("second")):
            (key,) = identity.list_api_keys(config["user"]).data
            assert key.fingerprint == config["fingerprint"]
            assert key.key_id == "/".join(config[name] for name in ("tenancy", "user", "fingerprint"))
            assert key.key_value.startswith("-----BEGIN PUBLIC KEY-----")

    def test_it_has_an_address_and_capabilities(self, emulator, identity):
        """The operator has an e-mail address and may have every kind of credential."""
        user = identity.get_user(emulator.oci_config["user"]).data
        assert user.email == "operator@example.com"
        assert user.capabilities.can_use_api_keys is True


def test_capabilities_can_be_changed(emulator, identity):
    """An update of capabilities changes those that it names."""
    user_id = emulator.oci_config["user"]
    changed = identity.update_user_capabilities(user_id, {"canUseSmtpCredentials": False}).data.capabilities
    assert (changed.can_use_smtp_credentials, changed.can_use_api_keys) == (False, True)


def test_users_live_in_the_tenancy(compartment, identity, refusal):
    """A user in a compartment below the tenancy is refused."""
    error = refusal(identity.create_user, {"compartmentId": compartment, "name": "a", "description": "a"})
    assert (error.status, error.message) == (400, "Tenant id is not equal to compartment id")


def test_users_and_groups_are_ready_at_once(make_emulator, client_of):
    """With realistic latencies a member is added, removed and deleted without waiting, as in the SDK's example."""
    emulator = make_emulator(latencies=Latencies.realistic(1))
    identity = client_of(emulator, "identity.IdentityClient")
    details = {"compartmentId": emulator.tenancy_id, "name": "reader", "description": "reads"}
    user, group = identity.create_user(details).data, identity.create_group(details).data
    member = identity.add_user_to_group({"userId": user.id, "groupId": group.id}).data
    assert {user.lifecycle_state, group.lifecycle_state, member.lifecycle_state} == {"ACTIVE"}
    identity.remove_user_from_group(member.id)
    identity.delete_user(user.id)
    identity.delete_group(group.id)


class TestGroups:
    @pytest.fixture
    def group(self, emulator, identity):
        details = {"compartmentId": emulator.tenancy_id, "name": "writers", "description": "writers"}
        return identity.create_group(details).data

    @pytest.fixture
    def user(self, emulator, identity):
        return identity.create_user({"compartmentId": emulator.tenancy_id, "name": "a", "description": "a"}).data

    def test_a_new_tenancy_has_administrators(self, emulator, identity):
        """The operator is a member of the only group, Administrators."""
        (group,) = identity.list_groups(emulator.tenancy_id).data
        (membership,) = identity.list_user_group_memberships(emulator.tenancy_id, group_id=group.id).data
        assert (group.name, membership.user_id) == ("Administrators", emulator.oci_config["user"])
        assert emulator.live() == {}

    def test_members_are_found_by_user_and_group(self, emulator, identity, group, user, refusal):
        """A user is added once; the list needs a user or a group; a removed member is not listed."""
        details = {"userId": user.id, "groupId": group.id}
        made = identity.add_user_to_group(details).data
        assert refusal(identity.add_user_to_group, details).status == 409
        for selection in ({"user_id": user.id}, {"group_id": group.id}, {"user_id": user.id, "group_id": group.id}):
            found = identity.list_user_group_memberships(emulator.tenancy_id, **selection).data
            assert [one.id for one in found] == [made.id]
        assert refusal(identity.list_user_group_memberships, emulator.tenancy_id).status == 400
        identity.remove_user_from_group(made.id)
        assert identity.list_user_group_memberships(emulator.tenancy_id, user_id=user.id).data == []

    def test_what_has_a_membership_is_kept(self, emulator, identity, group, user, refusal):
        """Neither a member nor a group with members can be deleted."""
        made = identity.add_user_to_group({"userId": user.id, "groupId": group.id}).data
        assert refusal(identity.delete_user, user.id).status == 409
        assert refusal(identity.delete_group, group.id).status == 409
        identity.remove_user_from_group(made.id)
        identity.delete_group(group.id)
        identity.delete_user(user.id)
        assert emulator.live() == {}

    def test_groups_live_in_the_tenancy(self, emulator, compartment, identity, group, refusal):
        """A group in another compartment and one with a taken name are refused."""
        details = {"compartmentId": compartment, "name": "b", "description": "b"}
        assert refusal(identity.create_group, details).message == "Tenant id is not equal to compartment id"
        taken = {"compartmentId": emulator.tenancy_id, "name": group.name, "description": "b"}
        assert refusal(identity.create_group, taken).code == "GroupAlreadyExists"


def test_an_auth_token_is_shown_once(emulator, identity, refusal):
    """Only the create answers with the token; a third token of a user is refused."""
    user_id = emulator.oci_config["user"]
    made = identity.create_auth_token({"description": "registry"}, user_id).data
    assert made.token
    (listed,) = identity.list_auth_tokens(user_id).data
    assert (listed.id, listed.token, listed.description) == (made.id, None, "registry")
    identity.create_auth_token({"description": "second"}, user_id)
    assert refusal(identity.create_auth_token, {"description": "third"}, user_id).code == "LimitExceeded"
    identity.delete_auth_token(user_id, made.id)
    assert [one.description for one in identity.list_auth_tokens(user_id).data] == ["second"]


def test_other_credentials_are_listed_and_none_exist(emulator, identity, refusal):
    """The lists of a user's other credentials are empty, those of an unknown user 404."""
    for noun in ("customer_secret_keys", "db_credentials", "smtp_credentials", "mfa_totp_devices"):
        listed = getattr(identity, f"list_{noun}")
        assert listed(emulator.oci_config["user"]).data == []
        assert refusal(listed, "ocid1.user.oc1..x").status == 404


class TestTenancy:
    def test_it_has_one_domain(self, emulator, compartment, identity, refusal):
        """The tenancy lists its default domain by each property, a compartment none."""
        (domain,) = identity.list_domains(emulator.tenancy_id).data
        assert (domain.display_name, domain.type) == ("Default", "DEFAULT")
        assert identity.list_domains(emulator.tenancy_id, url=domain.url, is_hidden_on_login=False).data
        assert identity.list_domains(emulator.tenancy_id, type="SECONDARY").data == []
        assert identity.list_domains(compartment).data == []
        assert identity.get_domain(domain.id).data.home_region == emulator.oci_config["region"]
        assert refusal(identity.get_domain, "ocid1.domain.oc1..x").status == 404

    def test_it_has_an_authentication_policy(self, emulator, compartment, identity, refusal):
        """The policy belongs to the tenancy only."""
        policy = identity.get_authentication_policy(emulator.tenancy_id).data
        assert policy.password_policy.minimum_password_length == 12
        assert refusal(identity.get_authentication_policy, compartment).status == 404

    def test_tags_for_cost_tracking_are_listed(self, emulator, identity):
        """The list holds tags with isCostTracking of all namespaces."""
        details = {"compartmentId": emulator.tenancy_id, "name": "ops", "description": "ops"}
        space = identity.create_tag_namespace(details).data
        for name, is_tracked in (("a", True), ("b", False)):
            identity.create_tag(space.id, {"name": name, "description": name, "isCostTracking": is_tracked})
        assert [tag.name for tag in identity.list_cost_tracking_tags(emulator.tenancy_id).data] == ["a"]
