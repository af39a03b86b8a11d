"""Lists of kinds that the emulator cannot make."""


def test_what_cannot_be_made_is_an_empty_list(network, compartment, client, refusal):
    """The lists are empty in a compartment that exists, and creating and reading are 501."""
    assert network.list_drgs(compartment).data == []
    assert client("core.ComputeClient").list_instances(compartment).data == []
    logging = client("logging.LoggingManagementClient")
    assert logging.list_unified_agent_configurations(compartment).data.items == []
    assert refusal(network.list_drgs, "ocid1.compartment.oc1..x").status == 404
    assert refusal(network.create_drg, {"compartmentId": compartment}).status == 501
    assert refusal(network.get_drg, "ocid1.drg.oc1..x").status == 501


def test_buckets_belong_to_the_namespace(client, compartment, refusal):
    """The list of buckets is empty in the tenancy's namespace; another one is 404."""
    storage = client("object_storage.ObjectStorageClient")
    assert storage.list_buckets(storage.get_namespace().data, compartment).data == []
    assert refusal(storage.list_buckets, "other", compartment).status == 404


def test_other_services_have_empty_lists(client, compartment, refusal):
    """Scanners of a tenancy find no databases, load balancers and file systems, where they look in a real place."""
    assert client("database.DatabaseClient").list_db_systems(compartment).data == []
    balancers = client("load_balancer.LoadBalancerClient")
    assert balancers.list_load_balancers(compartment).data == []
    assert refusal(balancers.list_load_balancers, "ocid1.compartment.oc1..x").status == 404
    assert refusal(balancers.create_load_balancer, {"compartmentId": compartment}).status == 501
    assert refusal(client("file_storage.FileStorageClient").list_file_systems, compartment, "AD-9").status == 400
