"""Identity: tenancy, compartments, dynamic groups, policies, tags, users and their keys."""

from __future__ import annotations

import re

import oci
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocisidecar.emulator import Assumptions, Latencies
from ocisidecar.emulator.signature import make_key, pem


@pytest.fixture
def make_compartment(identity, emulator):
    def make(name, parent=None, **members):
        place = {"compartmentId": parent or emulator.tenancy_id, "name": name, "description": name}
        return identity.create_compartment({**place, **members}).data

    return make


class TestTenancy:
    def test_it_has_a_home_and_other_regions(self, emulator, identity):
        """One subscription is the home region; get_tenancy names the same one by its key."""
        subscriptions = identity.list_region_subscriptions(emulator.tenancy_id).data
        [home] = [entry for entry in subscriptions if entry.is_home_region]
        assert (home.region_name, home.status) == ("eu-frankfurt-1", "READY")
        assert identity.get_tenancy(emulator.tenancy_id).data.home_region_key == home.region_key == "FRA"
        names = {entry.region_name for entry in subscriptions}
        assert {"us-ashburn-1", "us-phoenix-1", "uk-london-1"} < names
        assert {region.name for region in identity.list_regions().data} == names

    def test_other_tenancies_are_not_seen(self, identity, refusal):
        """Another tenancy gets 404."""
        assert refusal(identity.get_tenancy, "ocid1.tenancy.oc1..other").status == 404

    def test_domains_belong_to_the_endpoint_s_region(self, client, compartment):
        """Each region has its availability domains, with the tenancy's prefix and OCI's odd names."""
        names = {
            region: [
                domain.name
                for domain in client("identity.IdentityClient", path=f"/{region}/identity")
                .list_availability_domains(compartment)
                .data
            ]
            for region in ("eu-frankfurt-1", "us-ashburn-1", "us-phoenix-1", "sa-saopaulo-1")
        }
        assert names["us-phoenix-1"] == [f"Emul:PHX-AD-{n}" for n in (1, 2, 3)]
        assert names["us-ashburn-1"] == [f"Emul:US-ASHBURN-AD-{n}" for n in (1, 2, 3)]
        assert names["eu-frankfurt-1"] == [f"Emul:EU-FRANKFURT-1-AD-{n}" for n in (1, 2, 3)]
        assert len(names["sa-saopaulo-1"]) == 1

    def test_a_domain_has_three_fault_domains(self, identity, compartment, domain, refusal):
        """Fault domains are listed for an availability domain of the region only."""
        found = identity.list_fault_domains(compartment, domain).data
        assert [entry.name for entry in found] == ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]
        assert len({entry.id for entry in found}) == 3
        assert refusal(identity.list_fault_domains, compartment, "AD-1").status == 400

    def test_answers_must_not_be_cached(self, identity):
        """Identity, and no other service, sends the recorded cache headers."""
        headers = identity.list_regions().headers
        assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
        assert headers["pragma"] == "no-cache"

    def test_writes_go_to_the_home_region(self, client, emulator, refusal):
        """Writes in another region get 403 NotAllowed with the recorded text; reads there see the same."""
        away = client("identity.IdentityClient", path="/us-ashburn-1")
        error = refusal(
            away.create_compartment,
            {"compartmentId": emulator.tenancy_id, "name": "a", "description": "a"},
        )
        assert (error.status, error.code) == (403, "NotAllowed")
        assert error.message == (
            "Please go to your home region FRA to execute CREATE, UPDATE and DELETE operations."
        )
        assert [entry.id for entry in away.list_compartments(emulator.tenancy_id).data] == [emulator.compartment_id]


