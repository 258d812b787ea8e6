"""One module for each library: how it reads an item, and a batch, as its documentation shows."""
