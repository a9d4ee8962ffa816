"""How good the stories are: labels of a laboratory against what was told, in the measures that count."""
