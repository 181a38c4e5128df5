"""Spec + host facts -> Plan. Pure: no system call, no privilege, no file but what the caller hands in."""
