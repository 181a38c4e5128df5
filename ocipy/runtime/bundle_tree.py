"""A root file system that is filled from the host's, with every path at its own place."""

from __future__ import annotations

import os
import shutil

from ..errors import OcipyError


def resolve(root: str, path: str) -> tuple[str, list[tuple[str, str]]]:
    """Follows the symbolic links of `path` as a process does whose root directory is `root` ("" for the host's).

    Gives the path without links, and the links that were met with their texts. What is missing counts as a plain
    name. Raises OcipyError on a loop.
    """
    done = ""
    rest = path.split("/")[::-1]
    links: list[tuple[str, str]] = []
    while rest:
        part = rest.pop()
        if part == "..":
            done = done.rpartition("/")[0]
        elif part not in ("", "."):
            here = f"{done}/{part}"
            try:
                text = os.readlink(root + here)
            except OSError:
                done = here
                continue
            links.append((here, text))
            if len(links) > 40:
                raise OcipyError(f"{path}: too many levels of symbolic links")
            if text.startswith("/"):
                done = ""
            rest += text.split("/")[::-1]
    return done or "/", links


class Tree:
    """The file system below the directory `root`. Paths are absolute, as a process in the container sees them.

    files: size in bytes of each file that was copied from the host, by its path. trees: directories that were copied
    whole. links: number of symbolic links.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, int] = {}
        self.trees: list[str] = []
        self.links = 0

    def host_path(self, path: str) -> str:
        """Gives where `path` lies on the host, its links followed inside of the tree."""
        return self.root + resolve(self.root, path)[0]

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Makes a directory and what is missing above it. A missing parent gets mode 0755, whatever the umask."""
        inside = resolve(self.root, path)[0]
        if os.path.isdir(self.root + inside):
            return
        self.directory(os.path.dirname(inside))
        os.mkdir(self.root + inside)
        os.chmod(self.root + inside, mode)

    def _place(self, path: str) -> str:
        """Makes room for a file and gives its path without links. A link of that name goes; where it led to stays."""
        parent, name = os.path.split(path)
        self.directory(parent)
        inside = os.path.join(resolve(self.root, parent)[0], name)
        if os.path.islink(self.root + inside):
            os.unlink(self.root + inside)
        return inside

    def text(self, path: str, content: str) -> None:
        """Writes a file, mode 0644."""
        target = self.root + self._place(path)
        with open(target, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(target, 0o644)

    def link(self, path: str, text: str) -> None:
        """Makes a symbolic link. Raises OcipyError when something else is there."""
        self.directory(os.path.dirname(path))
        target = self.host_path(os.path.dirname(path)) + "/" + os.path.basename(path)
        if not os.path.lexists(target):
            os.symlink(text, target)
            self.links += 1
        elif not (os.path.islink(target) and os.readlink(target) == text):
            raise OcipyError(f"{path}: is in the bundle already, and is not the symbolic link to {text}")

    def copy(self, source: str, path: str) -> None:
        """Copies the host's file `source`, whose links are followed, to `path`.

        A program's set-user-ID and set-group-ID bits stay behind: who makes a bundle does not hand out privilege.
        """
        inside = self._place(path)
        shutil.copyfile(source, self.root + inside)
        os.chmod(self.root + inside, os.stat(source).st_mode & 0o777)
        self.files[inside] = os.path.getsize(source)

    def copy_tree(self, source: str, path: str) -> None:
        """Copies the host's directory `source` with all that is in it.

        Raises OcipyError on a device, a fifo or a socket.
        """
        self.directory(path, os.stat(source).st_mode & 0o777)
        with os.scandir(source) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                inside = f"{path}/{entry.name}"
                if entry.is_symlink():
                    self.link(inside, os.readlink(entry.path))
                elif entry.is_dir():
                    self.copy_tree(entry.path, inside)
                elif entry.is_file():
                    self.copy(entry.path, inside)
                else:
                    raise OcipyError(f"{entry.path}: neither a file, nor a directory, nor a symbolic link")

    def mirror(self, path: str) -> None:
        """Copies the host's file to the same path, each symbolic link on the way there as a link of its own."""
        resolved, links = resolve("", path)
        for place, text in links:
            self.link(place, text)
        if resolved not in self.files:
            self.copy(resolved, resolved)