class TestCompartments:
    def test_they_form_a_tree(self, emulator, identity, make_compartment, refusal):
        """A list shows one level, or all below the tenancy; the tenancy is the root without a parent."""
        parent = make_compartment("parent")
        child = make_compartment("child", parent.id)
        level = {entry.id for entry in identity.list_compartments(emulator.tenancy_id).data}
        assert level == {emulator.compartment_id, parent.id}
        deep = identity.list_compartments(emulator.tenancy_id, compartment_id_in_subtree=True)
        assert {entry.id for entry in deep.data} == level | {child.id}
        assert deep.headers["opc-limit"] == "100"
        assert refusal(identity.list_compartments, parent.id, compartment_id_in_subtree=True).status == 400
        root = identity.get_compartment(emulator.tenancy_id).data
        assert (root.compartment_id, root.is_accessible) == (None, True)
        assert deep.data[0].is_accessible is None

    def test_a_name_is_taken_once_per_level(self, make_compartment, refusal):
        """A compartment with the name of a sibling gets 409 CompartmentAlreadyExists."""
        first = make_compartment("a")
        error = refusal(make_compartment, "a")
        assert (error.status, error.code) == (409, "CompartmentAlreadyExists")
        assert make_compartment("a", first.id).name == "a"

    def test_an_empty_one_can_be_deleted(self, emulator, identity, make_compartment):
        """The work request succeeds; the compartment stays listed as DELETED and its name is free."""
        made = make_compartment("a")
        response = identity.delete_compartment(made.id)
        assert response.status == 202
        request = identity.get_work_request(response.headers["opc-work-request-id"]).data
        assert (request.status, request.operation_type) == ("SUCCEEDED", "DELETE_COMPARTMENT")
        assert identity.get_compartment(made.id).data.lifecycle_state == "DELETED"
        assert emulator.live() == {}
        assert make_compartment("a").id != made.id

    def test_the_name_of_a_deleted_one_gets_a_suffix(self, emulator, identity, make_compartment):
        """Reads and lists show the deleted compartment under another name, and policies mean the new one."""
        made = make_compartment("gone")
        identity.delete_compartment(made.id)
        name = identity.get_compartment(made.id).data.name
        assert re.fullmatch(r"gone\.\w{8}", name)
        successor = make_compartment("gone")
        for wanted, found in ((name, made), ("gone", successor)):
            (listed,) = identity.list_compartments(emulator.tenancy_id, name=wanted).data
            assert listed.id == found.id
        identity.create_policy(
            {
                "compartmentId": emulator.tenancy_id,
                "name": "readers",
                "description": "readers",
                "statements": ["Allow any-user to read repos in compartment gone"],
            }
        )

    def test_a_deleted_one_still_lists_its_work_requests(self, emulator, identity, make_compartment, refusal):
        """The delete is listed in the deleted compartment and in the one above; an unknown compartment is 404."""
        made = make_compartment("gone")
        request_id = identity.delete_compartment(made.id).headers["opc-work-request-id"]
        for compartment_id in (made.id, emulator.tenancy_id):
            assert [one.id for one in identity.list_work_requests(compartment_id).data] == [request_id]
        assert refusal(identity.list_work_requests, "ocid1.compartment.oc1..x").status == 404

    def test_one_with_resources_is_kept(self, identity, network, make_compartment, refusal):
        """The delete of a non-empty compartment fails in its work request; a deleted one accepts no resources."""
        made = make_compartment("a")
        details = {"compartmentId": made.id, "cidrBlock": "10.0.0.0/16"}
        vcn = network.create_vcn(details).data
        response = identity.delete_compartment(made.id)
        assert identity.get_work_request(response.headers["opc-work-request-id"]).data.status == "FAILED"
        assert identity.get_compartment(made.id).data.lifecycle_state == "ACTIVE"
        network.delete_vcn(vcn.id)
        identity.delete_compartment(made.id)
        assert refusal(network.create_vcn, details).status == 404

    def test_the_tenancy_cannot_be_deleted(self, emulator, identity, refusal):
        """The delete of the tenancy gets 404."""
        assert refusal(identity.delete_compartment, emulator.tenancy_id).status == 404

    def test_it_can_be_renamed(self, identity, make_compartment):
        """An update changes name and description of a compartment."""
        made = make_compartment("a")
        assert identity.update_compartment(made.id, {"name": "b"}).data.name == "b"


