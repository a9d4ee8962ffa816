"""What happened, told from an archive: incidents, their causes, our part in them, and what to change."""
