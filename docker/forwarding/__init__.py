"""What the log forwarder and the metrics forwarder share; both images carry it.

principal        the resource principal of the container instance, and the signatures made with it
client           one HTTP request to OCI, signed, maybe through a proxy
proxy            the HTTP proxy that leads to OCI
backoff          how long to wait after a failure
dead_letters     what the service rejects
state_directory  the locked directory of what survives a SIGKILL
settings         environment variables
metrics, status  metrics and health of the forwarder itself, and the port that serves them
json_log         the forwarder's own log, on stderr
process          signals
"""
