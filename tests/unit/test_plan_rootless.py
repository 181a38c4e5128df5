"""What becomes of config.json when the caller is not the host's root."""

import json

import pytest

from ocipy.errors import ConfigError
from ocipy.plan.compile import Request, compile_create
from ocipy.plan.exec import ExecRequest, compile_exec
from ocipy.plan.facts import CgroupFacts, HostFacts, Rootless
from ocipy.spec.default import default
from ocipy.spec.load import load

NOTHING = CgroupFacts(
    version=1, hierarchies=(("pids", "/sys/fs/cgroup/pids"), ("memory", "/sys/fs/cgroup/memory")),
    own=(("pids", "/"), ("memory", "/")), permitted=(),
)  # fmt: skip
MEMORY = CgroupFacts(**{**dict(NOTHING.items()), "permitted": ("memory",)})
HYBRID = CgroupFacts(**{**dict(NOTHING.items()), "unified": "/sys/fs/cgroup/unified", "permitted": ("",)})
V2 = CgroupFacts(version=2, unified="/sys/fs/cgroup", own=(("", "/a/shell"),), available=("memory",), permitted=())
DELEGATED = CgroupFacts(**{**dict(V2.items()), "permitted": ("",)})
USER = Rootless(uid=1000, gid=100, newuidmap="/usr/bin/newuidmap", newgidmap="/usr/bin/newgidmap")
BARE_USER = Rootless(uid=1000, gid=100)
ROOT_INSIDE = Rootless(uid=0, gid=0)
RANGE = [{"containerID": 0, "hostID": 1000, "size": 1}, {"containerID": 1, "hostID": 100000, "size": 65536}]


def config(change):
    document = default(rootless=True)
    document["linux"].update(
        uidMappings=[{"containerID": 0, "hostID": 1000, "size": 1}],
        gidMappings=[{"containerID": 0, "hostID": 100, "size": 1}],
    )
    change(document)
    return load(json.dumps(document).encode())


def plan(change=lambda document: None, rootless=USER, cgroup=NOTHING):
    facts = HostFacts(cgroup=cgroup, capabilities=(1 << 41) - 1, rootless=rootless)
    return compile_create(config(change), facts, Request(id="one", bundle="/b", directory="/run/user/1000/ocipy/one"))


def problems(change, **how):
    with pytest.raises(ConfigError) as caught:
        plan(change, **how)
    return dict(caught.value.problems)


def only(made, kind):
    (operation,) = [operation for operation in made.operations if operation.KIND.__name__ == kind]
    return operation


def kinds(made):
    return [operation.KIND.__name__ for operation in made.operations]


def more_ids(document):
    document["linux"].update(uidMappings=RANGE, gidMappings=RANGE)


# --- ids


def test_own_ids_are_written_by_the_command_itself_with_setgroups_denied():
    write = only(plan(rootless=BARE_USER), "WriteIDMappings")
    assert (write.newuidmap, write.newgidmap, write.setgroups) == ("", "", False)
    assert "deny setgroups" in write.describe()


def test_more_ids_are_written_by_the_helpers_and_groups_can_be_set():
    write = only(plan(more_ids), "WriteIDMappings")
    assert (write.newuidmap, write.newgidmap, write.setgroups) == (USER.newuidmap, USER.newgidmap, True)
    assert "by /usr/bin/newuidmap" in write.describe() and "by /usr/bin/newgidmap" in write.describe()


@pytest.mark.parametrize("mappings", [
    [{"containerID": 0, "hostID": 1000, "size": 2}], [{"containerID": 0, "hostID": 1001, "size": 1}], RANGE,
])
def test_mappings_beyond_the_own_id_need_the_helper(mappings):
    found = problems(lambda document: document["linux"].update(uidMappings=mappings), rootless=BARE_USER)
    assert list(found) == ["linux.uidMappings"] and "newuidmap" in found["linux.uidMappings"]


def test_own_id_may_have_any_number_inside():
    def keep(document):
        document["linux"].update(uidMappings=[{"containerID": 7, "hostID": 1000, "size": 1}])
        document["process"]["user"]["uid"] = 7

    assert only(plan(keep, rootless=BARE_USER), "WriteIDMappings").newuidmap == ""


def test_root_of_a_user_namespace_needs_no_helper_for_a_further_one():
    write = only(plan(more_ids, rootless=ROOT_INSIDE), "WriteIDMappings")
    assert (write.newuidmap, write.newgidmap, write.setgroups) == ("", "", True)


def test_further_groups_need_more_than_one_group():
    def ask(document):
        document["process"]["user"]["additionalGids"] = [0]

    assert "additional groups" in problems(ask)["process.user.additionalGids"]

    def ask_for_more(document):
        more_ids(document)
        ask(document)

    assert plan(ask_for_more)


