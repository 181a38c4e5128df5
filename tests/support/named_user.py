"""A user of the host that exists, with a range of ids, in a mount namespace alone. Needs nothing but Python."""

from __future__ import annotations

import os

UID = 47001
NAME = "ocipy-test-user"
FIRST = 4_700_000  # the range that /etc/subuid and /etc/subgid give to the user
COUNT = 65536
# What makes the user of root; OCIPY_TEST_USER: other words, such as vm/as-user, with which it has cgroups.
AS_USER = tuple(
    os.environ.get("OCIPY_TEST_USER", f"setpriv --reuid={UID} --regid={UID} --clear-groups --").split()
)
# newuidmap(1) asks for the user's name and range.
_NAMED = f"""
    here=$PWD directory=$(mktemp -d) && mount -t tmpfs none $directory && cd $directory || exit
    {{ cat /etc/passwd; echo {NAME}:x:{UID}:{UID}::/:/bin/sh; }} >passwd
    {{ cat /etc/group; echo {NAME}:x:{UID}:; }} >group
    echo {NAME}:{FIRST}:{COUNT} | tee subuid >subgid
    for file in passwd group subuid subgid; do
        [ -e /etc/$file ] && mount --bind $file /etc/$file || exit
    done
    cd "$here" && umount -l $directory && rmdir $directory && exec "$@"
"""
WITH_NAME = ("unshare", "--mount", "--propagation", "slave", "sh", "-c", _NAMED, "sh")
AS_NAMED_USER = (*WITH_NAME, *AS_USER)
