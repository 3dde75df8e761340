"""An ordinary MLflow script: trains, logs, registers, names the version, loads it back. It knows nothing of Chancery."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

NAME = "house-prices"
here = Path(__file__).parent

houses = pd.DataFrame({"size": [50.0, 70.0, 90.0, 110.0, 150.0]})
prices = np.array([151.0, 208.0, 272.0, 331.0, 449.0])
slope, intercept = (round(float(value), 4) for value in np.polyfit(houses["size"], prices, 1))
error = float(np.abs(slope * houses["size"] + intercept - prices).mean())

with mlflow.start_run():
    mlflow.log_metric("mean_absolute_error", error)
    logged = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(here / "line.py"),
        model_config={"slope": slope, "intercept": intercept},
        signature=ModelSignature(inputs=Schema([ColSpec("double", "size")]), outputs=Schema([ColSpec("double")])),
        pip_requirements=str(here / "requirements.txt"),
        registered_model_name=NAME,
    )

MlflowClient().set_registered_model_alias(NAME, "newest", logged.registered_model_version)
newest = mlflow.pyfunc.load_model(f"models:/{NAME}@newest")
print(f"{NAME} {logged.registered_model_version}: a house of 100 costs {newest.predict(pd.DataFrame({'size': [100.0]}))[0]:.1f}")
print(f"files: {mlflow.artifacts.download_artifacts(logged.model_uri)}")
