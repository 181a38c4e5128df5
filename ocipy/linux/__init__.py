"""The kernel, one module per subsystem. Imports nothing from the other rooms; nobody else calls ctypes."""
