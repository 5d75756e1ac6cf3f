"""Many tasks that survive anything: a journal on disk, manifests in, results out, and the loop in between."""
