"""What runs on the container's side of the fork, up to execve.

From the change of root on, nothing here may import, look up a codec or open a path: the file system is the
container's then. Everything that is needed is imported by `stage` before it makes the init process.
"""
