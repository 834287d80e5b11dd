"""What is measured, on what, against what: protocols, methods, and the run that joins them."""
