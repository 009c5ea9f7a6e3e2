"""What the API is asked: query strings and bodies, each value checked before anything looks at it. What is not understood is refused."""
