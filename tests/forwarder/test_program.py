"""The forwarder as a process, against the emulator over HTTP."""


def test_lines_arrive_and_sigterm_drains(cloud, logs, forward):
    """Every line arrives with the instance as source and the file as subject before SIGTERM ends it with 0."""
    process = forward()
    (logs / "app").mkdir()
    lines = [f"line {number}" for number in range(1000)]
    (logs / "app" / "access.log").write_text("\n".join(lines) + "\n")
    assert process.stop() == 0
    assert cloud.lines() == lines
    assert {one[2:] for one in cloud.entries} == {
        (cloud.instance_id, "app/access.log", "ocisidecar.line"),
        (cloud.instance_id, "log-forwarder", "ocisidecar.log-forwarder.started"),
    }
