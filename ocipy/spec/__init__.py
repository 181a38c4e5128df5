"""config.json: the typed model of it, the strict loader, the default configuration, the schema check."""
