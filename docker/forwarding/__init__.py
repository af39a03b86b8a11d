"""What the log forwarder and the metrics forwarder share; both images carry it.

principal   the resource principal of the container instance, and the signatures made with it
proxy       the HTTP proxy that leads to OCI
json_log    the forwarder's own log, on stderr
"""
