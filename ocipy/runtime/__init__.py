"""The lifecycle of containers: state directory, create, start, kill, delete, hooks on the host side, console."""
