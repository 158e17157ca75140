"""Units of systemd, rendered from what plugins declare: what they hold, where they are put, how they are checked."""