class TestPolicies:
    @pytest.fixture
    def make_group(self, identity, emulator):
        def make(name="web", rule="ALL {resource.type='computecontainerinstance'}", **members):
            details = {
                "compartmentId": emulator.tenancy_id,
                "name": name,
                "description": name,
                "matchingRule": rule,
                **members,
            }
            return identity.create_dynamic_group(details).data

        return make

    @pytest.fixture
    def make_policy(self, identity, compartment):
        def make(*statements, name="web", **members):
            details = {
                "compartmentId": compartment,
                "name": name,
                "description": name,
                "statements": list(statements),
                **members,
            }
            return identity.create_policy(details).data

        return make

    def test_groups_are_unique_and_live_in_the_tenancy(self, emulator, identity, make_group, refusal):
        """A duplicate dynamic group and one in a compartment are refused; deleting one frees its name."""
        made = make_group()
        assert (made.lifecycle_state, len(identity.list_dynamic_groups(emulator.tenancy_id).data)) == ("ACTIVE", 1)
        error = refusal(make_group)
        assert (error.status, error.code) == (409, "DynamicGroupAlreadyExists")
        assert error.message == "Dynamic Group 'web' already exists"
        assert refusal(make_group, "other", compartmentId=emulator.compartment_id).status == 400
        assert identity.delete_dynamic_group(made.id).status == 204
        assert refusal(identity.get_dynamic_group, made.id).status == 404
        assert make_group().id != made.id

    def test_a_rule_can_be_changed(self, identity, make_group, refusal):
        """An invalid matching rule is refused in updates too; the name cannot change."""
        made = make_group()
        rule = "ANY {resource.id = 'x'}"
        assert identity.update_dynamic_group(made.id, {"matchingRule": rule}).data.matching_rule == rule
        assert refusal(identity.update_dynamic_group, made.id, {"matchingRule": "ALL {"}).status == 400
        assert "Unable to parse matching rule" in refusal(make_group, "b", rule="bad_matching_rule").message
        assert refusal(identity.update_dynamic_group, made.id, {"name": "x"}).code == "CannotParseRequest"

    @pytest.mark.parametrize("name", ["", "with blank", "x" * 101, "sl/ash"])
    def test_names_are_restricted(self, make_group, make_policy, refusal, name):
        """A name that is not 1 to 100 letters, digits, dots, dashes and underscores gets 400."""
        assert refusal(make_group, name).code == "InvalidParameter"
        assert refusal(make_policy, "Allow any-user to use metrics in tenancy", name=name).status == 400

    def test_policies_are_unique_in_the_tenancy(self, identity, make_policy, refusal, compartment):
        """A duplicate policy name is refused; an update replaces the statements."""
        statement = f"Allow group Administrators to use metrics in compartment id {compartment}"
        made = make_policy(statement)
        assert made.statements == [statement]
        assert refusal(make_policy, statement).code == "PolicyAlreadyExists"
        other = statement.replace("use", "read")
        assert identity.update_policy(made.id, {"statements": [other]}).data.statements == [other]
        assert refusal(identity.update_policy, made.id, {"statements": []}).status == 400
        assert identity.delete_policy(made.id).status == 204

    @pytest.mark.parametrize(
        "statement",
        [
            "",
            "Allow",
            "Allow group Administrators to eat metrics in tenancy",
            "Allow group Administrators to use metrics in compartment nowhere",
        ],
    )
    def test_impossible_statements_are_refused(self, make_policy, refusal, statement):
        """A statement with a wrong syntax, verb or compartment gets 400."""
        error = refusal(make_policy, statement)
        assert (error.status, error.code) == (400, "InvalidParameter")

    def test_a_statement_speaks_of_compartments_below_the_policy(
        self, emulator, make_compartment, make_policy, refusal
    ):
        """A statement may name a compartment below the policy's by OCID or path of names, and no other one."""
        parent = make_compartment("parent")
        child = make_compartment("child", parent.id)
        there = {"compartmentId": parent.id}
        make_policy("Allow group Administrators to use metrics in compartment child", name="by-name", **there)
        make_policy(
            f"Allow group Administrators to use metrics in compartment id {child.id}", name="by-id", **there
        )
        root = {"compartmentId": emulator.tenancy_id}
        make_policy("Allow group Administrators to use metrics in compartment parent:child", name="by-path", **root)
        wrong = f"Allow group Administrators to use metrics in compartment id {emulator.compartment_id}"
        assert "does not exist or is not part" in refusal(make_policy, wrong, name="wrong", **there).message

    def test_the_root_compartment_is_the_tenancy(self, emulator, make_policy, make_emulator, client_of, refusal):
        """A statement for the root compartment says `in tenancy`; its OCID is refused unless assumed otherwise."""
        by_id = f"Allow group Administrators to use metrics in compartment id {emulator.tenancy_id}"
        there = {"compartmentId": emulator.tenancy_id}
        assert "use 'in tenancy'" in refusal(make_policy, by_id, name="by-id", **there).message
        make_policy("Allow group Administrators to use metrics in tenancy", name="in-tenancy", **there)
        other = make_emulator(assumptions=Assumptions(accepts_root_by_id=True))
        details = {"compartmentId": other.tenancy_id, "name": "by-id", "description": "d"}
        statements = [f"Allow group Administrators to use metrics in compartment id {other.tenancy_id}"]
        policy = client_of(other, "identity.IdentityClient").create_policy({**details, "statements": statements})
        assert policy.data.statements == statements

    def test_statements_are_limited_along_a_path(self, emulator, make_policy, refusal):
        """More than 500 statements on a path from a compartment to the root are refused."""
        statements = ["Allow group Administrators to use metrics in tenancy"] * 50
        root = {"compartmentId": emulator.tenancy_id}
        for number in range(10):
            make_policy(*statements, name=f"p{number}", **root)
        error = refusal(make_policy, statements[0], name="one-more")
        assert (error.status, error.code) == (400, "LimitExceeded")

    def test_changes_take_their_time(self, make_emulator, client_of, clock):
        """With a latency a dynamic group is CREATING until it is over."""
        emulator = make_emulator(latencies=Latencies(identity=3))
        identity = client_of(emulator, "identity.IdentityClient")
        details = {
            "compartmentId": emulator.tenancy_id,
            "name": "a",
            "description": "a",
            "matchingRule": "ALL {resource.id='a'}",
        }
        made = identity.create_dynamic_group(details).data
        assert made.lifecycle_state == "CREATING"
        clock.advance(3)
        assert identity.get_dynamic_group(made.id).data.lifecycle_state == "ACTIVE"


