"""Printing the outputs of a deployment, or one value for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ocisidecar.cli.arguments import Options
from ocisidecar.cli.common import print_text
from ocisidecar.deployment import Deployment
from ocisidecar.errors import ConfigError
from ocisidecar.spec.suggestions import did_you_mean


def print_outputs(deployment: Deployment, options: Options) -> None:
    """Print all outputs, one `name=value` on each line, or bare the one that `options.key` names.

    Raises:
        ConfigError: see `find_output`.
    """
    found: Mapping[str, str] | str
    if options.key is None:
        found = dict(deployment.outputs)
    else:
        found = deployment.resources.get(options.key) or find_output(deployment.outputs, options.key)
    if options.json:
        text = json.dumps(found, indent=2, ensure_ascii=False)
    else:
        text = found if isinstance(found, str) else "\n".join(f"{name}={value}" for name, value in found.items())
    print_text(text)


def find_output(outputs: Mapping[str, str], word: str) -> str:
    """Return the value of an output by its name, or by parts of its name that no other has.

    So `url` is enough where there is one URL, and `web-1.url` where that instance has one.

    Raises:
        ConfigError: there is none, or more than one; names the candidates.
    """
    if word in outputs:
        return outputs[word]
    found = [name for name in outputs if f".{word}." in f".{name}."]
    if len(found) == 1:
        return outputs[found[0]]
    if found:
        raise ConfigError(f"{word!r} means several outputs: {', '.join(found)}")
    known = f"; there are {', '.join(outputs)}, and the OCID of each resource by its key, e.g. vcn/main"
    raise ConfigError(f"no output {word!r}{did_you_mean(word, outputs) or known}")
