"""What the rows share: running rapt, alternating, checking, training steps in PyTorch."""
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TOLERANCE = 1e-4  # of losses on the same weights and batches
TOP = pathlib.Path(__file__).resolve().parent.parent.parent


@dataclasses.dataclass
class Options:
    rapt: str
    threads: int
    rounds: int
    seconds: float  # of each side in each round
    compile: bool = True

    def say(self, text):
        print(text, file=sys.stderr, flush=True)


def result(row, options, peer, rapt_s, peer_s, **more):
    """One line of the JSON list. `ratio` is peer ÷ rapt, or rapt ÷ peer for rows where less is better.
    Marks are for one thread, so `reached` is None for more."""
    ratio = more.pop("ratio", None) or peer_s / rapt_s
    reached = (ratio <= row.mark if row.less else ratio >= row.mark) if options.threads == 1 else None
    return {"work": row.id, "peer": peer, "threads": options.threads, "rapt_s": rapt_s, "peer_s": peer_s, "ratio": ratio,
            "mark": row.mark, "aim": row.aim, "reached": reached, **more}


def rapt_bench(options, work, *arguments):
    command = [options.rapt, "bench", "--only", work, "--threads", str(options.threads), "--json", "-", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)[0]


def import_torch(options):
    import torch

    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    return torch


def saved(options, work, *settings):
    """Weights, inputs and results of a work as {name: tensor}, and the file's metadata."""
    from safetensors import safe_open

    with tempfile.TemporaryDirectory(prefix="rapt-bench-") as folder:
        path = os.path.join(folder, "work.safetensors")
        rapt_bench(options, work, "--repeat", "1", "--save-inputs", path, *settings)
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata()


def least(function, seconds):
    """The least time of a call and the least processor time, over so many seconds and at least three calls."""
    best = cpu_best = float("inf")
    calls, begin = 0, time.perf_counter()
    while calls < 3 or time.perf_counter() - begin < seconds:
        at, cpu = time.perf_counter(), time.process_time()
        function()
        cpu_best = min(cpu_best, time.process_time() - cpu)
        best = min(best, time.perf_counter() - at)
        calls += 1
    return best, cpu_best


def alternate(row, options, modes, parts=1, peer=None, **more):
    """rapt and every mode of the peer in turn, `rounds` times; the least of all. modes: {name: function without arguments}, of
    torch unless `peer` names another.

    The ratio is one of times as a clock on the wall has them. Processor times are recorded beside it: on a machine that is
    shared they say what the ratio would be with nobody else there."""
    import torch

    work, never = row.work or row.id, (float("inf"), float("inf"))
    ours, theirs = never, dict.fromkeys(modes, never)
    for number in range(options.rounds):
        timing = rapt_bench(options, work, "--seconds", str(options.seconds))
        ours = tuple(map(min, ours, (timing["seconds"], timing["cpu_seconds"])))
        for name, function in modes.items():
            theirs[name] = tuple(map(min, theirs[name], (s / parts for s in least(function, options.seconds))))
        options.say(f"  {row.id} round {number + 1}: rapt {ours[0] * 1e3:.3f} ms (cpu {ours[1] * 1e3:.3f}), " +
                    ", ".join(f"{name} {s * 1e3:.3f} ms (cpu {c * 1e3:.3f})" for name, (s, c) in theirs.items()))
    best = min(theirs, key=lambda name: theirs[name][0])
    cpu = min(c for _, c in theirs.values())
    return [result(row, options, peer or f"torch {torch.__version__} {best}", ours[0], theirs[best][0], rapt_cpu_s=ours[1],
                   peer_cpu_s=cpu, cpu_ratio=cpu / ours[1], modes_s={name: s for name, (s, _) in theirs.items()},
                   rounds=options.rounds, **more)]


def agree(what, ours, theirs, tolerance=TOLERANCE):
    """The largest difference; an error where it is above the tolerance, or not a number."""
    difference = max(abs(float(a) - float(b)) for a, b in zip(ours, theirs, strict=True))
    if not difference <= tolerance:
        raise RuntimeError(f"{what}: rapt has {list(map(float, ours))}, the peer {list(map(float, theirs))}")
    return difference


def adamw(torch, model, meta):
    """As rapt's: matrices decay, biases and norms do not."""
    groups = [{"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": float(meta["weight_decay"])},
              {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=float(meta["lr"]), betas=(float(meta["beta1"]), float(meta["beta2"])),
                             eps=float(meta["eps"]), fused=True)


def step_function(torch, model, loss, optimizer, clip):
    """One training step; `loss` takes no arguments."""
    parameters = list(model.parameters())

    def step():
        value = loss()
        value.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(parameters, clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value

    return step


def compiled_best(torch, function):
    return torch.compile(function, dynamic=False)


def training(row, options, make, clip=0.0):
    """A row of training steps. make(torch, tensors) gives a module with rapt's weights, and its inputs; module(*inputs) is the
    loss. Eager and compiled steps begin at the same weights and have to give rapt's losses before and after three updates."""
    torch = import_torch(options)
    tensors, meta = saved(options, row.work or row.id)
    losses = tensors.pop("losses")
    model, inputs = make(torch, tensors)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    forward = {"eager": model}
    if options.compile:
        forward["compile"] = compiled_best(torch, model)
    modes, differences = {}, {}
    for name, function in forward.items():
        model.load_state_dict(start)
        step = step_function(torch, model, lambda function=function: function(*inputs), adamw(torch, model, meta), clip)
        begin = time.perf_counter()
        differences[name] = agree(f"{row.id}: losses of torch {name}", losses, [step().item() for _ in losses])
        options.say(f"  {row.id}: torch {name} gives rapt's losses within {differences[name]:.1e} "
                    f"({time.perf_counter() - begin:.0f} s)")
        modes[name] = step
    return alternate(row, options, modes, loss_difference=differences)
