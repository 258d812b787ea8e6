"""Lambda's event source mapping as a model: batches, retries, filters and destinations in virtual time."""
