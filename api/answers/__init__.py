"""What the API answers: the words of the OpenAPI document. Times are ISO 8601 in UTC; money is CNY."""
