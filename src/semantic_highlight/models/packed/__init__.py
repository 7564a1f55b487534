"""This package's own family: the query and the sentences of a document, packed as blocks of one input."""
