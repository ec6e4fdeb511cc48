"""Evidence bundles: one file that shows a chain of records to somebody who has neither our database nor our network.

`format` is the file, `replay` runs the shared rules over it, `checks` says what holds, `report` puts it into words: all
pure. `export` writes a bundle from the database.
"""
