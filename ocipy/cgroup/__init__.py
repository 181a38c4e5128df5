"""Cgroups on the host's side: making, limiting, joining, freezing, emptying and removing them."""
