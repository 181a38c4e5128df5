"""What this host offers and lacks for containers; only looks, and changes nothing."""
