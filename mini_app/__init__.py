"""The demo target: a small web service with chaos endpoints, and a local stand-in for its cloud."""
