"""What an archive's processes were doing at any moment: exact states, markers, probes and a search through time."""
