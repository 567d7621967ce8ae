"""Pages of the site that are written from the code and from the notebooks when it is built."""
