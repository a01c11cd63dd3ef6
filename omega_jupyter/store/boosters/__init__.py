"""Models of XGBoost and LightGBM, in their libraries' own formats."""