def test_user_namespace_is_required_of_a_user_and_not_of_root_inside():
    def share(document):
        linux = document["linux"]
        linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "user"]
        del linux["uidMappings"], linux["gidMappings"]

    assert "requires user namespaces" in problems(share)["linux.namespaces"]
    devices = [
        operation for operation in plan(share, rootless=ROOT_INSIDE).operations
        if operation.KIND.__name__ == "CreateDevice"
    ]
    assert devices and all(device.bind for device in devices)


@pytest.mark.parametrize("option", ["uid=5", "gid=5"])
def test_owner_of_a_mount_must_be_mapped(option):
    def change(document):
        document["mounts"][1]["options"].append(option)

    found = problems(change)
    assert [*found] == [f"mounts[1].options[{len(default()['mounts'][1]['options'])}]"]


def test_owners_mean_nothing_to_a_bind_mount():
    plan(lambda document: document["mounts"].append(
        {"destination": "/x", "type": "bind", "source": "/x", "options": ["bind", "gid=5"]}
    ))


# --- scores


def join_user(document):
    linux = document["linux"]
    document["process"]["oomScoreAdj"] = 5
    del linux["uidMappings"], linux["gidMappings"]
    for entry in linux["namespaces"]:
        if entry["type"] == "user":
            entry["path"] = "/proc/1/ns/user"


def test_score_is_given_at_birth_where_others_are_in_the_user_namespace():
    made = plan(join_user)
    assert only(made, "CreateInit").oomScore == 5 and "SetOOMScore" not in kinds(made)
    made = plan(lambda document: document["process"].update(oomScoreAdj=5))
    assert only(made, "CreateInit").oomScore is None and only(made, "SetOOMScore").value == 5
    made = plan(join_user, rootless=None)
    assert only(made, "CreateInit").oomScore is None and only(made, "SetOOMScore").value == 5


def test_score_of_a_second_process_is_given_at_birth():
    def scored(document):
        document["process"].update(oomScoreAdj=5)

    def entered(rootless):
        facts = HostFacts(cgroup=CgroupFacts(), capabilities=(1 << 41) - 1, rootless=rootless)
        spec = config(scored)
        return compile_exec(spec, spec.process, facts, ExecRequest(id="one"))

    assert only(entered(USER), "EnterContainer").oomScore == 5 and "SetOOMScore" not in kinds(entered(USER))
    for other in (None, ROOT_INSIDE):
        assert only(entered(other), "EnterContainer").oomScore is None and "SetOOMScore" in kinds(entered(other))


# --- cgroups


@pytest.mark.parametrize("cgroup", [NOTHING, V2], ids=["v1", "v2"])
def test_without_permission_there_is_no_cgroup_and_no_rule_for_devices(cgroup):
    def restrict(document):
        document["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}

    made = plan(restrict, cgroup=cgroup)
    assert made.cgroups == () and made.rootless == USER and made.warnings == ()
    assert not {"CreateCgroup", "JoinCgroup", "WriteDeviceRules", "AttachDeviceProgram"} & set(kinds(made))


@pytest.mark.parametrize("cgroup", [NOTHING, V2], ids=["v1", "v2"])
def test_limit_without_permission_is_refused_in_the_words_of_runc(cgroup):
    found = problems(lambda document: document["linux"].update(resources={"memory": {"limit": 1 << 30}}), cgroup=cgroup)
    assert "no permission is granted for cgroups" in found["linux.resources.memory.limit"]


@pytest.mark.parametrize("cgroup", [NOTHING, V2], ids=["v1", "v2"])
def test_path_without_permission_is_refused(cgroup):
    found = problems(lambda document: document["linux"].update(cgroupsPath="/a/b"), cgroup=cgroup)
    assert "permission denied" in found["linux.cgroupsPath"]


def test_path_on_a_host_without_cgroups_is_no_matter_of_permission():
    bare = CgroupFacts(permitted=())
    assert plan(lambda document: (document["linux"].update(cgroupsPath="/a"), document["mounts"].pop()), cgroup=bare)


def test_hierarchies_with_permission_are_used_and_the_others_left_out():
    def limit(document):
        document["linux"].update(cgroupsPath="/mine/box", resources={"memory": {"limit": 1 << 30}})

    made = plan(limit, cgroup=MEMORY)
    assert made.cgroups == (("memory", "/sys/fs/cgroup/memory/mine/box"),)
    assert "JoinCgroup" in kinds(made) and only(made, "SetMemoryLimits").limit == 1 << 30
    assert only(made, "CgroupMount").foreign == ("pids",)


def test_cgroup_of_v2_alone_is_joined_by_birth():
    made = plan(lambda document: document["linux"].update(cgroupsPath="/mine/box"), cgroup=HYBRID)
    assert made.cgroups == (("", "/sys/fs/cgroup/unified/mine/box"),) and "JoinCgroup" not in kinds(made)


def test_delegated_cgroup_of_v2_stays_the_users():
    def writable(document):
        document["mounts"][-1]["options"] = []

    made = plan(writable, cgroup=DELEGATED)
    assert made.cgroups == (("", "/sys/fs/cgroup/a/one"),) and "DelegateCgroup" not in kinds(made)
