"""The thesis's names, as doors: each module re-exports what stands in rooms with truer names. Nothing inside the package uses them."""
