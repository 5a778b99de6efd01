"""The back-test of forecasts: curves, tasks, methods, scores and tables, one module each."""
