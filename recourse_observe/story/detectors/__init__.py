"""One file for each cause: what speaks for it and what against it, as degrees from 0 to 1. Pure."""
