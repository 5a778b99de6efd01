"""The checks of `curator doctor`, one module per thing that can be wrong. None of them changes anything."""
