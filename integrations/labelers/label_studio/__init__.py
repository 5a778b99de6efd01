"""The labeler over a Label Studio server, and a local server to try it with."""
