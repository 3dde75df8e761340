"""The model: a straight line. MLflow stores this file as it is; nothing is pickled."""

import mlflow.pyfunc
from mlflow.models import set_model


class Line(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.line = context.model_config

    def predict(self, context, model_input, params=None):
        return self.line["slope"] * model_input["size"] + self.line["intercept"]


set_model(Line())
