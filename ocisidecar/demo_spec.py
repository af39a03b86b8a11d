"""The spec that the demo shows and deploys; below this line as you would write it."""

from ocisidecar import InstanceSpec, SidecarSpec, VolumeSpec

web = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ocpus=1, memory_in_gbs=4, ports=[80])
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())  # collects the metrics of all others
    .with_sidecar(SidecarSpec.node_exporter())  # metrics of the machine
    .with_sidecar(SidecarSpec.log_forwarder())  # sends what the app writes to /logs to OCI Logging
)
