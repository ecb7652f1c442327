"""The command line: one small module a verb, each a typed function without logic of its own."""