class TestTags:
    @pytest.fixture
    def namespace(self, identity, emulator):
        details = {"compartmentId": emulator.tenancy_id, "name": "ops", "description": "ops"}
        return identity.create_tag_namespace(details).data

    @pytest.fixture
    def tag(self, identity, namespace):
        return identity.create_tag(namespace.id, {"name": "role", "description": "role"}).data

    def test_defined_tags_must_be_defined(self, identity, network, compartment, namespace, tag, refusal):
        """A resource can have a defined tag only while the tag exists and is not retired."""
        details = {
            "compartmentId": compartment,
            "cidrBlock": "10.0.0.0/16",
            "definedTags": {"ops": {"role": "web"}},
        }
        assert network.create_vcn(details).data.defined_tags == {"ops": {"role": "web"}}
        identity.update_tag(namespace.id, tag.name, {"isRetired": True})
        assert refusal(network.create_vcn, details).message.startswith("Invalid tags")

    def test_what_is_not_retired_cannot_be_deleted(self, emulator, identity, namespace, tag, refusal):
        """Tag and namespace must be retired before their delete, and a namespace must have no tags."""
        assert refusal(identity.delete_tag, namespace.id, tag.name).code == "IncorrectState"
        assert refusal(identity.delete_tag_namespace, namespace.id).code == "IncorrectState"
        identity.update_tag_namespace(namespace.id, {"isRetired": True})
        assert refusal(identity.delete_tag_namespace, namespace.id).code == "IncorrectState"
        identity.update_tag(namespace.id, tag.name, {"isRetired": True})
        identity.delete_tag(namespace.id, tag.name)
        assert identity.delete_tag_namespace(namespace.id).status == 204
        assert refusal(identity.get_tag_namespace, namespace.id).status == 404
        assert emulator.live() == {}

    def test_a_retired_tag_can_be_deleted(self, identity, namespace, tag):
        """The delete of a retired tag succeeds in its work request, and the tag is 404."""
        identity.update_tag(namespace.id, tag.name, {"isRetired": True})
        response = identity.delete_tag(namespace.id, tag.name)
        assert identity.get_work_request(response.headers["opc-work-request-id"]).data.status == "SUCCEEDED"
        assert identity.list_tags(namespace.id).data == []

    def test_the_delete_of_a_tag_is_a_tagging_work_request(self, emulator, identity, namespace, tag, refusal):
        """The SDK's composite operation reads it; the list shows it and no delete of a compartment."""
        identity.update_tag(namespace.id, tag.name, {"isRetired": True})
        composite = oci.identity.IdentityClientCompositeOperations(identity)
        done = composite.delete_tag_and_wait_for_state(
            namespace.id, tag.name, wait_for_states=["SUCCEEDED"], waiter_kwargs={"max_wait_seconds": 5}
        ).data
        assert (done.operation_type, done.resources[0].action_type) == ("DELETE_TAG_DEFINITION", "DELETED")
        other = identity.create_compartment(
            {"compartmentId": emulator.tenancy_id, "name": "gone", "description": "gone"}
        ).data
        deleted = identity.delete_compartment(other.id).headers["opc-work-request-id"]
        assert [one.id for one in identity.list_tagging_work_requests(emulator.tenancy_id).data] == [done.id]
        assert identity.list_tagging_work_request_errors(done.id).data == []
        assert refusal(identity.get_tagging_work_request, deleted).status == 404

    def test_retiring_a_namespace_retires_its_tags(self, identity, network, compartment, namespace, tag, refusal):
        """Its tags can no longer be used and none can be added; reactivating it does not reactivate them."""
        identity.update_tag_namespace(namespace.id, {"isRetired": True})
        assert identity.get_tag(namespace.id, tag.name).data.is_retired is True
        details = {"compartmentId": compartment, "cidrBlock": "10.0.0.0/16", "definedTags": {"ops": {"role": "a"}}}
        assert refusal(network.create_vcn, details).message.startswith("Invalid tags")
        another = {"name": "other", "description": "other"}
        assert refusal(identity.create_tag, namespace.id, another).code == "IncorrectState"
        identity.update_tag_namespace(namespace.id, {"isRetired": False})
        assert identity.get_tag(namespace.id, tag.name).data.is_retired is True
        assert identity.create_tag(namespace.id, another).data.is_retired is False

    def test_namespaces_below_a_compartment_are_listed(self, emulator, identity, compartment, namespace):
        """The list of the tenancy holds its own namespaces, with include_subcompartments all."""
        details = {"compartmentId": compartment, "name": "inner", "description": "inner"}
        inner = identity.create_tag_namespace(details).data
        listed = identity.list_tag_namespaces(emulator.tenancy_id).data
        assert [one.id for one in listed] == [namespace.id]
        everything = identity.list_tag_namespaces(emulator.tenancy_id, include_subcompartments=True).data
        assert {one.id for one in everything} == {namespace.id, inner.id}
        assert [one.id for one in identity.list_tag_namespaces(compartment).data] == [inner.id]

    def test_the_default_validator_is_none(self, identity, namespace):
        """A validator of the type DEFAULT is left out of answers, and removes another one."""
        plain = {"name": "a", "description": "a", "validator": {"validatorType": "DEFAULT"}}
        assert identity.create_tag(namespace.id, plain).data.validator is None
        listed = {"validatorType": "ENUM", "values": ["x"]}
        assert identity.update_tag(namespace.id, "a", {"validator": listed}).data.validator.values == ["x"]
        assert identity.update_tag(namespace.id, "a", {"validator": plain["validator"]}).data.validator is None
        assert identity.get_tag(namespace.id, "a").data.validator is None

    def test_an_unknown_tag_is_not_found(self, identity, namespace, refusal):
        """An unknown tag gets 404 for reads and updates."""
        assert refusal(identity.get_tag, namespace.id, "nothing").status == 404
        assert refusal(identity.update_tag, namespace.id, "nothing", {"isRetired": True}).status == 404

    def test_names_are_unique(self, emulator, identity, namespace, tag, refusal):
        """Names of tag namespaces are unique in the tenancy, names of tags in their namespace."""
        details = {"compartmentId": emulator.compartment_id, "name": "ops", "description": "x"}
        assert refusal(identity.create_tag_namespace, details).code == "TagNamespaceAlreadyExists"
        again = {"name": tag.name, "description": "x"}
        assert refusal(identity.create_tag, namespace.id, again).code == "TagDefinitionAlreadyExists"

    def test_a_tag_default_is_added_below_its_compartment(self, identity, emulator, network, tag, refusal):
        """New resources get the default, variables replaced; a given value wins; a required one must be given."""
        details = {
            "compartmentId": emulator.tenancy_id,
            "tagDefinitionId": tag.id,
            "value": "by ${iam.principal.name}",
        }
        default = identity.create_tag_default(details).data
        assert refusal(identity.create_tag_default, details).status == 400
        vcn = {"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}
        user = emulator.oci_config["user"]
        assert network.create_vcn(vcn).data.defined_tags == {"ops": {"role": f"by {user}"}}
        own = {"ops": {"role": "mine"}}
        assert network.create_vcn({**vcn, "definedTags": own}).data.defined_tags == own
        identity.update_tag_default(default.id, {"value": "x", "isRequired": True})
        assert refusal(network.create_vcn, vcn).message.startswith("Invalid tags")
        elsewhere = {**vcn, "compartmentId": emulator.tenancy_id}
        identity.delete_tag_default(default.id)
        identity.create_tag_default({**details, "compartmentId": emulator.compartment_id})
        assert network.create_vcn(elsewhere).data.defined_tags == {}
        [below] = identity.list_tag_defaults(compartment_id=emulator.compartment_id).data
        identity.delete_tag_default(below.id)
        assert network.create_vcn(vcn).data.defined_tags == {}

    def test_the_tenancy_s_own_defaults_can_be_turned_on(self, make_emulator, client_of):
        """With has_default_tags new resources have Oracle-Tags with creator and time."""
        emulator = make_emulator(assumptions=Assumptions(has_default_tags=True))
        network = client_of(emulator, "core.VirtualNetworkClient")
        vcn = network.create_vcn({"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}).data
        assert set(vcn.defined_tags["Oracle-Tags"]) == {"CreatedBy", "CreatedOn"}
        again = {"definedTags": vcn.defined_tags}
        assert network.update_vcn(vcn.id, again).data.defined_tags == vcn.defined_tags


class TestUsers:
    @pytest.fixture
    def public_key(self):
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        key = make_key()
        return key, key.public_key().public_bytes(encoding, form).decode()

    def test_an_uploaded_key_signs_requests_until_it_is_deleted(
        self, emulator, client, identity, public_key, refusal
    ):
        """A new user's uploaded key is accepted until it is deleted."""
        private, public = public_key
        place = {"compartmentId": emulator.tenancy_id, "name": "new", "description": "new"}
        user = identity.create_user(place).data
        uploaded = identity.upload_api_key(user.id, {"key": public}).data
        assert uploaded.key_id == f"{emulator.tenancy_id}/{user.id}/{uploaded.fingerprint}"
        config = {
            **emulator.oci_config,
            "user": user.id,
            "fingerprint": uploaded.fingerprint,
            "key_content": pem(private),
        }
        own = client("identity.IdentityClient", config=config)
        assert own.list_regions().status == 200
        assert [entry.fingerprint for entry in identity.list_api_keys(user.id).data] == [uploaded.fingerprint]
        identity.delete_api_key(user.id, uploaded.fingerprint)
        assert refusal(own.list_regions).code == "NotAuthenticated"
        assert refusal(identity.delete_api_key, user.id, uploaded.fingerprint).status == 404

    def test_deleting_a_user_ends_its_keys(self, emulator, client, identity, public_key, refusal):
        """A deleted user's keys are refused."""
        private, public = public_key
        place = {"compartmentId": emulator.tenancy_id, "name": "new", "description": "new"}
        user = identity.create_user(place).data
        mark = identity.upload_api_key(user.id, {"key": public}).data.fingerprint
        identity.delete_user(user.id)
        config = {**emulator.oci_config, "user": user.id, "fingerprint": mark, "key_content": pem(private)}
        assert refusal(client("identity.IdentityClient", config=config).list_regions).status == 401

    def test_an_invalid_key_is_refused(self, emulator, identity, public_key, refusal):
        """A key that is not RSA in PEM format, and a fourth key of a user, are refused."""
        user = emulator.oci_config["user"]
        curve = ec.generate_private_key(ec.SECP256R1()).public_key()
        other = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        for wrong in ("nonsense", other.decode()):
            assert refusal(identity.upload_api_key, user, {"key": wrong}).status == 400
        for _ in range(2):
            identity.upload_api_key(user, {"key": public_key[1]})
            public = make_key().public_key()
            text = public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode()
            public_key = (None, text)
        assert refusal(identity.upload_api_key, user, {"key": public_key[1]}).code == "LimitExceeded"

    def test_the_operator_is_a_user(self, emulator, identity):
        """The user of oci_config can be read, and listed by its name."""
        found = identity.list_users(emulator.tenancy_id, name="operator").data
        assert [user.id for user in found] == [emulator.oci_config["user"]]


def test_the_plain_endpoint_lists_work_requests_of_core_and_identity(client, emulator, identity, network, vcn):
    """Both services' lists have one path: without a prefix it shows both, with one only the service's."""
    compartment = emulator.compartment_id
    made = identity.create_compartment({"compartmentId": compartment, "name": "gone", "description": "gone"}).data
    deleted = identity.delete_compartment(made.id).headers["opc-work-request-id"]
    added = network.add_vcn_cidr(vcn.id, {"cidrBlock": "10.1.0.0/16"}).headers["opc-work-request-id"]

    def listed(path, **options):
        requests = client("identity.IdentityClient", path=path)
        return [one.id for one in requests.list_work_requests(compartment, **options).data]

    assert listed("") == [added, deleted]
    assert listed("", resource_identifier=made.id) == [deleted]
    assert listed("/eu-frankfurt-1/identity") == [deleted]
    assert listed("/eu-frankfurt-1/iaas") == [added]


def test_the_sdk_s_composite_operations_work(emulator, identity):
    """The SDK's composite operations wait for the lifecycle state."""
    composite = oci.identity.IdentityClientCompositeOperations(identity)
    details = {"compartmentId": emulator.tenancy_id, "name": "a", "description": "a"}
    made = composite.create_compartment_and_wait_for_state(details, ["ACTIVE"]).data
    assert composite.delete_compartment_and_wait_for_state(made.id, ["SUCCEEDED"]).data.status == "SUCCEEDED"
