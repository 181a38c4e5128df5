"""The suite as programs: built once from Debian's source package, with the libraries that Debian packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
CACHE = os.environ.get("OCIPY_RUNTIME_TOOLS_CACHE", "/var/cache/ocipy-runtime-tools")
SOURCE = "golang-github-opencontainers-runtime-tools"
VERSION = "0.9.0.109.ge931285-1"
RELEASE = "trixie"  # of Debian: bookworm's version is older
PACKAGES = [
    "golang-go", "ca-certificates", "xz-utils", "util-linux", "golang-github-blang-semver-dev",
    "golang-github-google-uuid-dev", "golang-github-hashicorp-go-multierror-dev",
    "golang-github-mrunalp-fileutils-dev", "golang-github-opencontainers-selinux-dev",
    "golang-github-opencontainers-specs-dev", "golang-github-sirupsen-logrus-dev", "golang-github-urfave-cli-dev",
    "golang-github-xeipuuv-gojsonschema-dev", "golang-gocapability-dev", "golang-golang-x-sys-dev",
]  # fmt: skip


def build() -> str:
    """The directory of the built suite: `validation/` with a program for each test, and the files that they need.

    It is kept in CACHE, and built anew when this file or the stand-in for tap-go changes. SystemExit when it can't be
    built.
    """
    recipe = hashlib.sha256()
    for name in "suite.py", "tap.go":
        with open(os.path.join(HERE, name), "rb") as file:
            recipe.update(file.read())
    suite = os.path.join(CACHE, "suite-" + recipe.hexdigest()[:12])
    if not os.path.isdir(suite):
        os.makedirs(CACHE, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as work:
            print(f"building {SOURCE} {VERSION}", flush=True)
            try:
                os.rename(compile_tests(unpack(fetch(work), work), work), suite)
            except subprocess.CalledProcessError as error:
                sys.exit(f"{' '.join(error.cmd)}: exit status {error.returncode}")
    return suite


def fetch(work: str) -> str:
    """Download the upstream archive, which apt checks against the signed index. Gives its path.

    apt works in directories of its own, so the machine's lists and sources stay as they are.
    """
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Codename: bookworm"]
    mirrors = subprocess.run(query, stdout=subprocess.PIPE, text=True).stdout.split()
    own = os.path.join(work, "apt")
    for directory in "lists/partial", "cache/archives/partial", "source":
        os.makedirs(os.path.join(own, directory))
    with open(f"{own}/list", "w") as sources:
        sources.write(f"deb-src {(mirrors or ['http://deb.debian.org/debian'])[0]} {RELEASE} main\n")
    apt = ["apt-get", "-qq"]
    for option in (
        f"Dir::Etc::sourcelist={own}/list", "Dir::Etc::sourceparts=/dev/null", f"Dir::State::lists={own}/lists",
        f"Dir::Cache={own}/cache", "APT::Sandbox::User=root",
    ):  # fmt: skip
        apt += ["-o", option]
    subprocess.run([*apt, "update"], check=True, stdout=sys.stderr)
    download = [*apt, "source", "--download-only", "--tar-only", f"{SOURCE}={VERSION}"]
    subprocess.run(download, check=True, cwd=f"{own}/source", stdout=sys.stderr)
    (archive,) = os.listdir(f"{own}/source")
    return f"{own}/source/{archive}"


def unpack(archive: str, work: str) -> str:
    """Unpack the archive where Go looks for it, and the stand-in for tap-go beside it. Gives the source's directory."""
    source = f"{work}/go/src/github.com/opencontainers/runtime-tools"
    stand_in = f"{work}/go/src/github.com/mndrix/tap-go"
    os.makedirs(source)
    os.makedirs(stand_in)
    subprocess.run(["tar", "-C", source, "--strip-components=1", "-xf", archive], check=True)
    shutil.copy(os.path.join(HERE, "tap.go"), stand_in)
    return source


def compile_tests(source: str, work: str) -> str:
    """Compile the tests, and what runs inside their containers. Gives the directory of the programs."""
    programs = f"{work}/suite"
    os.makedirs(f"{programs}/validation")
    environment = {
        **os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": f"{work}/go:/usr/share/gocode",
        "GOCACHE": f"{work}/go-cache", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local",
    }  # fmt: skip
    for target, package in ("", "./cmd/runtimetest"), ("validation/", "./validation/..."):
        command = ["go", "build", "-ldflags", "-s -w", "-o", f"{programs}/{target}", package]
        subprocess.run(command, check=True, cwd=source, env=environment)
    architecture = subprocess.run(["go", "env", "GOARCH"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    shutil.copy(f"{source}/rootfs-{architecture}.tar.gz", programs)
    return programs
