"""The command line, compatible with runc's. One module per verb; a verb imports only what it needs."""
