"""The label-efficiency benchmark: data, contenders, simulation, statistics, tables and figure, one module each."""
