"""Open a model file in a child process, and take over only what the child wrote again.

``process.ask`` starts ``child.main`` in a Python of its own: isolated (``-I``), in a private temporary folder,
with an environment of a few harmless variables, without standard input, with its output captured and bounded.
The child limits itself before it imports anything large (``confinement``), opens the file, checks the estimator
and writes it again with ``joblib.dump``. What it reports is validated (``answers``); what it wrote is audited by
the caller before it is loaded.

This turns a crash, an exit, a hang or a flood into an error message, and keeps credentials and the network out of
reach while the file is opened. It is no sandbox: the child runs as the user, and reads and writes the user's files.

=====================================  =============================================  =======================
What                                   Linux                                          macOS
=====================================  =============================================  =======================
environment, folder, output, deadline  yes                                            yes
CPU time, file size, no core dump      yes                                            yes
address space                          yes                                            not enforced by the system
no network                             seccomp on x86-64 and arm64, and a network     no
                                       namespace where the kernel lets users make one
number of processes                    in a user namespace, for users other than root no
ends with its parent                   yes                                            at its CPU limit
=====================================  =============================================  =======================
"""
