"""One module a group of endpoints: requests in, answers out; statements are in api/queries, policy in api/access.py."""
