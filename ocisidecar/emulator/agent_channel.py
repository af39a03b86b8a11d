"""How the stand-in for Oracle's agent, in a real container, talks to the emulator: registration and heartbeats.

The real agent's own protocol is not public, so this one is no part of OCI's API: paths below `/agent-channel`, no
faults, and no place among the operations.  As in OCI, the install key registers an agent, which from then on signs
with a key of its own, as a principal of type `managementagent`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from werkzeug import Request, Response

from ocisidecar.emulator.agent_registry import AGENT_KIND, RegistrationRefused, ResponseFile, register
from ocisidecar.emulator.errors import ServiceError, invalid, not_found
from ocisidecar.emulator.schema import JsonObject
from ocisidecar.emulator.services.agents import show_source, sources_of
from ocisidecar.emulator.signature import Principal, read_public_key
from ocisidecar.emulator.state import ENDED, Cloud, Record

PREFIX: Final = "/agent-channel/"
RESOURCE_TYPE: Final = "managementagent"
TOKEN_SECONDS: Final = 3600.0


def respond(cloud: Cloud, request: Request) -> Response:
    """Return the response to a request below `PREFIX`.

    Raises:
        ServiceError: the registration or the heartbeat is refused.
    """
    answers = {"registrations": _register, "heartbeats": _take_heartbeat}
    answer = answers.get(request.path.removeprefix(PREFIX))
    if answer is None or request.method != "POST":
        raise not_found()
    try:
        details = json.loads(request.get_data())
        public = read_public_key(details["publicKey"])
    except (ValueError, KeyError, TypeError) as error:
        raise invalid(f"the request is not understood: {error}") from error
    with cloud.lock:
        body = answer(cloud, request, details, public)
    return Response(json.dumps(body), status=HTTPStatus.OK, content_type="application/json")


def _register(cloud: Cloud, _request: Request, details: Any, public: RSAPublicKey) -> JsonObject:
    """Register an agent with the text of its response file; the install key is what authorises it."""
    try:
        response = ResponseFile.parse(str(details["responseFile"]))
        agent = register(cloud, response, str(details["host"]), cloud.clock.time())
    except (RegistrationRefused, ValueError, KeyError) as error:
        raise invalid(f"the agent is not registered: {error}") from error
    return _answer(cloud, agent, public)


def _take_heartbeat(cloud: Cloud, request: Request, _details: Any, public: RSAPublicKey) -> JsonObject:
    """Note that an agent is alive; the answer is what it has to know, with a fresh token."""
    target = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
    principal = cloud.keys.verify(request.method, target, request.headers, request.get_data())
    now = cloud.clock.time()
    agent = cloud.store.find(AGENT_KIND, principal.id, now)
    if agent is None or agent.state_at(now) in ENDED:
        raise ServiceError("NotAuthenticated", "the agent was deregistered")
    agent.hidden["heartbeat"] = now
    return _answer(cloud, agent, public)


def _answer(cloud: Cloud, agent: Record, public: RSAPublicKey) -> JsonObject:
    compartment_id, now = agent.body["compartmentId"], cloud.clock.time()
    principal = Principal(
        id=agent.id, tenancy_id=cloud.tenancy_id, resource_type=RESOURCE_TYPE, compartment_id=compartment_id
    )
    claims = {"res_tenant": cloud.tenancy_id, "res_compartment": compartment_id, "res_type": RESOURCE_TYPE}
    return {
        "agentId": agent.id,
        "compartmentId": compartment_id,
        "token": cloud.keys.issue_token(principal, public, seconds=TOKEN_SECONDS, claims=claims),
        "dataSources": [show_source(one, now) for one in sources_of(cloud, agent, now)],
    }
