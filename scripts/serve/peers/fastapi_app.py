"""FastAPI with onnxruntime, as a team would write it: uvicorn fastapi_app:app"""

import io
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from PIL import Image

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
name = session.get_inputs()[0].name
app = FastAPI()


def answer(pixels):
    return session.run(None, {name: pixels.reshape(-1, 28, 28)})[0].tolist()


@app.post("/raw")
async def raw(request: Request):
    return answer(np.frombuffer(await request.body(), "u1").astype("f4") / 255)


@app.post("/png")
async def png(request: Request):
    picture = Image.open(io.BytesIO(await request.body())).convert("L").resize((28, 28))
    return answer(np.asarray(picture, "f4") / 255)


@app.post("/json")
async def json(request: Request):
    return answer(np.asarray((await request.json())["pixels"], "f4") / 255)
