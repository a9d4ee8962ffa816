"""Where the telling goes, and what it meant."""
