"""int8 and int4 copies of a model: error-compensating rounding, a quality gate, and the folder that holds them."""
