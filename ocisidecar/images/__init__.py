"""Images for specs: build, push, pin by digest, and read vulnerability scans.

    from ocisidecar import Provisioner, images

    with Provisioner.from_config(compartment_id=...) as provisioner:
        namespace = images.namespace(provisioner)
        registry = images.Registry.ocir("fra", namespace=namespace, username="alice@acme.example", password=token)
        built = images.build(images.own_images(), version="1.0", platforms=images.PLATFORMS)
        images.ensure_repositories(provisioner, [f"ocisidecar/{image.name}" for image in built])
        pushed = [registry.push(image) for image in built]
        provisioner.apply(web.with_images(images.pinned(pushed)))

Nothing is pushed under the tag `latest`, and a digest always names the same image.
"""

from __future__ import annotations

from ocisidecar.images.build import PLATFORMS as PLATFORMS
from ocisidecar.images.build import BuiltImage as BuiltImage
from ocisidecar.images.build import Variant as Variant
from ocisidecar.images.build import build as build
from ocisidecar.images.events import BuildFinished as BuildFinished
from ocisidecar.images.events import BuildStarted as BuildStarted
from ocisidecar.images.events import BuildStep as BuildStep
from ocisidecar.images.events import BuildStopped as BuildStopped
from ocisidecar.images.events import ImageEvent as ImageEvent
from ocisidecar.images.events import ImageHandler as ImageHandler
from ocisidecar.images.events import PushFinished as PushFinished
from ocisidecar.images.events import PushProgress as PushProgress
from ocisidecar.images.events import PushStarted as PushStarted
from ocisidecar.images.registry import PushedImage as PushedImage
from ocisidecar.images.registry import Registry as Registry
from ocisidecar.images.registry import pinned as pinned
from ocisidecar.images.repositories import Repository as Repository
from ocisidecar.images.repositories import ensure_repositories as ensure_repositories
from ocisidecar.images.repositories import namespace as namespace
from ocisidecar.images.sbom import find_syft as find_syft
from ocisidecar.images.sbom import sbom as sbom
from ocisidecar.images.scans import SEVERITIES as SEVERITIES
from ocisidecar.images.scans import Problem as Problem
from ocisidecar.images.scans import ScanReport as ScanReport
from ocisidecar.images.scans import ScanResult as ScanResult
from ocisidecar.images.scans import VulnerablePackage as VulnerablePackage
from ocisidecar.images.scans import scan_results as scan_results
from ocisidecar.images.sources import ImageSource as ImageSource
from ocisidecar.images.sources import own_images as own_images
