"""`import ocipy`: the same containers as the command line's."""

import pytest

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


def test_library_raises_what_the_command_line_prints(ocipy):
    with pytest.raises(library.OcipyError, match="container does not exist: nobody"):
        library.Runtime(ocipy.root).container("nobody")


def test_plan_is_given_as_operations(bundle, ocipy):
    bundle.args("true").write()
    plan = library.Runtime(ocipy.root).plan("one", bundle=str(bundle.path))
    assert plan.operations[-1].describe() == "execute true"
