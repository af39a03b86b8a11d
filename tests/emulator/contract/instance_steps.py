"""Steps of the walk: container instances."""

from __future__ import annotations

from base64 import b64encode

from tests.emulator.contract.walker import Walk

SECRET = b64encode(b"secret").decode()
CHECK = {"port": 80, "intervalInSeconds": 10}
CONTAINER = {
    "displayName": "web",
    "imageUrl": "busybox",
    "command": ["sh"],
    "arguments": ["-c", "true"],
    "workingDirectory": "/",
    "environmentVariables": {"A": "1"},
    "isResourcePrincipalDisabled": True,
    "resourceConfig": {"vcpusLimit": 1.0, "memoryLimitInGBs": 1.0},
    "volumeMounts": [{"volumeName": "files", "mountPath": "/files", "isReadOnly": True}],
    "healthChecks": [
        {"healthCheckType": "HTTP", "path": "/", "name": "http", "headers": [{"name": "h", "value": "v"}], **CHECK},
        {"healthCheckType": "TCP", "name": "tcp", **CHECK},
    ],
    "securityContext": {
        "securityContextType": "LINUX",
        "runAsUser": 1000,
        "capabilities": {"dropCapabilities": ["ALL"]},
    },
}
INSTANCE = {
    "displayName": "web",
    "shape": "CI.Standard.E4.Flex",
    "shapeConfig": {"ocpus": 1, "memoryInGBs": 4},
    "containers": [CONTAINER, {"imageUrl": "busybox"}],
    "volumes": [
        {"volumeType": "EMPTYDIR", "name": "scratch", "backingStore": "EPHEMERAL_STORAGE"},
        {"volumeType": "CONFIGFILE", "name": "files", "configs": [{"fileName": "a", "data": SECRET}]},
    ],
    "imagePullSecrets": [
        {"secretType": "BASIC", "registryEndpoint": "fra.ocir.io", "username": SECRET, "password": SECRET}
    ],
    "dnsConfig": {"nameservers": ["169.254.169.254"]},
    "gracefulShutdownTimeoutInSeconds": 30,
}


def container_instances(walk: Walk) -> None:
    instances, home, subnet = walk.instances, walk.home, {"subnetId": walk.ids["subnet"]}
    identity = walk.client("identity.IdentityClient", "/identity")
    domain = identity.list_availability_domains(home)[0].name
    instances.list_container_instance_shapes(home)
    vnic = {**subnet, "nsgIds": [walk.ids["nsg"]], "isPublicIpAssigned": True, "hostnameLabel": "web"}
    body = walk.made(**INSTANCE, availabilityDomain=domain, vnics=[vnic])
    instance = instances.create_container_instance(body)
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    instances.create_container_instance({**body, "vnics": [subnet], "displayName": "other"})
    instances.list_container_instances(home)
    shown = instances.get_container_instance(instance.id)
    instances.update_container_instance(instance.id, {"displayName": "renamed"})
    instances.list_work_requests(compartment_id=home)
    instances.get_work_request(request_id)
    instances.list_work_request_errors(request_id)
    instances.list_work_request_logs(request_id)
    container_id = shown.containers[0].container_id
    instances.list_containers(home)
    instances.get_container(container_id)
    instances.update_container(container_id, {"displayName": "renamed"})
    instances.retrieve_logs(container_id)
    walk.ids |= {"instance": instance.id, "vnic": shown.vnics[0].vnic_id}
