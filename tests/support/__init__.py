"""What tests of real containers stand on. conftest.py gives it as fixtures; import the rest by name.

Fixtures
    bundle          a fresh Bundle: a directory with config.json and a rootfs of a static busybox (all applets).
    make_bundle     a function that gives further ones (`rootfs=other.rootfs` shares a root file system).
    ocipy           a Runtime: runs the real command line, with a state directory of its own.
    Every container made through `ocipy` (also a failed one) is deleted by force at the end of the test, which then
    fails if a process, cgroup, mount or state directory of it is left. OCIPY_RUNTIME=runc tries another runtime.

Bundle (support.bundle)
    .path .rootfs .config               pathlib.Path, pathlib.Path, the dict that .write() puts into config.json
    .process .linux .mounts .resources  shortcuts into config
    .args("id", "-u")  .shell("echo $0")  set process.args; both give the bundle
    .mount(destination, type, source, *options)  adds an entry    .unmount(destination)  takes one away
    .namespace("ipc")  .namespace("network", "/path")  adds or replaces;  .share("ipc") takes it away: the host's
    .file("etc/passwd", "text", mode=0o644)  writes into the rootfs
    .host_python()  the host's interpreter inside, by binds of /usr and /lib*; gives its path in the container
    The default config is `ocipy spec`'s with terminal false, a writable root and all of the test's needs left alone.

Runtime (support.runtime)
    ocipy("state", id, env={}, cwd="/", flags=("--log", path), input=b"", timeout=120, pass_fds=(), prefix=())
        -> Result; prefix: words before the command, e.g. ("setpriv", "--reuid=1000")
    ocipy.run(bundle, "sh", "-c", "...", options=("--keep",), id=None)  -> Result of a foreground `run`
    ocipy.create(bundle, "sleep", "100", options=())  -> Container (asserts success; `ocipy.created(...)` does not)
    ocipy.start(bundle, ...) -> Container, created and started;  ocipy.spawn(...) -> Popen for what blocks
    ocipy.new_id()  a fresh id that the teardown knows; ocipy.adopt(id) tells it of one made otherwise
Result: .code .out .err (text) .seconds;  .ok() asserts exit code 0;  .refused("word", ...) asserts a failure that
    says these words (any case) in one line without a traceback. Both give the Result.
Container: .id .pid (of init, on the host; from the pid file) .bundle .result (of create; .output() reads what the
    program wrote since); .state() .status() .start() .kill("KILL") .delete(force=False)
    .wait() for the end of init; gives its status as from os.waitpid (the tests are the subreaper)
    .exec(*args) runs a program in init's namespaces with nsenter (not ocipy's code), for a look from inside.

The host's view (support.host)
    status(pid) -> dict of /proc/PID/status; namespace(pid, "net") -> "net:[...]"; mounts(pid) -> list of Mount;
    fdsnap(pid) children(pid) alive(pid) exited(pid) wait_for(condition, what) mntsnap(word) cgsnap(id) statesnap(root)
    cgroups: CGROUP_V2, cgroup(pid, "memory") -> directory, read_cgroup(pid, controller, file), processes_of(id)
Conditions (support.requires): @requires.cgroup_v1 @requires.cgroup_v2 @requires.controller("memory") @requires.cgroupfs
    @requires.program("ip") @requires.ocipy_itself (what runc does otherwise)
"""
