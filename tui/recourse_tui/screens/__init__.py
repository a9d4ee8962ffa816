"""One file for each screen; they show what queries and story return, and decide nothing."""
