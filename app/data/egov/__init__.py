"""The statute book as e-Gov gives it: XML, archives, its API, and the law model they are read into."""
