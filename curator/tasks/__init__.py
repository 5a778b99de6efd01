"""What a label is: one file per kind, and everything that depends on the kind behind one object, `project.task`."""
