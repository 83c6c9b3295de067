"""The story of one incident as a document, in Markdown and as one HTML file that needs no network."""
