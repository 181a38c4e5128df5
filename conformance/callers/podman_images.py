"""podman build, commit, cp, diff, export: what is made of containers and put into them."""

from __future__ import annotations

import os

from podman_caller import expect, podman

CONTAINERFILE = """\
FROM localhost/busybox
RUN echo built > /built && id -u > /user
ENV WORD=hello
RUN --mount=type=tmpfs,target=/scratch touch /scratch/a && echo $WORD >> /built
USER nobody
WORKDIR /work
COPY given /work/
RUN id -u >> /tmp/user && pwd
CMD ["cat", "/built", "/work/given", "/tmp/user"]
"""


def build(text: str, *flags: str) -> None:
    directory = podman.path("context")
    os.makedirs(directory, exist_ok=True)
    podman.write("context/Containerfile", text)
    podman.write("context/given", "given\n")
    words = ["build", "--tag", "localhost/built", "--network", "none", *flags, directory]
    podman.call(*words).expect(status=0)


@podman.case
def build_with_steps_that_run() -> None:
    build(CONTAINERFILE)
    podman.run_container(image="localhost/built").expect(0, "built\nhello\ngiven\n65534")


@podman.case
def build_as_one_layer() -> None:
    build(CONTAINERFILE, "--layers=false", "--no-cache", "--memory", "64m")
    podman.run_container(image="localhost/built").expect(0, "built\nhello\ngiven\n65534")


@podman.case
def build_whose_step_fails() -> None:
    directory = podman.path("context")
    os.makedirs(directory, exist_ok=True)
    podman.write("context/Containerfile", "FROM localhost/busybox\nRUN exit 3\n")
    podman.call("build", "--network", "none", directory).expect(3, errors="exit status 3")


@podman.case
def commit_makes_an_image() -> None:
    with podman.running("echo changed > /file; echo ready; sleep 1000") as name:
        podman.wait_for_log(name, "ready")
        podman.call("commit", "--change", "CMD cat /file", name, "localhost/committed").expect(status=0)
    podman.run_container(image="localhost/committed").expect(0, "changed")


@podman.case
def cp_into_a_running_container_and_out() -> None:
    with podman.running("sleep 1000", "--tmpfs", "/data") as name:
        podman.call("cp", podman.write("in", "copied"), f"{name}:/data/in").expect(status=0)
        podman.exec(name, "cat", "/data/in").expect(0, "copied")
        podman.exec(name, "cp", "/data/in", "/data/out").expect(status=0)
        podman.call("cp", f"{name}:/data/out", podman.path("out")).expect(status=0)
        with open(podman.path("out")) as file:
            expect(file.read() == "copied", "not what was copied")


@podman.case
def cp_into_a_created_container() -> None:
    name = podman.container()
    podman.call("create", "--name", name, *podman.options(), "cat", "/in").expect(status=0)
    podman.call("cp", podman.write("in", "copied"), f"{name}:/in").expect(status=0)
    podman.call("start", "--attach", name).expect(0, "copied")
    podman.remove(name)


@podman.case
def diff_tells_what_changed() -> None:
    with podman.running("touch /new; echo ready; sleep 1000") as name:
        podman.wait_for_log(name, "ready")
        expect("A /new" in podman.call("diff", name).expect(status=0).output.splitlines(), "no A /new")
