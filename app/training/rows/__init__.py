"""Records as rows of tokens: labels, shared prefixes, groups, their audit."""
