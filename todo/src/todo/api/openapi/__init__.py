"""The OpenAPI 3.1 description of the API, as a document and as a page."""
