"""A linear model of the same houses, made with scikit-learn alone.

Run it with `python fit.py`.
"""

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

houses = pd.read_csv("houses.csv")
numbers = ["area_m2", "rooms", "built", "distance_km"]
preprocess = make_column_transformer(
    (make_pipeline(SimpleImputer(), MinMaxScaler()), numbers),
    (OneHotEncoder(handle_unknown="ignore"), ["quarter", "condition"]),
)
model = make_pipeline(preprocess, Ridge())
model.fit(houses.drop(columns="price"), houses["price"])
joblib.dump(model, "ridge.joblib")
