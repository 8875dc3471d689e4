"""A trained adapter in the forms that other programs take, asked again before it is trusted."""
