"""Run the PTX of the CUDA kernels on the CPU and check every access to memory, without a GPU.

numba-cuda and NVVM compile a kernel to PTX for the types that the launcher passes. The PTX is translated to C, where
one function runs one thread. Registers are a struct, and each access to memory is a call that checks the access and a
point at which another thread may continue. Threads of a block run in an order that depends on the seed, from barrier to
barrier. Blocks run in a random order, one after another. In a kernel with fences, whose blocks may wait for each other,
a few of them are resident at a time and alternate; a clock for each thread says which accesses it is certain to see.

    pytest --ptx tests/ops -k cuda          a finding fails the test and names the line of PTX

    from ptx import fake_device, findings, settings
    fake_device.install(multiprocessors=4)  # backend.get("cuda") then works on this machine
    settings.seed = 3                       # order of blocks and threads, contents of uninitialised memory
    ...                                     # any code of the package with backend "cuda"
    findings.recorded                       # empty if no kernel did anything wrong

Kinds of findings:

    bounds            an access outside of every array of the launch, or of the shared arrays
    alignment         an address that is no multiple of the size of the access
    uninitialised     a load of bytes that no thread has written, or their copy to the CPU
    race              two threads access an address, one of them writes, and nothing orders them: no barrier between
                      them, and no fence, atomic access of the same word by both, and fence again
    barrier           threads wait at different barriers, or wait while others have returned
    hang              too many jumps
    division by zero  of integers
    launch            a grid or block that no GPU accepts
    types             arguments whose types differ from the kernel's signature

Files, in the order in which a kernel passes through them:

    compile.py        kernel -> PTX
    reader.py         PTX -> parameters, registers, shared arrays, instructions
    operands.py, arithmetic.py, c_writer.py             instructions -> C
    runtime.h, clocks.h, arithmetic.h, scheduler.h      the C around them
    memory.py         emulated arrays; fake_device.py puts them and the launches in the place of the GPU's
    program.py        compiles the C, launches it, and turns its reports into findings
    plugin.py         `pytest --ptx`

Limits: warps have no lockstep and no shuffles, memory is sequentially consistent, and
approximate functions have the CPU's last bits (`settings.ulps` perturbs them).
"""
