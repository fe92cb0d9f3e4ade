"""LitServe with onnxruntime: litserve_app.py PORT"""

import os
import sys

import litserve
import numpy as np
import onnxruntime


class Classifier(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.name = self.session.get_inputs()[0].name

    def decode_request(self, request):
        return np.asarray(request["pixels"], "f4").reshape(-1, 28, 28) / 255

    def predict(self, x):
        return self.session.run(None, {self.name: x})[0]

    def encode_response(self, y):
        return {"probabilities": y.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu")
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="error", num_api_servers=1)
