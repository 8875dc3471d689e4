"""Two or more results side by side: may they be compared, what differs, is it more than chance."""
