"""`import ocipy`: the same containers as the command line's."""

import threading

import pytest
from support import host, requires

import ocipy as library


def test_container_lives_and_ends_by_the_library_alone(bundle, ocipy):
    bundle.args("sleep", "100").write()
    runtime = library.Runtime(ocipy.root)
    container = runtime.create(ocipy.new_id(), bundle=str(bundle.path))
    assert container.status() == "created"
    container.start()
    assert container.state()["status"] == "running"
    assert [found.id for found in runtime.containers()] == [container.id]
    container.delete(force=True)
    assert runtime.containers() == []


@requires.controller("pids")
@requires.controller("freezer")
def test_library_pauses_updates_and_counts(bundle, ocipy):
    bundle.args("sleep", "100").write()
    container = library.Runtime(ocipy.root).create(ocipy.new_id(), bundle=str(bundle.path))
    container.start()
    container.pause()
    assert container.status() == "paused"
    with pytest.raises(library.OcipyError, match="container not running"):
        container.pause()
    container.resume()
    assert container.status() == "running"
    container.update({"pids": {"limit": 9}})
    assert container.processes() == [container.state()["pid"]] == host.processes_of(container.id)
    assert container.statistics()["pids"] == {"current": 1, "limit": 9}
    with pytest.raises(library.OcipyError, match=r"linux\.resources\.pids\.limit"):
        container.update({"pids": {"limit": "many"}})


def test_library_raises_what_the_command_line_prints(ocipy):
    with pytest.raises(library.OcipyError, match="container does not exist: nobody"):
        library.Runtime(ocipy.root).container("nobody")


def test_plan_is_given_as_operations(bundle, ocipy):
    bundle.args("true").write()
    plan = library.Runtime(ocipy.root).plan("one", bundle=str(bundle.path))
    assert plan.operations[-1].describe() == "execute true"


def test_library_raises_where_a_container_cannot_be_made(bundle, ocipy):
    bundle.process["cwd"] = "relative"
    bundle.args("true").write()
    with pytest.raises(library.OcipyError, match="process.cwd"):
        library.Runtime(ocipy.root).create(ocipy.new_id(), bundle=str(bundle.path))
    assert library.Runtime(ocipy.root).containers() == []


def test_library_makes_containers_in_a_program_with_threads(bundle, ocipy):
    """Init is no copy of the program, whose other threads would be missing in it."""
    bundle.args("sleep", "100").write()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        container = library.Runtime(ocipy.root).create(ocipy.new_id(), bundle=str(bundle.path))
        container.start()
        assert container.status() == "running"
        container.delete(force=True)
    finally:
        stop.set()
        thread.join()


def test_library_waits_for_the_exit_code(bundle, ocipy):
    bundle.args("sleep", "100").write()
    container = library.Runtime(ocipy.root).create(ocipy.new_id(), bundle=str(bundle.path))
    container.start()
    container.kill("KILL")
    assert container.wait() == 137
